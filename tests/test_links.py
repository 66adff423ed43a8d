"""Every link of the project's own pages leads to something that is there, places within a page included."""

import subprocess
from pathlib import Path

import pytest
from links import dead, dead_in, slug, slugs

ROOT = Path(__file__).parent.parent
PAGES = [
    *ROOT.glob("*.md"),
    *(ROOT / "docs").rglob("*.md"),
    *(ROOT / "notebooks").glob("*.ipynb"),
    ROOT / "reports" / "verdicts.md",
    ROOT / "kdelab" / "gun" / "waves" / "data" / "README.md",
]


@pytest.mark.parametrize("path", sorted(PAGES), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(path):
    assert dead(path, ROOT) == []


def test_what_is_linked_to_is_committed_not_only_here():
    listed = subprocess.run(
        ["git", "check-ignore", "docs/fan.png", "docs/house.svg", "reports/verdicts.md"], cwd=ROOT, capture_output=True
    )
    assert listed.stdout == b""


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("How fast", "how-fast"),
        ("What isn't tried", "what-isnt-tried"),
        ("`Clusters.from_padded`, and more", "clustersfrom_padded-and-more"),
        ("05 · Near and far", "05--near-and-far"),
        ("[A link](x.md) & an Übung", "a-link--an-übung"),
    ],
)
def test_an_anchor_is_what_a_code_host_makes_of_a_heading(heading, anchor):
    assert slug(heading) == anchor


def test_headings_that_repeat_are_numbered_and_code_has_none():
    assert slugs("# A\n## A\n```sh\n# not one\n```\n### a\n") == {"a", "a-1", "a-2"}


def test_dead_links_are_found(tmp_path):
    (tmp_path / "there.md").write_text("# Here\n<a id='own'></a>\n")
    (tmp_path / "page.md").write_text(
        "[1](there.md#here) [2](there.md#own) [3](there.md#gone) ![4](no.png) [5](https://away.invalid) [6](#mine)\n"
        '`[7](code.md)` <a href="no.html">8</a> [9]\n\n[9]: nothing.md\n\n```\n[10](fenced.md)\n```\n# Mine\n'
    )
    assert [line.split(": ", 1)[1] for line in dead(tmp_path / "page.md", tmp_path)] == [
        "there.md#gone: there is no such place",
        "no.png leads to nothing",
        "nothing.md leads to nothing",
        "no.html leads to nothing",
    ]
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "a.html").write_text(
        "<h1 id=x>A</h1><a href='#x'>1</a><a href='b.html#y'>2</a><a href='../there.md'>3</a><a href='b.html#z'>4</a>"
    )
    (tmp_path / "site" / "b.html").write_text("<p id=y><img src='data:image/png;base64,AA'></p>")
    assert dead_in(tmp_path / "site") == [
        "a.html: ../there.md leads out of site",
        "a.html: b.html#z: there is no such place",
    ]
