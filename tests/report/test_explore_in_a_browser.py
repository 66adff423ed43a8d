"""The explorer's sliders in a real JupyterLab in a real browser."""

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
from pathlib import Path

import pytest

import kdelab

PATIENCE = 1800  # seconds; what waits for a program gives up on one that is stuck, not on one that is slow
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


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
@pytest.mark.slow
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
