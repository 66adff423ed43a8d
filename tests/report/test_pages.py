"""Pages load nothing and run nothing, whatever a notebook holds; a browser has no complaint about the committed."""

import json
import re
import shutil
import tempfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from links import dead_in
from tiny_notebooks import Runs, display, notebook, save

import kdelab
from kdelab.report.build import declarations, observe, published, site
from kdelab.report.build.project import Project
from kdelab.report.thread import MIME as THREAD

ROOT = Path(__file__).parents[2]
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
        if tag == "link" and given.get("rel") != "canonical":
            self.loads.append(given.get("href", ""))
        ours = {"module", "application/json"}  # the explorer, whose hash the policy knows, and what the search finds
        if tag == "script" and given.get("type") not in ours:
            self.loads.append("script")
        decorates = given.get("alt") == "" and given.get("width") == "180"  # the index's thumbnails, beside their title
        if tag == "img" and not (given.get("alt") or "").strip() and not decorates:
            self.without_alt += 1


SCRIPT = "<script>window.ran = 1</script>"
EVIL = f"{SCRIPT}<img src=x onerror='window.ran = 1'>\"'"
AWAY = "http://localhost:9/"
FOREIGN_HTML = f"""
{EVIL}
<meta http-equiv=refresh content="0;url={AWAY}"><link rel=stylesheet href="{AWAY}x.css"><base href="{AWAY}">
<svg onload="window.ran = 1"></svg> <a href="javascript:window.ran = 1">a</a> <iframe src="{AWAY}"></iframe>
<style>* {{ display: none }}</style> <form action="{AWAY}"> <p onclick="window.ran=1"> <img src="{AWAY}x.png">
<table border="1" class="dataframe"><tr style="text-align: right; background: url({AWAY})"><td>kept</td></tr></table>
<math><mtext><script>window.ran = 1</script></mtext></math> <textarea></textarea>{SCRIPT}
"""
PROSE = f"""# {EVIL} $\\text{{{SCRIPT}}}$

{EVIL}

$$\\href{{javascript:window.ran=1}}{{x}} \\style{{background:url({AWAY})}}{{y}} \\text{{<mi onclick="window.ran=1">}}$$

[a](javascript:window.ran=1) ![b]({AWAY}b.png) ![c](attachment:none.png) <javascript:window.ran=1>
"""
SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='window.ran=1'><script>ran=1</script></svg>"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def hostile_outputs():
    """Outputs that try to run a script or to load something, in every kind there is, and typed into every field."""
    evil = kdelab.Verdict("binning", [kdelab.Check(EVIL, 1.0, at_most=2)], note=EVIL)
    unknown = kdelab.Verdict(EVIL, [kdelab.Check(f"{EVIL}\n| x |", 1.0, at_most=2)])
    told = {"kdelab": {"caption": f"{EVIL} $\\text{{{SCRIPT}}}$", "decisive": True}}
    image = {"image/png": {"alt": EVIL, "width": EVIL, "height": EVIL}}
    yield nbformat.v4.new_output("stream", name="stdout", text=f"{EVIL}\x1b[31m{EVIL}")
    yield nbformat.v4.new_output("error", ename=EVIL, evalue=EVIL, traceback=[EVIL])
    yield display({"text/html": FOREIGN_HTML})
    yield display({"text/html": FOREIGN_HTML}, {"text/html": {"isolated": True}})
    yield display({"text/markdown": PROSE})
    yield display({"text/latex": EVIL})
    yield display({"image/svg+xml": SVG})
    yield display({"image/png": DOT}, {**told, **image})
    yield display({"image/jpeg": f'{DOT}" onerror="window.ran=1'}, {"image/jpeg": {"alt": EVIL}})
    yield display({"application/javascript": "window.ran = 1"})
    yield display({"application/vnd.jupyter.widget-view+json": {"model_id": EVIL}})
    yield display({"text/vnd.mermaid": EVIL})
    yield display(evil._repr_mimebundle_())
    yield display(unknown._repr_mimebundle_())
    told = {"text": EVIL, "kind": EVIL, "note": EVIL, "claims": [], "notebooks": [EVIL]}
    judged = {**told, "claims": [{"id": EVIL, "status": EVIL}]}
    yield display({"text/html": EVIL, THREAD: {"posts": [{"who": EVIL, "when": EVIL, "sentences": [told, judged]}]}})


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A site of one notebook that tries everything, run once more with parameters that do."""
    project, runs = Project(tmp_path_factory.mktemp("hostile")), Runs()
    made = notebook((PROSE,), (f"text = {EVIL!r}", "parameters"), (EVIL,))
    made.cells[2].outputs = list(hostile_outputs())
    name = "01-a&b'\"<i>#?%.ipynb"
    save(project.notebooks / name, made)
    save(project.notebooks / "02-next.ipynb", notebook(("# next",)))
    runs.failures[name.removesuffix(".ipynb")] = {"cell": EVIL, "error": EVIL}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "running", runs)
        patch.setattr(observe, "running", runs)
        patch.setattr(declarations, "checked", lambda notebook, asked, folder=None: dict(asked))
        observe.observe(project, "01", {"text": f"{EVIL} "})
        assert len(site.build(project)) == 1
    return project


def pages_of(project):
    return sorted(project.reports.rglob("*.html"))


def scripts_of(path):
    """How many scripts of our own the page has: the search has one, and its data; the explorer is one."""
    return {"search.html": 2, "explorer.html": 1}.get(path.name, 0)


class Runnable(HTMLParser):
    """What on a page would run, or lead to something that does."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        data = tag == "script" and dict(attrs).get("type") == "application/json"
        if not data and tag in ("script", "iframe", "object", "embed", "base", "form", "svg", "textarea"):
            self.found.append(tag)
        if tag == "meta" and dict(attrs).get("http-equiv", "").lower() == "refresh":
            self.found.append(tag)
        for name, value in attrs:
            leads = name in ("href", "src", "action") and re.match(
                r"\s*(javascript|vbscript|data:text)", value or "", re.I
            )
            if name.startswith("on") or leads:
                self.found.append(f"{tag} {name}={value}")


