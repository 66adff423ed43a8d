"""What has changed is run again, or marked as stale. No kernels."""

import os

import nbformat
import pytest
from tiny_notebooks import GOOD, notebook, save

from kdelab.report.build import observe, site
from kdelab.report.build.project import Project

TEXT = nbformat.writes(GOOD)


@pytest.fixture
def reading(tmp_path, runs):
    """A project whose notebook names one file and reads another."""
    mine, other = tmp_path / "mine.parquet", tmp_path / "other.csv"
    for path in (mine, other):
        path.write_text("one")
    source = notebook(("waves = '../mine.parquet'\nlevels = [1, 2]", "parameters"), ("print(waves)",))
    save(tmp_path / "notebooks" / "01-good.ipynb", source)
    runs.reads = {str(other): other.stat().st_mtime_ns}
    assert runs.build(Project(tmp_path)) == ([], ["01-good"])
    assert runs.build(Project(tmp_path)) == ([], [])
    return Project(tmp_path)


@pytest.mark.parametrize("name", ["mine.parquet", "other.csv"])
@pytest.mark.parametrize("change", ["changed", "removed", "touched"])
def test_changed_data_means_a_new_run(reading, runs, name, change):
    path = reading.root / name
    if change == "changed":
        path.write_text("two")
    elif change == "removed":
        path.unlink()
    os.utime(path) if change == "touched" else None
    assert runs.build(reading) == ([], [] if change == "touched" else ["01-good"])


def test_data_that_changed_during_the_run_means_a_new_run(reading, runs):
    other = reading.root / "other.csv"
    runs.reads = {str(other): other.stat().st_mtime_ns - 1}
    (reading.root / "mine.parquet").write_text("two")
    assert runs.build(reading)[1] == ["01-good"]
    assert runs.build(reading)[1] == ["01-good"]


def test_a_notebook_that_fails_is_run_again(project, runs):
    runs.failures["01-good"] = {"cell": "cell 3", "error": "none"}
    assert runs.build(project)[1] == ["01-good"]
    assert runs.build(project)[1] == ["01-good"]


@pytest.mark.parametrize("change", ["nothing", "its notebook", "its data", "gone", "unreadable"])
def test_an_observation_of_what_has_changed_is_stale(project, runs, change):
    data = project.root / "mine.parquet"
    data.write_text("one")
    assert observe.observe(project, "01", {"waves": "../mine.parquet"}) == []
    path = project.notebooks / "01-good.ipynb"
    if change == "its notebook":
        path.write_text(TEXT.replace("print(waves)", "print(1)"))
    elif change == "its data":
        data.write_text("two")
    elif change == "gone":
        path.rename(project.notebooks / "02-good.ipynb")
    elif change == "unreadable":
        path.write_text(TEXT[:100])
    site.build(project)
    (page,) = project.observations.glob("*.html")
    stale = change != "nothing"
    assert ("Stale:" in page.read_text()) == stale
    assert ("stale:" in (project.reports / "index.html").read_text()) == stale
    if change.startswith("its"):
        assert "kdelab report 01 waves=../mine.parquet" not in page.read_text(), "text is quoted, as source"
        assert "kdelab report 01 " in page.read_text()


def test_an_observation_that_was_edited_is_named(project, runs):
    observe.observe(project, "01", {"waves": "surfers"})
    (path,) = project.observations.glob("*.ipynb")
    path.write_text(path.read_text().replace("surfers", "sinkers"))
    (wrong,), _ = runs.build(project)
    assert f"observations/{path.name}" in wrong
    assert "edited since it was made" in path.with_suffix(".html").read_text()
