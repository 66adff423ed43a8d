"""Guides, benchmarks and previews: pages of what the repository holds, whose links lead where they would there."""

import re
from io import BytesIO

import pytest
from PIL import Image
from test_house import PROJECT, ROOT
from tiny_notebooks import GOOD, save

from kdelab.report.build import benchmarks, docs
from kdelab.report.build.markup import policy
from kdelab.report.build.places import CODE, leading, places
from kdelab.report.build.project import Project

GUIDE = """# A guide with $x$

First words, **plain**.

## Links

[other](other.md#its-part) [claim](../notebooks/01-good.ipynb) [code](../kdelab/loss/rules.py) [away](https://example.org)
[here](#links) <script>window.ran = 1</script> ![the house](house.svg) ![none](none.png)

| | a |
|---|---|
| b | c |

## Links

Again.

## A third
"""
OTHER = """# Other

## Its part

## How fast

| peer | ms |
|---|---|
| x | 1 |

## Rest

no table
"""
HISTORY = """date,version,case,milliseconds,ratio
2026-01-01,0.1,"Box, one-shot",2,20
2026-01-01,0.1,"Gone",2,20
2026-02-01,0.2,"Box, one-shot",1,10
2026-02-01,0.2,"New",3,1234
"""


@pytest.fixture
def told(tmp_path, runs):
    """A project with guides, a history of benchmarks and a notebook, built."""
    project = Project(tmp_path)
    save(project.notebooks / "01-good.ipynb", GOOD)
    for name, text in {
        "docs/zebra.md": GUIDE,
        "docs/other.md": OTHER,
        "docs/extending.md": "# Extend\n",
        "docs/house.svg": "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "benchmarks/history.csv": HISTORY,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert runs.build(project) == ([], ["01-good"])
    return project


def read(project, name):
    return (project.reports / name).read_text(encoding="utf-8")


def test_every_page_leads_to_all_places(told):
    expected = ["index.html", "thread.html", "docs/index.html", "benchmarks.html", "explorer.html", "search.html"]
    assert [href for _, href in places(told.root)] == expected
    for path in told.reports.rglob("*.html"):
        up = "../" * (len(path.relative_to(told.reports).parts) - 1)
        nav = re.search(r'<nav class="site".*?</nav>', path.read_text(encoding="utf-8"), re.DOTALL)[0]
        assert re.findall(r'href="([^"]*)"', nav) == [f"{up}index.html", *(up + href for href in expected)]
        assert nav.count("aria-current") == 1


def test_guides_are_listed_for_users_first_and_lead_to_pages_or_to_the_code_host(told):
    assert docs.files(told.root) == [f"docs/{name}.html" for name in ("index", "extending", "other", "zebra")]
    page = read(told, "docs/zebra.html")
    for text, href in {
        "other": "../docs/other.html#its-part",
        "claim": "../01-good.html",
        "code": f"{CODE}kdelab/loss/rules.py",
        "away": "https://example.org",
        "here": "#links",
        "none": f"{CODE}docs/none.png",
    }.items():
        assert f'<a href="{href}">{text}</a>' in page
    assert "&lt;script&gt;" in page
    assert 'src="data:image/svg+xml;base64,' in page
    assert re.findall(r'<h[12][^>]* id="([^"]*)"', page)[1:] == ["links", "links-1", "a-third"]
    assert page.index("<h1") < page.index('aria-label="On this page"') < page.index("<p>First words")


def test_links_that_lead_out_of_the_repository_stay_as_they_are(tmp_path):
    lead = leading(tmp_path, "docs", "../")
    for url in ("https://a.b/c.md", "#x", "/etc", "../../outside.md", "mailto:x@y.z", "javascript:x"):
        assert lead(url) == url
    assert lead("gone.md") == f"{CODE}docs/gone.md"
    assert lead("../README.md#x") == f"{CODE}README.md#x"


def test_the_code_host_is_that_of_the_package():
    assert f"{PROJECT['urls']['Homepage']}/blob/main/" == CODE


def test_benchmarks_show_each_run_and_what_the_guides_publish(told):
    page = read(told, "benchmarks.html")
    assert re.search(r'<th scope="row">Box, one-shot</th><td>1</td><td>20</td><td>10</td><td>-50%</td>', page)
    assert re.search(r'<th scope="row">New</th><td>3</td><td></td><td>1,234</td><td>new</td>', page)
    assert re.search(r'<img src="data:image/svg[^>]* alt="Dots [^"]*from 10 \(Box, one-shot\) to 1,234 times', page)
    assert "Other: how fast" in page
    assert "<td>x</td>" in page
    assert "no table" not in page


def test_the_history_of_this_project_has_a_row_a_case():
    body = benchmarks.page(ROOT).body
    cases = {
        line.split('"')[1] for line in (ROOT / "benchmarks" / "history.csv").read_text().splitlines()[1:] if '"' in line
    }
    assert {case for case in cases if f'<th scope="row">{case}</th>' not in body} == set()


def test_a_page_says_what_a_preview_shows(told):
    page = read(told, "docs/zebra.html")
    assert '<link rel="canonical" href="https://kdelab.github.io/kdelab/docs/zebra.html">' in page
    assert '<meta name="description" content="First words, plain.">' in page
    assert '<meta property="og:title" content="A guide with' in page
    for path in told.reports.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        picture = re.search(r'og:image" content="https://kdelab.github.io/kdelab/([^"]*)"', text)[1]
        with Image.open(BytesIO((told.reports / picture).read_bytes())) as image:
            assert image.size == (1200, 630)
        assert 'name="twitter:card"' in text


def test_only_what_changed_is_drawn_again_and_what_is_gone_is_removed(told, runs, capsys):
    assert runs.build(told) == ([], [])
    assert "nothing changed" in capsys.readouterr().out
    (told.root / "docs" / "zebra.md").write_text("# Zebra\n\nstripes\n")
    (told.root / "docs" / "other.md").unlink()
    mine = told.reports / "docs" / "mine.html"
    mine.write_text("mine")
    runs.build(told)
    assert "written: guides, benchmarks, search\n" in capsys.readouterr().out
    assert not (told.reports / "docs" / "other.html").exists()
    assert mine.read_text() == "mine"


def test_a_policy_allows_scripts_by_their_hash_alone():
    assert "script" not in policy()
    allowed = policy(["alert(1)"])
    assert allowed.endswith("; script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='")
    assert "unsafe-inline" not in allowed.partition("script-src")[2]
