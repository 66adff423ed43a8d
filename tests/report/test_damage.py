"""What is damaged, foreign or changed: named, run again or marked as stale, and nobody else suffers. No kernels."""

import json
import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from tiny_notebooks import Runs, display, notebook, save

from kdelab.files import replacing
from kdelab.report.__main__ import main
from kdelab.report.build import cells, published, site
from kdelab.report.build.project import Made, Project
from kdelab.report.verdicts import MIME

GOOD = notebook(("# A good one",), ("waves = 'samples'", "parameters"), ("print(waves)",))
TEXT = nbformat.writes(GOOD)
OLD = {"cell_type": "code", "collapsed": False, "input": "1", "language": "python", "metadata": {}, "outputs": []}


@pytest.fixture
def runs(monkeypatch):
    stand_in = Runs()
    monkeypatch.setattr(site, "running", stand_in)
    monkeypatch.setattr(published, "running", stand_in)
    return stand_in


@pytest.fixture
def project(tmp_path, runs):
    save(tmp_path / "notebooks" / "01-good.ipynb", GOOD)
    return Project(tmp_path)


def built(project, runs):
    """Build again; what went wrong, and which notebooks were run for it."""
    runs.names.clear()
    wrong = site.build(project)
    return wrong, list(runs.names)


def with_conflict(text):
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:3], "<<<<<<< HEAD\n", lines[3], "=======\n", lines[3], ">>>>>>> theirs\n", *lines[4:]])


