"""A headless Chromium with a profile of its own, for tests of what only a browser can tell."""

import contextlib
import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def missing() -> str:
    """What is missing for the browser tests, in words; nothing if all is there."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"{program} isn't installed (Debian: apt install chromium chromium-driver)"
    return "" if importlib.util.find_spec("selenium") else "selenium isn't installed"


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """Give a driver."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for switch in (
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,1800",
        f"--user-data-dir={profile}", "--no-proxy-server",
    ):  # fmt: skip
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()