def test_nothing_on_a_hostile_page_runs_or_is_loaded(hostile):
    assert len(pages_of(hostile)) == 7
    for path in pages_of(hostile):
        text = path.read_text(encoding="utf-8")
        ours = ["script"] * (path.name in ("search.html", "explorer.html"))
        assert Runnable(text).found == ours, path.name
        assert [load for load in Loads(text).loads if not load.startswith("data:")] == ours[
            : path.name == "search.html"
        ]
        assert text.count("Content-Security-Policy") == 1
    page = pages_of(hostile)[0].read_text(encoding="utf-8")
    assert "<td>kept</td>" in page
    assert "&lt;script&gt;window.ran = 1&lt;/script&gt;" in page


def test_links_to_files_with_odd_names_lead_to_them(hostile):
    found = []
    for path in pages_of(hostile):
        for link in re.findall(r'href="([^"#:]+\.(?:html|ipynb))"', path.read_text(encoding="utf-8")):
            found.append(path.parent / unquote(link))
    odd = [link for link in found if "<i>" in link.name]
    assert len(odd) >= 4
    assert all(link.exists() for link in odd)


def test_every_link_of_the_site_leads_to_a_page_of_it_or_away(committed):
    assert dead_in(committed.reports) == []


def test_no_page_loads_anything_and_every_image_has_alt_text(committed):
    for path in pages_of(committed):
        text = path.read_text(encoding="utf-8")
        page = Loads(text)
        ours = ["script"] * (path.name == "search.html")
        assert [load for load in page.loads if not load.startswith("data:")] == ours, path.name
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


@pytest.fixture(scope="module")
def browser():
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
        found = webdriver.Chrome(options=options, service=Service(driver))
        try:
            found.execute_cdp_cmd("Network.enable", {})
            offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            found.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
            yield found
        finally:
            found.quit()


def asked_of_the_network(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert asked
    return [url for url in asked if url.startswith(("http", "ws", "ftp"))]


def test_a_browser_without_network_shows_all_pages_without_complaint(committed, browser):
    for path in pages_of(committed):
        browser.get(path.as_uri())
        assert browser.title
        wide = browser.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path.name} is {wide} pixels too wide"
        broken = "return [...document.images].filter(image => !image.naturalWidth).length"
        assert browser.execute_script(broken) == 0
        assert browser.get_log("browser") == [], path.name
    assert asked_of_the_network(browser) == []


def test_in_a_browser_no_script_of_a_hostile_page_runs(hostile, browser):
    for path in pages_of(hostile):
        browser.get(path.as_uri())
        ran, scripts = browser.execute_script("return [window.ran, document.scripts.length]")
        assert (ran, scripts) == (None, scripts_of(path)), path.name
        assert browser.execute_script("return location.protocol") == "file:"
        assert [entry for entry in browser.get_log("browser") if "ERR_INVALID_URL" not in entry["message"]] == []
    assert asked_of_the_network(browser) == []


def test_in_a_browser_the_policy_stops_what_nobody_escaped(committed, browser, tmp_path):
    for path in (committed.reports / "index.html", committed.reports / "03-the-softmax-limit.html"):
        through = f"{EVIL}<img src='{AWAY}x.png'><a id=bad href='javascript:window.ran = 1'>x</a>"
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8").replace("<main id", f"{through}<main id"))
        browser.get((tmp_path / path.name).as_uri())
        browser.execute_script("document.getElementById('bad').click()")
        assert browser.execute_script("return document.scripts.length") == 1
        assert browser.execute_script("return window.ran") is None
        stopped = [entry["message"] for entry in browser.get_log("browser")]
        assert sum("Content Security Policy" in message for message in stopped) >= 3