DAMAGED = {
    "truncated": TEXT[: len(TEXT) // 2],
    "empty": "",
    "blank": " \n",
    "byte order mark": "\ufeff" + TEXT,
    "merge conflict": with_conflict(TEXT),
    "no object": "[]",
    "no notebook": "{}",
    "no cells": '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
    "wrong types": TEXT.replace('"cells": [', '"cells": [7, '),
    "too deep": "[" * 100_000,
    "not UTF-8": TEXT.encode().replace(b"good", b"g\xff\xfed"),
    "a folder": None,
    "a link to nowhere": Path("nowhere"),
    "a link to itself": Path("itself"),
}


def damage(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    elif isinstance(content, Path):
        path.symlink_to(path.name if content.name == "itself" else content)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_damaged_files_fail_by_their_names_and_stop_nobody(project, runs, capsys):
    paths = []
    for number, content in enumerate(DAMAGED.values(), 2):
        for folder in (project.notebooks, project.observations):
            paths.append(folder / f"{number:02}-bad.ipynb")
            damage(paths[-1], content)
    wrong = site.build(project)
    assert len(wrong) == len(paths)
    assert runs.names == ["01-good"]
    assert "samples" in (project.reports / "01-good.html").read_text()
    index = (project.reports / "index.html").read_text()
    assert "Failed:" in index
    for path in paths:
        name = path.relative_to(project.root).as_posix()
        assert any(name in line for line in wrong)
        assert name in index
        assert os.path.lexists(path), "it is its owner's"
        if path.parent == project.notebooks:
            assert name in (project.reports / f"{path.stem}.html").read_text()
    assert main(["site", "--root", str(project.root)]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_a_notebook_of_nbformat_3_is_read(project, runs):
    old = {"metadata": {}, "nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": [OLD], "metadata": {}}]}
    (project.notebooks / "02-old.ipynb").write_text(json.dumps(old))
    assert built(project, runs) == ([], ["01-good", "02-old"])


def test_make_notebooks_leaves_a_damaged_file_and_the_verdicts_as_they_are(project, runs):
    (project.notebooks / "02-bad.ipynb").write_text(with_conflict(TEXT))
    save(project.reports / "verdicts.md", nbformat.v4.new_notebook()).write_text("as it was")
    wrong = published.refresh(project)
    assert len(wrong) == 2
    assert "02-bad.ipynb: not a notebook: line 4 is the mark of a merge conflict" in wrong[0]
    assert "as they were" in wrong[1]
    assert (project.reports / "verdicts.md").read_text() == "as it was"
    assert (project.notebooks / "02-bad.ipynb").read_text() == with_conflict(TEXT)
    assert any("02-bad.ipynb" in problem for problem in published.problems(project))


def test_make_notebooks_does_not_write_over_what_was_edited_meanwhile(project, runs, monkeypatch):
    path = project.notebooks / "01-good.ipynb"
    honest = Runs._each

    def edited(self, jobs):
        path.write_text(TEXT.replace("print(waves)", "print(1)"))
        yield from honest(self, jobs)

    monkeypatch.setattr(Runs, "_each", edited)
    (wrong,) = published.refresh(project)
    assert "changed while it ran" in wrong
    assert "print(1)" in path.read_text()


def test_pictures_in_prose_survive_make_notebooks(project):
    cell = nbformat.v4.new_markdown_cell("![x](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}})
    assert cells.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].attachments == cell.attachments


@pytest.mark.parametrize(
    "content",
    [
        b"| `binning` | Xor | \xff refuted | x | 4 | at most 3 | 01 |\n",
        "| `binning` | Xor | ✘ refuted | what was counted | 4 | at mo".encode(),
        "| `binning` | Xor | ✘ refuted | what was counted | 4 |\n".encode(),
        b"| `binning` | Xor | refuted | what was counted | 4 | at most 3 | 01 |\n",
        b"<<<<<<< HEAD\n",
        b"typed in\n",
        b"{}\n",
    ],
)
def test_a_damaged_record_of_published_verdicts_is_named(project, runs, content):
    project.reports.mkdir()
    (project.reports / "verdicts.md").write_bytes(content)
    (wrong,), ran = built(project, runs)
    assert wrong.startswith("reports/verdicts.md: damaged")
    assert ran == ["01-good"]
    assert "reports/verdicts.md: damaged" in (project.reports / "index.html").read_text()
    assert (project.reports / "verdicts.md").read_bytes() == content


@pytest.mark.parametrize("verdict", [{}, [], "x", {"claim": 5}, {"claim": "binning", "status": "holds", "checks": 1}])
def test_a_verdict_that_is_none_fails_by_its_cell(project, runs, verdict):
    made = notebook(("# Odd",), ("1",))
    made.cells[1].outputs = [display({MIME: verdict})]
    save(project.notebooks / "02-odd.ipynb", made)
    (wrong,), _ = built(project, runs)
    assert "02-odd" in wrong
    assert "cell 2" in wrong


def test_what_cannot_be_drawn_fails_and_is_tried_again(project, runs, monkeypatch):
    from kdelab.report.build import pages

    def broken(notebook):
        raise RuntimeError("no pencil")

    with monkeypatch.context() as patch:
        patch.setattr(pages.cells, "cut", lambda notebook: broken(notebook) if len(notebook.cells) > 1 else [])
        for _ in range(2):
            (wrong,), _ = built(project, runs)
            assert "01-good failed, drawing its page: RuntimeError: no pencil" in wrong
            assert "no pencil" in (project.reports / "01-good.html").read_text()
    assert built(project, runs) == ([], [])
    assert "no pencil" not in (project.reports / "01-good.html").read_text()


@pytest.mark.parametrize("change", ["truncated", "edited", "emptied", "removed"])
@pytest.mark.parametrize("name", ["01-good.html", "index.html", "01-good.ipynb"])
def test_a_page_is_whole_to_its_last_byte(project, runs, name, change):
    assert built(project, runs) == ([], ["01-good"])
    path = project.reports / name
    whole = path.read_bytes()
    if change == "removed":
        path.unlink()
    else:
        path.write_bytes({"truncated": whole[:-9], "edited": whole.replace(b"good", b"gold"), "emptied": b""}[change])
    assert built(project, runs) == ([], ["01-good"] if name.endswith("ipynb") else [])
    assert path.read_bytes() == whole or name.endswith("ipynb")
    assert built(project, runs) == ([], [])


def test_temporary_files_of_killed_runs_are_removed(project):
    project.reports.mkdir()
    for folder in (project.reports, project.notebooks):
        (folder / ".01-good.html-abcdefgh.new").write_text("half")
        (folder / ".of-my-own").write_text("mine")
    with replacing(project.reports / "other.html") as busy:
        busy.write_text("another process is at it")
        from kdelab.report.build.project import working

        with working(project):
            assert busy.exists()
    left = {path.name for folder in (project.reports, project.notebooks) for path in folder.iterdir()}
    assert left == {".of-my-own", "01-good.ipynb", "other.html"}


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    did = []
    sync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: did.append(f"sync {os.fstat(handle).st_size}") or sync(handle))
    monkeypatch.setattr(os, "replace", lambda one, other: did.append("rename") or rename(one, other))
    Made(tmp_path).write("x", "four")
    assert did[:2] == ["sync 4", "rename"]


