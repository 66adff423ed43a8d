"""The explorer: its numbers, its speed, and its sliders in a real JupyterLab in a real browser."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import kdelab

PATIENCE = 1800  # seconds; what waits for a program gives up on one that is stuck, not on one that is slow
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def pixels(explorer):
    return np.asarray(Image.open(BytesIO(explorer._picture.value)))


# ---- in this process


@pytest.mark.parametrize(
    "kernel",
    [
        kdelab.Laplace(0.2),
        kdelab.Gaussian(0.1),
        kdelab.Cauchy(0.3),
        kdelab.GeneralizedNormal(0.6, 0.2),
        kdelab.Box(1.0),
    ],
    ids=repr,
)
def test_shows_the_loss_and_the_gradient_of_the_reference(kernel):
    points, logits, target = [-0.4, 0.0, 0.3], [0.5, 0.0, -0.5], (-0.1, 0.2)
    explorer = kdelab.explore(points, logits, target, kernel)
    assert explorer.value == pytest.approx(kdelab.reference.loss(points, logits, *target, kernel), abs=1e-8)
    assert explorer.gradient == pytest.approx(kdelab.reference.gradient(points, logits, *target, kernel), abs=1e-8)
    assert f"{explorer.gradient[0] + 0.0:+.4f}" in explorer._numbers.value


def test_every_control_changes_picture_and_numbers():
    explorer = kdelab.explore(kernel=kdelab.GeneralizedNormal(1.2, 0.1))
    moves = {
        explorer.points[1]: -0.2, explorer.logits[0]: 2.0, explorer.centre: 0.3, explorer.width: 0.5,
        explorer.shape: 2.0, explorer.bandwidth: 0.3, explorer.kernel: "Cauchy",
    }  # fmt: skip
    for control, value in moves.items():
        before, numbers = pixels(explorer), explorer._numbers.value
        control.value = value
        assert (pixels(explorer) != before).any(), control.description
        assert explorer._numbers.value != numbers, control.description


def test_the_picture_is_the_same_whatever_was_shown_before():
    """The stored background is not drawn over by what has moved away."""
    wandered, fresh = kdelab.explore(), kdelab.explore()
    for centre in (0.8, -0.7, 0.4):
        wandered.centre.value = centre
    wandered.bandwidth.value = 0.02
    wandered.bandwidth.value, wandered.centre.value = fresh.bandwidth.value, fresh.centre.value
    assert (pixels(wandered) == pixels(fresh)).all()


def test_out_of_reach_is_said_in_words():
    explorer = kdelab.explore(points=[0.0, 0.1], target=(0.5, 0.9), kernel=kdelab.Epanechnikov(0.2))
    assert explorer.value == np.inf
    assert "infinite" in explorer._numbers.value
    assert (explorer.gradient == 0).all()


def test_one_bin_one_point():
    explorer = kdelab.explore(points=[0.3], target=(0.0, 0.0))
    assert explorer.value == pytest.approx(kdelab.reference.loss([0.3], [0.0], 0.0, 0.0, kdelab.Laplace(0.1)))
    assert explorer.gradient == pytest.approx([0.0])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"points": []}, "points"),
        ({"points": np.zeros(9)}, "points"),
        ({"points": [0.0, np.nan]}, "points"),
        ({"points": [0.0, 0.1], "logits": [0.0]}, "logits"),
        ({"target": (0.2, 0.1)}, "target"),
        ({"target": (0.2,)}, "target"),
        ({"target": 0.2}, "target"),
        ({"target": ("0.1", "0.2")}, "target"),
        ({"target": (-1.7e308, 1.7e308)}, "target"),
        ({"points": [1.7e308]}, "points"),
        ({"kernel": "Laplace"}, "kernel"),
    ],
)
def test_refuses(arguments, named):
    with pytest.raises(ValueError, match=named):
        kdelab.explore(**arguments)


FAR = (-0.05, 0.1, 0.3)
SIDES = (-0.15, 0.15)


@pytest.mark.parametrize(
    ("arguments", "loss"),
    [
        ({"kernel": kdelab.Laplace(0.001)}, 34.4646),
        ({"kernel": kdelab.Laplace(20)}, 3.69706),
        ({"kernel": kdelab.Laplace(3.3e-5)}, 1190.9676),
        ({"kernel": kdelab.Cauchy(1e9)}, 21.868),
        ({"kernel": kdelab.GeneralizedNormal(0.2, 0.1)}, 4.19384),
        ({"kernel": kdelab.GeneralizedNormal(8, 0.1)}, -0.634212),
        ({"kernel": kdelab.GeneralizedNormal(50, 0.1)}, None),
        ({"logits": (0, 20, -30)}, -0.526105),
        ({"logits": (0, 8.01, 1e5)}, None),
        ({"target": (0.1, 0.3)}, None),
        ({"target": (0.7, 0.9), "points": (0.2, 0.8), "kernel": kdelab.Box(0.1)}, None),
        ({"target": (-5.0, 1e6)}, None),
        ({"points": (1e6, 0.0)}, None),
    ],
    ids=repr,
)
def test_shows_the_loss_of_the_very_arguments_asked_for(arguments, loss):
    """Literals from mpmath; beside them, to the last digit, what the library says of the same arguments."""
    asked = {"points": FAR, "target": SIDES, "kernel": kdelab.Laplace(0.1)} | arguments
    explorer = kdelab.explore(**asked)
    clusters = kdelab.Clusters.from_lists([asked["points"]], *([end] for end in asked["target"]))
    logits = asked.get("logits", np.zeros(len(asked["points"])))
    values, gradient = kdelab.CrossEntropy(clusters, asked["kernel"]).value_and_grad(logits)
    assert explorer.value == values[0]
    assert explorer.gradient.tolist() == gradient.tolist()
    assert loss is None or explorer.value == pytest.approx(loss, rel=1e-5)


def test_a_moved_slider_draws_nothing_anew_but_what_moves(monkeypatch):
    """What keeps a redraw fast: no figure and no axes are drawn again while the density's axis can stay as it is."""
    explorer = kdelab.explore(points=np.linspace(-0.8, 0.8, 6), kernel=kdelab.Gaussian(0.1))
    drawn, canvas = [], explorer._canvas
    monkeypatch.setattr(canvas._agg, "draw", lambda: drawn.append("figure"))
    for axes in (canvas._density, canvas._arrows, canvas._shares):
        draw = axes.draw_artist
        monkeypatch.setattr(axes, "draw_artist", lambda artist, draw=draw: (drawn.append("artist"), draw(artist)))
    for step in range(5):
        explorer.centre.value = 0.05 * step + 0.02
    assert drawn.count("figure") == 0
    artists = sum(len(artists) for artists in canvas._lines.values())
    assert drawn.count("artist") == 5 * (artists + 6)  # and a polygon for each point's share


