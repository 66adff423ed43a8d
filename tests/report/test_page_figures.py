"""The files beside a page: a figure's drawing and its numbers, and what becomes of them."""

import nbformat
import pytest
from tiny_notebooks import display, notebook, save

from kdelab.plot import SHARED
from kdelab.report.build import observe, site
from kdelab.report.build.figures import harmless

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
HEAD = "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink'>"
DRAWN = (
    f"{HEAD}<defs><clipPath id='a'><path d='M0 0'/></clipPath></defs><g clip-path='url(#a)'><text>t</text></g></svg>"
)


def shown(svg, numbers="x,y\n1,2\n"):
    shared = {"svg": svg, "csv": numbers, "narrow": DOT, "width": 40, "height": 30}
    return display({"image/png": DOT, "text/plain": "one", SHARED: shared}, {"image/png": {"alt": "a dot"}})


def with_figures(*svgs):
    made = notebook(("# One",), ("show()",))
    made.cells[1].outputs = [shown(svg) for svg in svgs]
    return made


@pytest.fixture
def built(project):
    save(project.notebooks / "02-figures.ipynb", with_figures(DRAWN, DRAWN.replace(">t<", ">u<")))
    assert site.build(project) == []
    return project


def test_each_figure_has_its_files_and_its_page_links_to_them(built):
    folder = built.reports / "figures" / "02-figures"
    assert (folder / "figure-1.svg").read_text() == DRAWN
    assert ">u<" in (folder / "figure-2.svg").read_text()
    assert (folder / "figure-2.csv").read_text() == "x,y\n1,2\n"
    page = (built.reports / "02-figures.html").read_text()
    for number in (1, 2):
        for kind in ("svg", "csv"):
            assert f'href="figures/02-figures/figure-{number}.{kind}"' in page
    assert f'<source media="(max-width: 40rem)" srcset="data:image/png;base64,{DOT}" width="40" height="30">' in page


def test_a_lost_file_comes_back_and_those_of_a_lost_notebook_go(built):
    first = built.reports / "figures" / "02-figures" / "figure-1.svg"
    first.unlink()
    assert site.build(built) == []
    assert first.read_text() == DRAWN
    (built.notebooks / "02-figures.ipynb").unlink()
    assert site.build(built) == []
    assert not first.exists()


def test_an_observations_page_finds_its_files(built):
    made = with_figures(DRAWN)
    made.cells.insert(1, nbformat.v4.new_code_cell("a: int = 1  # 0 to 9: a number", metadata={"tags": ["parameters"]}))
    save(built.notebooks / "02-figures.ipynb", made)
    assert observe.observe(built, "02", {"a": 2}) == []
    (page,) = built.observations.glob("*.html")
    name = page.stem
    assert f'href="../figures/observations/{name}/figure-1.svg"' in page.read_text()
    assert (built.reports / "figures" / "observations" / name / "figure-1.svg").read_text() == DRAWN
    assert site.build(built) == []
    assert (built.reports / "figures" / "observations" / name / "figure-1.svg").exists()


def test_what_matplotlib_draws_is_harmless():
    assert harmless(DRAWN)
    assert harmless(f"{HEAD}<image xlink:href='data:image/png;base64,{DOT}'/><use xlink:href='#a'/></svg>")


@pytest.mark.parametrize(
    "evil",
    [
        "<script>1</script>",
        "<g onload='1'/>",
        "<a xlink:href='javascript:1'><text>t</text></a>",
        "<use xlink:href='http://localhost/x.svg#a'/>",
        "<image xlink:href='http://localhost/x.png'/>",
        "<image xlink:href='data:image/svg+xml;base64,AAAA'/>",
        "<foreignObject/>",
        "<style>@import 'http://localhost/x.css'</style>",
        "<g style='fill: URL(http://localhost/x)'/>",
        "<animate attributeName='href' to='javascript:1'/>",
        "<x:script xmlns:x='http://www.w3.org/1999/xhtml'>1</x:script>",
    ],
)
def test_what_runs_or_loads_is_no_figure(built, evil):
    assert not harmless(f"{HEAD}{evil}</svg>")
    save(built.notebooks / "03-evil.ipynb", with_figures(f"{HEAD}{evil}</svg>"))
    assert site.build(built) == []
    assert not (built.reports / "figures" / "03-evil").exists()
    assert "figures/" not in (built.reports / "03-evil.html").read_text()


@pytest.mark.parametrize(
    "wrong", [None, 3, [], {}, {"svg": None}, {"svg": "<svg"}, {"svg": "<!DOCTYPE a [<!ENTITY b 'c'>]><svg/>"}]
)
def test_what_is_no_figure_at_all_is_left_out(built, wrong):
    made = with_figures(DRAWN)
    made.cells[1].outputs[0].data[SHARED] = wrong
    save(built.notebooks / "03-wrong.ipynb", made)
    assert site.build(built) == []
    assert not (built.reports / "figures" / "03-wrong").exists()
