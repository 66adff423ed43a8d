"""The explorer inline on pages, in a browser, from file://: its numbers, its redraws, its keys and what it says."""

import re
import time
from itertools import pairwise

import numpy as np
import pytest
from explorer_cases import KINDS, table, truth
from in_chromium import chromium, missing
from tiny_notebooks import Runs, display, notebook, save

from kdelab.report.build import site
from kdelab.report.build.markup import policy
from kdelab.report.build.project import Project
from kdelab.report.explorer.explore import KERNELS, MOST_POINTS
from kdelab.report.explorer.module import EXAMPLE, MIME, SCRIPT, STYLE

pytestmark = pytest.mark.xdist_group("explorer")  # one worker: the site and the browser are shared

EVIL = "</script>'\"><img src=x onerror='window.ran = 1'>"
NONSENSE = {"points": [EVIL, None, 1.0], "logits": EVIL, "target": {EVIL: 1}, "kernel": EVIL, "bandwidth": EVIL}
CROWD = {**EXAMPLE, "points": np.linspace(-0.9, 0.9, MOST_POINTS).tolist(), "logits": [0.0] * MOST_POINTS}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A site of one notebook with three explorers, one of twenty points and one of nonsense; its folder."""
    project = Project(tmp_path_factory.mktemp("played"))
    made = notebook(("# 01 · Played",), ("kdelab.explore()", "explore"))
    made.cells[1].outputs = [display({MIME: state}) for state in (EXAMPLE, CROWD, NONSENSE)]
    save(project.notebooks / "01-played.ipynb", made)
    save(project.notebooks / "02-still.ipynb", notebook(("# 02 · Still",)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "running", Runs())
        assert site.build(project) == []
    return project.reports


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if said := missing():
        pytest.skip(said)
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        driver.set_script_timeout(300)
        yield driver


@pytest.fixture
def page(pages, browser):
    """The explorer's own page, and its explorer."""
    browser.get((pages / "explorer.html").as_uri())
    return browser


def handle(browser, label, at=0):
    found = browser.find_elements("css selector", ".kdelab-explorer")[at]
    return found.find_element("css selector", f"[role=slider][aria-label='{label}']")


def frames(browser):
    """Wait until what was asked for is drawn."""
    browser.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")


def redraws(browser, at=0):
    found = browser.find_elements("css selector", ".kdelab-explorer")[at]
    return int(found.get_attribute("data-redraws"))


def value(element):
    return float(element.get_attribute("aria-valuenow"))


def loss(browser):
    return browser.find_element("css selector", ".kx-loss").text


def press(browser, element, *keys):
    browser.execute_script("arguments[0].focus()", element)
    element.send_keys(*keys)
    frames(browser)


def drag(browser, element, dx, steps=10):
    """Drag by real mouse events, one after the other; return how many there were."""
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
    box = element.rect
    top = browser.execute_script("return arguments[0].getBoundingClientRect().y", element)
    x, y = box["x"] + box["width"] / 2, top + box["height"] / 2

    def mouse(kind, x, buttons):
        told = {"type": kind, "x": x, "y": y, "button": "left", "buttons": buttons, "clickCount": 1}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", told)

    mouse("mousePressed", x, 1)
    for step in range(1, steps + 1):
        mouse("mouseMoved", x + dx * step / steps, 1)
    mouse("mouseReleased", x + dx, 0)
    frames(browser)
    return steps


def test_the_module_knows_every_kernel():
    assert set(re.findall(r"^  (\w+): \(\w*\) =>", SCRIPT, re.MULTILINE)) >= {kind.__name__ for kind in KINDS}
    assert list(KERNELS) == [kind.__name__ for kind in KINDS]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_what_a_page_computes_is_what_kdelab_computes(kind, page):
    """By the page's own text, as a module of a page without a policy, since the page itself runs nothing of ours."""
    text = page.execute_script("return document.querySelector('script[type=module]').textContent")
    page.get("about:blank")
    cases = table(kind)
    assert len(cases) == 200
    found = page.execute_async_script(
        """
        const [text, states, done] = arguments;
        import(URL.createObjectURL(new Blob([text], { type: "text/javascript" }))).then(({ crossEntropy }) =>
          done(states.map(crossEntropy).map(({ value, gradient }) => [String(value), gradient])));
        """,
        text,
        [state for state, _ in cases],
    )
    infinite = 0
    for (state, kernel), (shown, gradient) in zip(cases, found, strict=True):
        wanted, wanted_gradient = truth(state, kernel)
        infinite += wanted == np.inf
        assert float(shown.replace("Infinity", "inf")) == pytest.approx(wanted, rel=1e-6, abs=1e-6), state
        assert gradient == pytest.approx(wanted_gradient, abs=1e-6), state
    assert (20 < infinite < 180) if kernel.support < np.inf else infinite == 0


