"""The pages of the committed notebooks: they load nothing from anywhere, and a browser has no complaint."""

import json
import re
import shutil
import tempfile
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest

from kdelab.report import cells, published, site
from kdelab.report.files import Project
from kdelab.report.fingerprints import RECORD, fingerprint
from kdelab.report.inside import versions

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.xdist_group("pages")  # one worker: the built site is shared


class Loads(HTMLParser):
    """What a page makes a browser load, and its images without alt text."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.without_alt = [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.loads += [given[name] for name in ("src", "srcset", "poster", "data", "background") if given.get(name)]
        if tag == "link":
            self.loads.append(given.get("href", ""))
        if tag == "script":
            self.loads.append("script")
        if tag == "img" and not (given.get("alt") or "").strip():
            self.without_alt += 1


@pytest.fixture(scope="module")
def committed(tmp_path_factory):
    """The site of the committed notebooks' own outputs, without running them again."""
    project = Project(tmp_path_factory.mktemp("committed"))
    project.reports.mkdir()
    shutil.copytree(ROOT / "notebooks", project.notebooks, ignore=shutil.ignore_patterns(".*"))
    for path in cells.listed(project.notebooks):
        ran = cells.without_explorer(cells.read(path))
        ran.metadata[RECORD] = {
            "key": fingerprint(project, ran, {}), "commit": None, "dirty": None, "versions": versions(),
            "seconds": 0.0, "given": {}, "failure": None,
        }  # fmt: skip
        nbformat.write(ran, project.reports / path.name)
    assert site.build(project) == []
    return project


def test_no_page_loads_anything_and_every_image_has_alt_text(committed):
    for path in sorted(committed.reports.glob("*.html")):
        text = path.read_text(encoding="utf-8")
        page = Loads(text)
        assert [load for load in page.loads if not load.startswith("data:")] == [], path.name
        assert page.without_alt == 0, path.name
        assert "@import" not in text
        assert "url(http" not in text


def test_links_between_pages_lead_somewhere(committed):
    for path in committed.reports.glob("*.html"):
        for link in re.findall(r'href="([^"#:]+\.html)', path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists() or not_yet(link), f"{path.name}: {link}"


def not_yet(link):
    """A page whose notebook is announced by the registry, and open."""
    return Path(link).stem in {claim.notebook for claim in published.CLAIMS}


def test_a_browser_without_network_shows_all_pages_without_complaint(committed):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Debian's chromium and chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    options = Options()
    options.binary_location = chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (
            "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
            "disable-component-update", "disable-sync", "disable-dev-shm-usage", f"user-data-dir={profile}",
        ):  # fmt: skip
            options.add_argument(f"--{flag}")
        browser = webdriver.Chrome(options=options, service=Service(driver))
        try:
            browser.execute_cdp_cmd("Network.enable", {})
            offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            browser.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
            for path in sorted(committed.reports.glob("*.html")):
                browser.get(path.as_uri())
                assert browser.title
                wide = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, f"{path.name} is {wide} pixels too wide"
                broken = "return [...document.images].filter(image => !image.naturalWidth).length"
                assert browser.execute_script(broken) == 0
                assert browser.get_log("browser") == [], path.name
            messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
        finally:
            browser.quit()
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    assert [url for url in asked if url.startswith(("http", "ws", "ftp"))] == []
