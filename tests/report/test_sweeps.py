"""Sweeps: every combination, each kept as it ends, so that a killed one goes on; one page over the grid."""

import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from itertools import islice
from pathlib import Path

import pytest
from tiny_notebooks import Runs, notebook, save

import kdelab
from kdelab.report.__main__ import main
from kdelab.report.build import cells, declarations, site, sweeps
from kdelab.report.build.project import Made, Project

ROOT = Path(kdelab.__file__).parent.parent
HOUSE = ROOT / "notebooks"
PARAMETERS = """
bound: int = 3  # 0 to 9: how much is allowed
seed: int = 1  # 0 to 9: draws nothing
name: str = "a"  # "a", "b" or "c, d": a label
"""
VERDICT = """
import kdelab
1 / (seed - 7)
kdelab.Verdict("binning", [kdelab.Check("what was counted", 2.0, at_most=bound)])
"""
TINY = notebook(("# 01 · Tiny & <small>",), (PARAMETERS, "parameters"), (VERDICT,))


class Tables(HTMLParser):
    """Each table of a page as rows of cells: text and where the cell leads."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.captions, self.headers, self.tag = [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        match tag:
            case "table":
                self.tables.append([])
            case "tr":
                self.tables[-1].append([])
            case "th" | "td":
                self.tables[-1][-1].append(["", None])
                self.headers += [dict(attrs)["scope"]] if tag == "th" else []
            case "caption":
                self.captions.append("")
            case "a" if self.tables and self.tables[-1] and self.tables[-1][-1]:
                self.tables[-1][-1][-1][1] = dict(attrs)["href"]
        self.tag = tag

    def handle_endtag(self, tag):
        self.tag = None if tag in ("caption", "table") else self.tag

    def handle_data(self, data):
        if self.tag == "caption":
            self.captions[-1] += data
        elif self.tables and self.tables[-1] and self.tables[-1][-1] and self.tag:
            self.tables[-1][-1][-1][0] += data.strip()


@pytest.fixture
def tiny(tmp_path):
    save(tmp_path / "notebooks" / "01-the-loss.ipynb", TINY)
    return Project(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="kernels end with a killed build on Linux")
def test_a_sweep_of_24_cells_that_is_killed_runs_only_the_rest(tiny, capsys):
    asked = ["sweep", "01", "bound=0,1,2,3", "seed=1,2,7", 'name="a","c, d"', "--root", str(tiny.root)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen([sys.executable, "-m", "kdelab.report", *asked], env=env, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while len(list(tiny.observations.glob("*.ipynb"))) < 6:
            assert running.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    before = {path: path.stat().st_mtime_ns for path in tiny.observations.glob("*.ipynb")}
    whole = [path for path in before if not cells.read(path).metadata["kdelab"]["failure"]]
    assert 4 <= len(whole) <= len(before) < 24
    assert main(asked) == 1, "seed 7 divides by zero"
    said = capsys.readouterr()
    assert f"{24 - len(whole)} of 24 runs made" in said.out
    assert len(re.findall("failed, cell 4 .*ZeroDivisionError", said.err)) == 8
    assert all(path.stat().st_mtime_ns == before[path] for path in whole), "what was there stays"
    assert len(list(tiny.observations.glob("*.ipynb"))) == 24

    (page,) = tiny.sweeps.glob("01-the-loss-*.html")
    text = page.read_text()
    found = Tables(text)
    assert found.captions == ["name = 'a'", "name = 'c, d'"]
    for table in found.tables:
        assert [cell[0] for cell in table[0]] == ["bound", "seed = 1", "seed = 2", "seed = 7"]
        assert [row[0][0] for row in table[1:]] == ["0", "1", "2", "3"]
        for row, status in zip(table[1:], ["undecided", "undecided", "holds", "holds"], strict=True):
            assert all(status in cell[0] for cell in row[1:3])
            assert "failed" in row[3][0]
            assert "ZeroDivisionError" in row[3][0]
            assert all((page.parent / cell[1]).resolve().exists() for cell in row[1:])
    assert found.headers == ["col"] * 4 + ["row"] * 4 + ["col"] * 4 + ["row"] * 4
    assert "24 of 24 runs made, 8 failed" in text
    assert "default-src &#39;none&#39;" in text
    assert "Tiny &amp; &lt;small&gt;" in text


def test_what_a_sweep_has_run_when_it_is_stopped_is_not_run_again(tiny, runs, monkeypatch, capsys):
    asked = ["sweep", "01", "bound=0,1,2,3", "seed=1,2", "name=a,b,'c, d'", "--root", str(tiny.root)]
    whole = Runs._each

    def stopped(self, jobs):
        yield from islice(whole(self, jobs), 7)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Runs, "_each", stopped)
        assert main(asked) == 130
    (page,) = tiny.sweeps.glob("*.html")
    assert page.read_text().count("not run yet") == 24 - 7
    assert main(asked) == 0
    assert len(runs.names) == 24, "each of them once"
    assert "17 of 24 runs made" in capsys.readouterr().out
    assert "not run yet" not in page.read_text()


def test_a_second_sweep_runs_nothing_and_the_site_keeps_page_and_link(project, runs, capsys):
    asked = ["sweep", "01", "waves=samples,surfers", "--root", str(project.root)]
    runs.build(project)
    runs.names.clear()
    assert main(asked) == 0
    assert runs.names == ["01-good"] * 2
    assert main(asked) == 0
    assert runs.names == ["01-good"] * 2
    assert "0 of 2 runs made" in capsys.readouterr().out
    (page,) = project.sweeps.glob("*.html")
    before = page.read_text()
    assert site.build(project) == []
    assert page.read_text() == before
    index = (project.reports / "index.html").read_text()
    assert f'<a href="sweeps/{page.name}">A good one</a> over waves = ' in index
    assert "2 of 2 runs</li>" in index
    assert 'id="observations"' not in index, "they are found through the sweep"


def test_what_is_stale_or_damaged_is_run_again(project, runs):
    asked = ["sweep", "01", "waves=samples,surfers", "--root", str(project.root)]
    assert main(asked) == 0
    damaged, _ = sorted(project.observations.glob("*.ipynb"))
    damaged.write_text(damaged.read_text()[:-100])
    runs.names.clear()
    assert main(asked) == 0
    assert len(runs.names) == 1
    path = project.notebooks / "01-good.ipynb"
    path.write_text(path.read_text().replace("print(waves)", "print(1)"))
    site.build(project)
    (page,) = project.sweeps.glob("*.html")
    assert "2 stale" in page.read_text()
    runs.names.clear()
    assert main(asked) == 0
    assert len(runs.names) == 2
    assert "stale" not in page.read_text()


def test_a_sweep_that_waits_for_runs_says_so_and_goes_when_its_file_does(project, runs):
    made = Made(project.reports)
    found = site.sources.listed(project)
    one = sweeps.Sweep.of(found[0], {"waves": "samples,surfers"}, project.notebooks)
    made.write(f"{one.name}.json", one.content())
    site.build(project)
    page = project.reports / f"{one.name}.html"
    assert "0 of 2 runs made" in page.read_text()
    assert page.read_text().count("not run yet") == 2
    (project.reports / f"{one.name}.json").unlink()
    site.build(project)
    assert not page.exists()
    assert "Sweeps" not in (project.reports / "index.html").read_text()


@pytest.mark.parametrize("change", ["gone", "another name", "unreadable"])
def test_a_sweep_that_its_notebook_would_not_take_any_more_goes(project, runs, change):
    assert main(["sweep", "01", "waves=samples,surfers", "--root", str(project.root)]) == 0
    path = project.notebooks / "01-good.ipynb"
    save(project.notebooks / "02-other.ipynb", notebook(("# other",)))
    if change == "gone":
        path.unlink()
    else:
        path.write_text(path.read_text().replace("waves", "sets") if change == "another name" else "x")
    site.build(project)
    assert len(list(project.sweeps.iterdir())) == (2 if change == "unreadable" else 0), "that may be mended"
    assert len(list(project.observations.glob("*.html"))) == 2, "the runs are kept"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("0.1,0.2", ["0.1", "0.2"]),
        ('"surfers, new",confirm', ['"surfers, new"', "confirm"]),
        ("[0.1, 0.2],[0.3]", ["[0.1, 0.2]", "[0.3]"]),
        ("../a.parquet,surfers", ["../a.parquet", "surfers"]),
        ("", [""]),
    ],
)
def test_values_are_split_where_a_reader_would(text, values):
    assert sweeps._split(text) == values


@pytest.mark.parametrize("number", sweeps.STANDARD)
def test_a_standard_sweep_is_one_that_its_notebook_takes(number):
    (source,) = [site.Source.of(path) for path in HOUSE.glob(f"{number}-*.ipynb")]
    one = sweeps.Sweep.of(source, sweeps.STANDARD[number], HOUSE)
    assert 4 <= len(list(one.cells())) <= 12
    assert one.grid.keys() <= declarations.declared(source.notebook).keys()
    assert sweeps.Sweep.read(one.content(), [source]) == one


def test_the_standard_sweeps_are_those_that_were_asked_for(project, runs, capsys):
    assert list(sweeps.STANDARD) == ["05", "06", "07", "10", "11"]
    save(project.notebooks / "06-other.ipynb", notebook(
        ("# other",), ("bandwidth: float = 0.1  # 0.02 to 0.5: h\nseed: int = 0  # 0 to 9: draws", "parameters")
    ))  # fmt: skip
    assert main(["sweep", "--root", str(project.root)]) == 0
    assert runs.names == ["06-other"] * 9
    assert main(["sweep", "06", "--root", str(project.root)]) == 0
    assert "0 of 9 runs made" in capsys.readouterr().out