def test_a_page_runs_the_module_and_nothing_else(pages, browser):
    for name, explorers in (("01-played", 3), ("explorer", 1), ("02-still", 0), ("index", 0)):
        text = (pages / f"{name}.html").read_text(encoding="utf-8")
        assert text.count(policy([SCRIPT] if explorers else []).replace("'", "&#39;") + '"') == 1
        browser.get((pages / f"{name}.html").as_uri())
        drawn = browser.execute_script("return document.querySelectorAll('.kdelab-explorer svg .kx-density').length")
        assert drawn == explorers
        assert browser.execute_script("return [window.ran, document.scripts.length]") == [None, min(explorers, 1)]
        assert [entry["message"] for entry in browser.get_log("browser")] == []
        assert text.count("<noscript>") == explorers
    assert 'href="explorer.html"' in (pages / "index.html").read_text(encoding="utf-8")


def test_a_change_of_the_module_is_stopped_by_the_policy(pages, browser, tmp_path):
    honest = (pages / "explorer.html").read_text(encoding="utf-8")
    changed = honest.replace("export default", "window.ran = 1; export default")
    (tmp_path / "changed.html").write_text(changed, encoding="utf-8")
    browser.get((tmp_path / "changed.html").as_uri())
    assert browser.execute_script("return window.ran") is None
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


def test_a_handle_is_dragged_and_all_numbers_follow(page):
    point, before = handle(page, "Point 2"), loss(page)
    drag(page, point, 80)
    assert value(point) > EXAMPLE["points"][1] + 0.1
    assert loss(page) != before
    state = {**EXAMPLE, "points": [value(handle(page, f"Point {j + 1}")) for j in range(4)]}
    wanted, gradient = truth(state, KERNELS["Laplace"](0.1))
    assert f"{wanted:.4f}".replace("-", "−") in loss(page)
    pulls = [row.text for row in page.find_elements("css selector", ".kdelab-explorer td:last-child")]
    assert pulls == [f"{-g:.3f}".replace("-", "−") for g in gradient]
    assert f"pull {pulls[1]}" in point.get_attribute("aria-valuetext")


def test_target_and_its_ends_are_dragged_and_may_meet(page):
    centre, lower, upper = (handle(page, f"Target, {name}") for name in ("its centre", "lower end", "upper end"))
    drag(page, centre, 60)
    assert value(centre) == pytest.approx((value(lower) + value(upper)) / 2)
    assert value(upper) - value(lower) == pytest.approx(0.3)
    drag(page, lower, 400)
    assert value(lower) == value(upper)
    assert "one place" in centre.get_attribute("aria-valuetext")
    state = {**EXAMPLE, "target": [value(lower)] * 2}
    assert f"{truth(state, KERNELS['Laplace'](0.1))[0]:.4f}".replace("-", "−") in loss(page)