@pytest.fixture
def reading(tmp_path, runs):
    """A project whose notebook names one file and reads another."""
    mine, other = tmp_path / "mine.parquet", tmp_path / "other.csv"
    for path in (mine, other):
        path.write_text("one")
    source = notebook(("waves = '../mine.parquet'\nlevels = [1, 2]", "parameters"), ("print(waves)",))
    save(tmp_path / "notebooks" / "01-good.ipynb", source)
    runs.reads = {str(other): other.stat().st_mtime_ns}
    assert built(Project(tmp_path), runs) == ([], ["01-good"])
    assert built(Project(tmp_path), runs) == ([], [])
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
    assert built(reading, runs) == ([], [] if change == "touched" else ["01-good"])


def test_data_that_changed_during_the_run_means_a_new_run(reading, runs):
    other = reading.root / "other.csv"
    runs.reads = {str(other): other.stat().st_mtime_ns - 1}
    (reading.root / "mine.parquet").write_text("two")
    assert built(reading, runs)[1] == ["01-good"]
    assert built(reading, runs)[1] == ["01-good"]


def test_a_notebook_that_fails_is_run_again(project, runs):
    runs.failures["01-good"] = {"cell": "cell 3", "error": "none"}
    assert built(project, runs)[1] == ["01-good"]
    assert built(project, runs)[1] == ["01-good"]


@pytest.mark.parametrize("change", ["nothing", "its notebook", "its data", "gone", "unreadable"])
def test_an_observation_of_what_has_changed_is_stale(project, runs, change):
    data = project.root / "mine.parquet"
    data.write_text("one")
    assert site.observe(project, "01", {"waves": "../mine.parquet"}) == []
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
        assert "site 01 --parameters waves=../mine.parquet" not in page.read_text(), "text is quoted, as source"
        assert "site 01 --parameters" in page.read_text()


def test_an_observation_that_was_edited_is_named(project, runs):
    site.observe(project, "01", {"waves": "surfers"})
    (path,) = project.observations.glob("*.ipynb")
    path.write_text(path.read_text().replace("surfers", "sinkers"))
    (wrong,), _ = built(project, runs)
    assert f"observations/{path.name}" in wrong
    assert "edited since it was made" in path.with_suffix(".html").read_text()


def test_files_of_one_s_own_are_left_alone(project, runs):
    save(project.notebooks / "02-other.ipynb", GOOD)
    built(project, runs)
    site.observe(project, "02", {"waves": "surfers"})
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
    built(project, runs)
    assert all(path.exists() for path in mine)
    assert (project.reports / "02-other.ipynb").exists()
    assert not (project.reports / "02-other.html").exists()
    observed.unlink()
    built(project, runs)
    assert not observed.with_suffix(".html").exists()


def test_make_clean_removes_only_what_was_made(project, runs):
    (project.root / "Makefile").write_bytes((Path(__file__).parents[2] / "Makefile").read_bytes())
    for name in ("kdelab", "tests"):
        (project.root / name).mkdir()
    site.build(project)
    site.observe(project, "01", {"waves": "surfers"})
    mine = [project.reports / "verdicts.md", project.reports / "notes of mine.html", project.observations / "a.txt"]
    for path in mine:
        path.write_text("mine")
    (project.reports / ".work-left").mkdir()
    subprocess.run(["make", "clean"], cwd=project.root, check=True, capture_output=True)
    assert {path for path in project.reports.rglob("*") if path.is_file()} == set(mine)
    assert not (project.reports / ".work-left").exists()
    subprocess.run(["make", "clean"], cwd=project.root, check=True, capture_output=True)


def test_another_kdelab_than_the_project_s_is_refused(project, runs, capsys):
    save(project.root / "kdelab" / "__init__.py", nbformat.v4.new_notebook())
    for command in (["site"], ["site", "01", "--parameters", "waves=surfers"], ["notebooks"]):
        assert main([*command, "--root", str(project.root)]) == 1
        assert "has its own; run it from there" in capsys.readouterr().err
    assert runs.names == []


def test_a_folder_without_notebooks_is_a_slip(tmp_path, capsys):
    assert main(["site", "--root", str(tmp_path)]) == 1
    assert "--root: there are no numbered notebooks" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_limit_of_time_is_a_number_of_seconds(seconds, capsys):
    with pytest.raises(SystemExit):
        main(["site", "--timeout", seconds])
    assert "wanted is a number of seconds above 0" in capsys.readouterr().err