def test_a_kernel_of_ones_own_is_refused_and_not_shown_as_another():
    class Mine(kdelab.Laplace):
        """Named as no kernel that the explorer knows."""

    with pytest.raises(ValueError, match=r"^kernel must be one of"):
        kdelab.explore(kernel=Mine(0.1))


# ---- in a browser


def _missing() -> str:
    """What is missing for the browser tests, in words; nothing if all is there."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} isn't installed (Debian: apt install chromium chromium-driver)"
    for module in ("selenium", "jupyterlab"):
        if __import__("importlib.util").util.find_spec(module) is None:
            return f"{module} isn't installed"
    return ""


@contextlib.contextmanager
def jupyter_lab(folder: Path):
    """The address of a server, on a free port of the loopback, of ``folder / "notebooks"``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    overrides = folder / "settings" / "overrides.json"
    overrides.parent.mkdir()
    overrides.write_text(
        '{"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": false}}'
    )
    command = [
        sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}",
        "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder / 'notebooks'}", f"--LabApp.app_settings_dir={overrides.parent}",
        "--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    private = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}
    environment = {
        **os.environ,
        **{name: str(folder / "own" / part) for name, part in private.items()},
        "PYTHONPATH": os.pathsep.join([str(NOTEBOOKS.parent), os.environ.get("PYTHONPATH", "")]),
    }
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2 * PATIENCE):
            assert server.poll() is None, (folder / "lab.log").read_text()
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/api/status", timeout=60):
                break
            time.sleep(0.5)
        yield address
    finally:
        # The server stops its kernels when asked; the group is ended in case it doesn't.
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


