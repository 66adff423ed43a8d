"""What a build reads, it reads once. No kernels."""

import os
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest
from tiny_notebooks import GOOD, notebook, save

from kdelab.report.build import observe, published, record
from kdelab.report.build.cells import NotebookFile
from kdelab.report.build.project import Made
from kdelab.report.build.refresh import refresh

_counting: list[Counter] = []  # an audit hook stays for good; it counts where somebody asks for it


def _count(event, arguments):
    if event == "open" and _counting and isinstance(arguments[0], str | Path):
        path, _, flags = arguments
        if not (flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            _counting[-1][os.path.abspath(path)] += 1


sys.addaudithook(_count)


@contextmanager
def reads(project):
    """How often files of a project are opened for reading; without the list of what was made, and what is synced."""
    counted, found = Counter(), Counter()
    _counting.append(counted)
    try:
        yield found
    finally:
        _counting.pop()
    for path, number in counted.items():
        name = os.path.relpath(path, project.root)
        if not name.startswith("..") and not name.endswith((Made.NAME, ".new")) and os.path.isfile(path):
            found[name] += number


@pytest.fixture
def three(project):
    save(project.notebooks / "02-other.ipynb", notebook(("# other",), ("seed = 1", "parameters"), ("print(seed)",)))
    save(project.notebooks / "03-third.ipynb", GOOD)
    (project.root / "README.md").write_text("\n".join(published.MARKERS["verdicts"]))
    published.publish(project, [NotebookFile.read(path) for path in project.notebooks.glob("*.ipynb")])
    return project


def names(*places):
    return {f"{place}/{stem}" for place in places for stem in ("01-good.ipynb", "02-other.ipynb", "03-third.ipynb")}


def test_a_build_reads_each_file_once(three, runs):
    with reads(three) as first:
        assert runs.build(three) == ([], ["01-good", "02-other", "03-third"])
    with reads(three) as second:
        assert runs.build(three) == ([], [])
    assert first == Counter(names("notebooks") | {record.NAME})
    assert set(second) >= names("notebooks", "reports") | {record.NAME, "reports/index.html", "reports/01-good.html"}
    assert set(second.values()) == {1}


def test_an_observation_and_a_build_beside_one_read_each_file_once(three, runs):
    runs.build(three)
    with reads(three) as observing:
        assert observe.observe(three, "01", {"waves": "surfers"}) == []
    (three.notebooks / "02-other.ipynb").unlink()
    with reads(three) as building:
        assert runs.build(three) == ([], [])
    assert names("notebooks", "reports") <= set(observing)
    assert any(name.startswith("reports/observations/") for name in building)
    assert set(observing.values()) == set(building.values()) == {1}


def test_a_check_reads_each_file_once(three):
    with reads(three) as found:
        published.problems(three)
    assert found == Counter(names("notebooks") | {record.NAME, "reports/verdicts.md", "README.md"})


def test_a_refresh_reads_again_only_what_it_is_about_to_write_over(three):
    with reads(three) as found:
        assert refresh(three, ["02"]) == []
    assert found == Counter(names("notebooks") | {"reports/verdicts.md", "README.md"}) + Counter(
        ["notebooks/02-other.ipynb"]
    )
