"""Pages for everyone: axe-core finds nothing, in light and dark, on a phone and a screen, with all code open."""

import importlib.util
import shutil

import nbformat
import pytest
from test_page_figures import DRAWN, shown
from tiny_notebooks import Runs, display, notebook, save
from tour import chromium, complaints, show

import kdelab
from kdelab.report.build import observe, site
from kdelab.report.build.project import Project

pytestmark = [
    pytest.mark.xdist_group("pages"),
    pytest.mark.skipif(not shutil.which("chromedriver"), reason="needs Debian's chromium and chromium-driver"),
    pytest.mark.skipif(not importlib.util.find_spec("axe_playwright_python"), reason="needs axe-playwright-python"),
]
CODE = '''
"""Code with everything that is coloured."""
import numpy as np  # a comment

@np.vectorize
def f(x: float) -> str:
    return f"{x + 1:.2f}" if x is not None and len([]) > 0x1F else None
'''
PROSE = r"""# A heading

## Another

A formula that is wide:
$\log \frac{K(d_i + s)}{K(d_1 + s)} = -\int_{d_1}^{d_i} \lambda(t + s)\, dt \to -\ell\, (d_i - d_1)$.

$$ L = -\frac{1}{b-a}\int_a^b \log \sum_j S_j K_h(x - x_j)\, dx + \log \sum_j S_j K_h(x - x_j) + \log p(x) $$

| a table | with `code` | and $x$ |
|---|---|---|
| of | several | columns |

    some code that stands in the prose and is much too long for a line of a telephone, which has 360 pixels
"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as driver:
        driver.set_script_timeout(300)
        yield driver


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A page of everything that a page may hold."""
    project = Project(tmp_path_factory.mktemp("dense"))
    made = notebook(("# 01 · Everything",), ("a: int = 1  # 0 to 9: a number", "parameters"), (PROSE,), (CODE,))
    checks = [kdelab.Check("a number", 1.0, at_most=2), kdelab.Check("another", 3.0, at_most=2)]
    table = "<table class='dataframe'><thead><tr><th></th><th>x</th></tr></thead><tr><th>a</th><td>1</td></tr></table>"
    made.cells[3].outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="printed " * 40),
        nbformat.v4.new_output("stream", name="stderr", text="a warning"),
        nbformat.v4.new_output(
            "error", ename="ValueError", evalue="wrong", traceback=["\x1b[31mValueError\x1b[0m: wrong"]
        ),
        display({"text/plain": "a result " * 40}),
        display({"text/html": table.replace("<td>1", f"<td>{'1' * 120}")}),
        shown(DRAWN),
        display(kdelab.Verdict("binning", checks)._repr_mimebundle_()),
        display(kdelab.Verdict("softmax-limit", checks)._repr_mimebundle_()),
    ]
    save(project.notebooks / "01-everything.ipynb", made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "running", Runs())
        patch.setattr(observe, "running", Runs())
        observe.observe(project, "01", {"a": 2})
        assert site.build(project) == []
    return project


def test_a_page_of_everything_is_for_everyone(dense, browser):
    for page in sorted(dense.reports.rglob("*.html")):
        assert complaints(browser, page) == [], page.name


@pytest.mark.slow
def test_every_committed_page_is_for_everyone(committed, browser):
    for page in sorted(committed.reports.rglob("*.html")):
        assert complaints(browser, page) == [], page.name


def test_a_page_that_is_not_is_noticed(browser, tmp_path):
    page = tmp_path / "bad.html"
    wide = (
        "<p style='width: 2000px; color: #999; background: #fff'>pale and wide</p><img src='data:,'><button></button>"
    )
    page.write_text(f"<!DOCTYPE html><html><body>{wide}</body></html>")
    found = " ".join(complaints(browser, page))
    for fault in ("wider than the window", "color-contrast", "image-alt", "button-name", "html-has-lang"):
        assert fault in found


def test_a_phone_gets_the_narrow_picture_and_keyboards_skip_to_the_content(dense, browser):
    browser.get(f"file://{dense.reports}/01-everything.html")
    picked = "return document.querySelector('figure img').getBoundingClientRect().width"
    sources = "return [document.querySelector('source').srcset, document.querySelector('figure img').currentSrc]"
    show(browser, 360, "light")
    source, current = browser.execute_script(sources)
    assert current == source
    assert browser.execute_script(picked) <= 360
    first = browser.execute_script(
        "const a = document.querySelector('a'); a.focus(); return a.getBoundingClientRect().left"
    )
    assert first >= 0
    target = browser.execute_script(
        "return document.querySelector(document.querySelector('a').getAttribute('href')).tagName"
    )
    assert target == "MAIN"


def test_what_opens_code_says_of_which_cell_and_no_id_is_there_twice(dense, browser):
    browser.get(f"file://{dense.reports}/01-everything.html")
    names = browser.execute_script("return [...document.querySelectorAll('summary')].map(s => s.textContent)")
    assert names == ["Parameters of cell 2", "Code of cell 4"]
    ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))