def test_a_finger_drags_too(page):
    point = handle(page, "Point 3")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", point)
    middle = "const box = arguments[0].getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]"
    x, y = page.execute_script(middle, point)
    for kind, dx in (("touchStart", 0), ("touchMove", 30), ("touchMove", 60), ("touchEnd", None)):
        touches = [] if dx is None else [{"x": x + dx, "y": y}]
        page.execute_cdp_cmd("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    frames(page)
    assert value(point) > EXAMPLE["points"][2] + 0.05


def test_a_drag_event_redraws_once_and_no_more_with_twenty_points(pages, browser):
    browser.get((pages / "01-played.html").as_uri())
    for at in (0, 1):
        frames(browser)
        before = redraws(browser, at)
        events = drag(browser, handle(browser, "Point 1", at), 50, steps=12)
        assert 1 <= redraws(browser, at) - before <= events
    many = """
      const [element, done] = arguments;
      for (let i = 0; i < 50; i++) element.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
      requestAnimationFrame(() => requestAnimationFrame(done));
    """
    for at in (0, 1):
        before = redraws(browser, at)
        browser.execute_async_script(many, handle(browser, "Point 1", at))
        assert redraws(browser, at) - before == 1, "events of one frame are drawn together"


def test_every_handle_is_a_slider_for_the_keyboard(page):
    from selenium.webdriver.common.keys import Keys

    for element in page.find_elements("css selector", ".kdelab-explorer svg [role=slider]"):
        assert element.get_attribute("tabindex") == "0"
        least, most = (float(element.get_attribute(f"aria-value{end}")) for end in ("min", "max"))
        start = value(element)
        press(page, element, Keys.ARROW_RIGHT)
        assert value(element) == pytest.approx(start + 0.005)
        press(page, element, Keys.ARROW_LEFT, Keys.PAGE_DOWN)
        assert value(element) == pytest.approx(max(start - 0.05, least))
        press(page, element, Keys.HOME)
        assert value(element) == pytest.approx(least)
        press(page, element, Keys.END)
        assert value(element) == pytest.approx(most)
        assert re.search(r"guess factor −?\d\.\d{3}", element.get_attribute("aria-valuetext"))
        page.find_element("xpath", "//button[text()='Reset']").click()
        frames(page)
        assert value(element) == pytest.approx(start)


def test_the_loss_is_spoken_once_the_hand_rests(page):
    from selenium.webdriver.common.keys import Keys

    said = page.find_element("css selector", ".kdelab-explorer [aria-live=polite]")
    assert said.get_attribute("textContent") == ""
    spoken = "const s = document.querySelector('.kdelab-explorer [aria-live]'); window.spoken = 0;"
    page.execute_script(spoken + "new MutationObserver(() => window.spoken++).observe(s, { childList: true })")
    press(page, handle(page, "Point 1"), *[Keys.ARROW_RIGHT] * 5)
    for _ in range(100):
        if said.get_attribute("textContent"):
            break
        time.sleep(0.1)
    assert said.get_attribute("textContent") == loss(page)
    assert page.execute_script("return window.spoken") == 1


def test_every_control_is_named_and_changes_the_loss(page):
    from selenium.webdriver.support.ui import Select

    nameless = """return [...document.querySelectorAll('.kdelab-explorer :is(input, select, button)')].filter(
      (one) => !(one.ariaLabel || one.labels?.length || one.textContent.trim())).length"""
    assert page.execute_script(nameless) == 0
    seen = [loss(page)]

    def changed():
        frames(page)
        seen.append(loss(page))

    def slide(css, to):
        page.execute_script(
            "const [css, to] = arguments; const one = document.querySelector(css); one.value = to;"
            "one.dispatchEvent(new Event('input'))", css, to,
        )  # fmt: skip
        changed()

    kernel = Select(page.find_element("css selector", ".kdelab-explorer select"))
    assert [option.get_attribute("value") for option in kernel.options] == list(KERNELS)
    slide("[aria-label='Logit of point 2']", 3)
    kernel.select_by_visible_text("Cauchy")
    changed()
    kernel.select_by_visible_text("Generalized Normal")
    changed()
    slide(".kx-controls label:nth-of-type(3) input", 0.3)
    slide(".kx-controls label:nth-of-type(2) input", -0.5)
    assert all(one != other for one, other in pairwise(seen))
    kernel.select_by_visible_text("Box")
    slide(".kx-controls label:nth-of-type(2) input", -1.5)
    assert seen[-1].startswith("The loss is infinite: part of the target is out of every point's reach")


def test_points_are_added_and_removed_between_one_and_twenty(page):
    more, less = page.find_elements("css selector", ".kx-buttons button")[:2]
    for number in range(5, MOST_POINTS + 1):
        more.click()
        frames(page)
        assert len(page.find_elements("css selector", ".kx-point")) == number
    assert not more.is_enabled()
    page.execute_script("arguments[0].focus()", handle(page, "Point 7"))
    assert less.text == "Remove point 7"
    place = value(handle(page, "Point 8"))
    less.click()
    frames(page)
    assert value(handle(page, "Point 7")) == place
    while less.is_enabled():
        less.click()
        frames(page)
    assert len(page.find_elements("css selector", ".kx-point")) == 1
    assert page.get_log("browser") == []


def test_on_a_phone_it_fits_and_every_target_is_large_enough(pages, browser):
    phone = {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        for name in ("explorer", "01-played"):
            browser.get((pages / f"{name}.html").as_uri())
            frames(browser)
            assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
            small = """return [...document.querySelectorAll(
                '.kdelab-explorer :is([role=slider] rect, button, select, input)')].map((one) => {
                  const box = one.getBoundingClientRect(); return [one.outerHTML.slice(0, 80), box.width, box.height];
                }).filter(([, width, height]) => Math.min(width, height) < 23.99)"""
            assert browser.execute_script(small) == []
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def mixed(one, other, share):
    """So much of one colour over another."""
    parts = (share * int(one[i : i + 2], 16) + (1 - share) * int(other[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(part):02x}" for part in parts)


def test_colours_have_contrast_in_light_and_dark():
    hues = re.findall(r"--kx-hue: (#\w{6})", STYLE)
    assert len(hues) == len(set(hues)) == int(re.search(r"const HUES = (\d+)", SCRIPT)[1])
    for hue in hues:
        assert contrast(hue, "#ffffff") >= 4.5, "numbers are white on it"
    for colour in [*hues, re.search(r"--kx-edge: (#\w{6})", STYLE)[1]]:
        for paper in ("#fcfcfb", "#14171b", "#111111"):  # of pages, light and dark, and of JupyterLab
            assert contrast(colour, paper) >= 3
    band = re.search(r"--kx-band: (#\w{6})", STYLE)[1]
    shares = re.findall(r"--kx-own: (\d+)%; --kx-strength: ([.\d]+)", STYLE)  # on light paper, and twice on dark
    for paper, (own, strength) in zip(("#fcfcfb", "#14171b", "#111111"), shares, strict=True):
        for hue in hues:
            assert contrast(mixed(hue, "#ffffff", int(own) / 100), mixed(band, paper, float(strength))) >= 3
