"""Pages in Chromium: what axe-core says of them, and what is wider than the window; ``tour.py FOLDER`` prints it."""

import sys
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

WIDTHS, THEMES = (360, 1280), ("light", "dark")
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_RUN = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: {type: "tag", values: arguments[0]}, resultTypes: ["violations"]}).then(
  found => done(found.violations.map(
    v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])),
  error => done([["axe failed", 1, String(error), ""]]));
"""
_WIDER = """
const room = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth <= room) return "";
const wide = [...document.body.querySelectorAll("*")].filter(e => e.getBoundingClientRect().right > room + 1);
const last = wide.slice(-1).map(e => e.outerHTML.slice(0, 150));
return document.documentElement.scrollWidth + " px of " + room + ": " + last;
"""


@contextmanager
def chromium():
    """A headless browser without a network."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--proxy-server=127.0.0.1:9"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def show(driver, width, theme):
    """Give the window a width, and the page a preference of light or dark."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    preference = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", preference)


def complaints(driver, page):
    """What is wrong with a page, code open, in each width and theme, a line each."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    found = []
    driver.get("file://" + quote(str(Path(page).resolve())))
    driver.execute_script("document.querySelectorAll('details').forEach(one => { one.open = true; });")
    driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})  # the pages' own policy lets no script in
    for theme in THEMES:
        for width in WIDTHS:
            show(driver, width, theme)
            wider = driver.execute_script(_WIDER)
            found += [f"{theme}, {width} px: wider than the window: {wider}"] if wider else []
            for name, times, html, why in driver.execute_async_script(_RUN, _TAGS):
                found.append(f"{theme}, {width} px: {name}, {times} times: {html} {' '.join(why.split())[:300]}")
    return found


def main(folder):
    """Print the complaints about all pages of a folder; return how many there are."""
    total = 0
    with chromium() as driver:
        driver.set_script_timeout(300)
        for page in sorted(Path(folder).rglob("*.html")):
            for line in complaints(driver, page):
                print(f"{page.relative_to(folder)}: {line}", flush=True)
                total += 1
    print(f"{total} complaints")
    return total


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) > 0)
