"""Files that appear whole or not at all, and whose they are: what was made may be made anew, what is yours stays."""

import os
import subprocess
from pathlib import Path

import pytest
from tiny_notebooks import GOOD, save

from kdelab.files import replacing
from kdelab.report.build import observe, record, site
from kdelab.report.build.project import Made, working


@pytest.mark.parametrize("change", ["truncated", "edited", "emptied", "removed"])
@pytest.mark.parametrize("name", ["01-good.html", "index.html", "01-good.ipynb"])
def test_a_page_is_whole_to_its_last_byte(project, runs, name, change):
    assert runs.build(project) == ([], ["01-good"])
    path = project.reports / name
    whole = path.read_bytes()
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes({"truncated": whole[:-9], "edited": whole.replace(b"good", b"gold"), "emptied": b""}[change])
    assert runs.build(project) == ([], ["01-good"] if name.endswith("ipynb") else [])
    assert path.read_bytes() == whole or name.endswith("ipynb")
    assert runs.build(project) == ([], [])


def test_temporary_files_of_killed_runs_are_removed(project):
    project.reports.mkdir()
    for folder in (project.reports, project.notebooks):
        (folder / ".01-good.html-abcdefgh.new").write_text("half")
        (folder / ".of-my-own").write_text("mine")
    with replacing(project.reports / "other.html") as busy:
        busy.write_text("another process is at it")
        with working(project):
            assert busy.exists()
    left = {path.name for folder in (project.reports, project.notebooks) for path in folder.iterdir()}
    assert left == {".of-my-own", "01-good.ipynb", "other.html"}


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    did = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: did.append(f"sync {os.fstat(handle).st_size}") or sync(handle))
    monkeypatch.setattr(os, "replace", lambda one, other: did.append("rename") or rename(one, other))
    Made(tmp_path).write("x", b"four")
    assert did[:2] == ["sync 4", "rename"]


def test_files_of_one_s_own_are_left_alone(project, runs):
    save(project.notebooks / "02-other.ipynb", GOOD)
    runs.build(project)
    observe.observe(project, "02", {"waves": "surfers"})
    (observed,) = project.observations.glob("*.ipynb")
    mine = [
        project.reports / "03-mine.html",
        project.reports / "03-mine.ipynb",
        project.reports / "02-other-copy.html",
        project.reports / "notes.txt",
        project.observations / "notes.html",
    ]
    for path in mine:
        path.write_bytes((project.reports / "02-other.ipynb").read_bytes())
    (project.notebooks / "02-other.ipynb").unlink()
    (project.reports / "02-other.ipynb").write_text("edited: mine by now")
    runs.build(project)
    assert all(path.exists() for path in mine)
    assert (project.reports / "02-other.ipynb").exists()
    assert not (project.reports / "02-other.html").exists()
    observed.unlink()
    runs.build(project)
    assert not observed.with_suffix(".html").exists()


def test_make_clean_removes_only_what_was_made(project, runs):
    (project.root / "Makefile").write_bytes((Path(__file__).parents[2] / "Makefile").read_bytes())
    for name in ("kdelab", "tests"):
        (project.root / name).mkdir()
    site.build(project)
    observe.observe(project, "01", {"waves": "surfers"})
    mine = [project.root / record.NAME, project.reports / "verdicts.md"]
    mine += [project.reports / "notes of mine.html", project.observations / "a.txt"]
    for path in mine:
        path.write_text("mine")
    (project.reports / ".work-left").mkdir()
    subprocess.run(["make", "clean"], cwd=project.root, check=True, capture_output=True)
    assert {path for path in project.reports.rglob("*") if path.is_file()} == set(mine)
    assert not (project.reports / ".work-left").exists()
    subprocess.run(["make", "clean"], cwd=project.root, check=True, capture_output=True)
