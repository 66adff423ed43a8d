"""The explorer in a real JupyterLab in a real browser."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from explorer_cases import truth
from in_chromium import chromium, missing
from tiny_notebooks import notebook, save

import kdelab

PATIENCE = 1800  # seconds; what waits for a program gives up on one that is stuck, not on one that is slow
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


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


NOTEBOOK = """
import json
import pathlib
import kdelab
explorer = kdelab.explore(kernel=kdelab.Gaussian(0.1))
explorer.observe(lambda change: pathlib.Path("moved.json").write_text(json.dumps(explorer.state)))
explorer
"""


@pytest.mark.xdist_group("browser")
@pytest.mark.slow
def test_in_jupyterlab_a_handle_moves_picture_numbers_and_python(tmp_path, monkeypatch):
    if said := missing():
        pytest.skip(said)
    pytest.importorskip("jupyterlab")
    from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    save(tmp_path / "notebooks" / "mine.ipynb", notebook((NOTEBOOK,)))
    with jupyter_lab(tmp_path) as address, chromium(tmp_path / "profile") as driver:
        wait = WebDriverWait(
            driver, PATIENCE, ignored_exceptions=[StaleElementReferenceException, NoSuchElementException]
        )
        driver.get(f"{address}/lab/tree/mine.ipynb?reset")
        wait.until(lambda d: d.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-Cell"))
        wait.until(lambda d: "Idle" in d.find_element(By.TAG_NAME, "body").get_attribute("innerHTML"))
        run_all(driver)

        def found(css):
            return wait.until(lambda d: d.find_element(By.CSS_SELECTOR, f".kdelab-explorer {css}"))

        def python():
            """What Python has been told, once that is what the browser shows."""
            place = found("[aria-label='Target, its centre']").get_attribute("aria-valuenow")

            def told(d):
                with contextlib.suppress(OSError, json.JSONDecodeError):
                    state = json.loads((tmp_path / "notebooks" / "moved.json").read_text())
                    return state if sum(state["target"]) / 2 == pytest.approx(float(place)) else None

            return wait.until(told)

        handle = found("[aria-label='Target, its centre']")
        driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", handle)
        shot(driver, "before")
        driver.execute_script("arguments[0].focus()", handle)
        ActionChains(driver).send_keys(*[Keys.ARROW_RIGHT] * 20).perform()
        wait.until(lambda d: handle.get_attribute("aria-valuenow").startswith("0.1"))
        state = python()
        assert state["target"] == pytest.approx([-0.05, 0.25])
        value, _ = truth(state, kdelab.Gaussian(0.1))
        wait.until(lambda d: f"{value:.4f}".replace("-", "−") in found(".kx-loss").text)
        ActionChains(driver).drag_and_drop_by_offset(handle, 40, 0).perform()
        assert python()["target"][0] > -0.04
        shot(driver, "after")
        assert driver.find_elements(By.CSS_SELECTOR, ".jp-OutputArea-output[data-mime-type$=stderr]") == []


def shot(driver, name: str) -> None:
    """Keep a screenshot where KDELAB_SHOTS names a folder."""
    if folder := os.environ.get("KDELAB_SHOTS"):
        driver.save_screenshot(str(Path(folder) / f"explorer-{name}.png"))