@contextlib.contextmanager
def chromium(profile: Path):
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for switch in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1800",
        f"--user-data-dir={profile}", "--no-proxy-server",
    ):  # fmt: skip
        options.add_argument(switch)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def run_all(driver) -> None:
    """Choose Run, Run All Cells. JupyterLab drops the choice while it is still settling: ask until a cell answers."""
    from selenium.common.exceptions import TimeoutException, WebDriverException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    def entry(label, text):
        def found(d):
            return next((e for e in d.find_elements(By.CLASS_NAME, label) if e.text == text), None)

        return WebDriverWait(driver, 10, ignored_exceptions=[WebDriverException]).until(found)

    def started(d):
        return any(re.search(r"\[[*\d]", p.text) for p in d.find_elements(By.CLASS_NAME, "jp-InputPrompt"))

    for _ in range(PATIENCE // 20):
        with contextlib.suppress(TimeoutException, WebDriverException):
            entry("lm-MenuBar-itemLabel", "Run").click()
            entry("lm-Menu-itemLabel", "Run All Cells").click()
            WebDriverWait(driver, 10, ignored_exceptions=[WebDriverException]).until(started)
            return
        ActionChains(driver).send_keys(Keys.ESCAPE).perform()
    shot(driver, "stuck")
    raise AssertionError("JupyterLab ran no cell")


@pytest.mark.xdist_group("browser")
def test_a_slider_moves_picture_and_gradient_in_jupyterlab(tmp_path, monkeypatch):
    if missing := _missing():
        pytest.skip(missing)
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    (tmp_path / "notebooks").mkdir()
    shutil.copy(NOTEBOOKS / "playground.ipynb", tmp_path / "notebooks")
    with jupyter_lab(tmp_path) as address, chromium(tmp_path / "profile") as driver:
        # A first run compiles; a redraw may replace an element between finding and reading it.
        wait = WebDriverWait(
            driver, PATIENCE, ignored_exceptions=[StaleElementReferenceException, NoSuchElementException]
        )
        driver.get(f"{address}/lab/tree/playground.ipynb?reset")
        wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
        wait.until(lambda d: "Idle" in d.find_element(By.TAG_NAME, "body").get_attribute("innerHTML"))

        run_all(driver)

        def shown(d):
            picture = d.find_element(By.CSS_SELECTOR, "img.kdelab-picture").get_attribute("src")
            gradient = d.find_element(By.CSS_SELECTOR, ".kdelab-gradient").text
            return (picture, gradient) if re.search(r"\d", gradient) else None

        def redrawn(before):
            def both_differ(d):
                now = shown(d)
                return now if now and now[0] != before[0] and now[1] != before[1] else None

            return wait.until(both_differ)

        first = wait.until(shown)
        handle = driver.find_elements(By.CSS_SELECTOR, ".widget-slider .noUi-handle")[2]  # the target's centre
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
        shot(driver, "before")
        handle.click()
        ActionChains(driver).send_keys(*[Keys.ARROW_RIGHT] * 20).perform()
        there = kdelab.explore(kernel=kdelab.Laplace(0.1))
        there.centre.value = 20 * there.centre.step
        stepped = wait.until(lambda d: (now := shown(d)) and now[1] in there._numbers.value and now)  # the last step
        assert stepped[0] != first[0]
        shot(driver, "after")
        ActionChains(driver).drag_and_drop_by_offset(handle, 40, 0).perform()
        _, gradient = redrawn(stepped)
        assert len(set(re.findall(r"[-+]\d\.\d+", gradient))) > 1


def shot(driver, name: str) -> None:
    """Keep a screenshot where KDELAB_SHOTS names a folder."""
    if folder := os.environ.get("KDELAB_SHOTS"):
        driver.save_screenshot(str(Path(folder) / f"explorer-{name}.png"))
