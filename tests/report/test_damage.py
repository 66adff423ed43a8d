"""What is damaged or foreign: named, and nobody else suffers. No kernels."""

import json
import os
from pathlib import Path

import nbformat
import pytest
from tiny_notebooks import GOOD, Runs, display, notebook, save

from kdelab.report.__main__ import main
from kdelab.report.build import cells, pages, published, record, site
from kdelab.report.build.project import write
from kdelab.report.build.refresh import refresh
from kdelab.report.verdicts import MIME

TEXT = nbformat.writes(GOOD)
OLD = {"cell_type": "code", "collapsed": False, "input": "1", "language": "python", "metadata": {}, "outputs": []}


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
    assert runs.build(project) == ([], ["01-good", "02-old"])


def test_make_notebooks_leaves_a_damaged_file_and_the_verdicts_as_they_are(project, runs):
    (project.notebooks / "02-bad.ipynb").write_text(with_conflict(TEXT))
    published_before = [project.root / record.NAME, project.reports / "verdicts.md"]
    for path in published_before:
        write(path, b"as it was")
    wrong = refresh(project)
    assert len(wrong) == 2
    assert "02-bad.ipynb: not a notebook: line 4 is the mark of a merge conflict" in wrong[0]
    assert "as they were" in wrong[1]
    assert [path.read_text() for path in published_before] == ["as it was"] * 2
    assert (project.notebooks / "02-bad.ipynb").read_text() == with_conflict(TEXT)
    assert any("02-bad.ipynb" in problem for problem in published.problems(project))


def test_make_notebooks_does_not_write_over_what_was_edited_meanwhile(project, runs, monkeypatch):
    path = project.notebooks / "01-good.ipynb"
    honest = Runs._each

    def edited(self, jobs):
        path.write_text(TEXT.replace("print(waves)", "print(1)"))
        yield from honest(self, jobs)

    monkeypatch.setattr(Runs, "_each", edited)
    (wrong,) = refresh(project)
    assert "changed while it ran" in wrong
    assert "print(1)" in path.read_text()


def test_pictures_in_prose_survive_make_notebooks(project):
    cell = nbformat.v4.new_markdown_cell("![x](attachment:a.png)", attachments={"a.png": {"image/png": "AAAA"}})
    assert cells.tidy(nbformat.v4.new_notebook(cells=[cell])).cells[0].attachments == cell.attachments


@pytest.mark.parametrize("verdict", [{}, [], "x", {"claim": 5}, {"claim": "binning", "status": "holds", "checks": 1}])
def test_a_verdict_that_is_none_fails_by_its_cell(project, runs, verdict):
    made = notebook(("# Odd",), ("1",))
    made.cells[1].outputs = [display({MIME: verdict})]
    save(project.notebooks / "02-odd.ipynb", made)
    (wrong,), _ = runs.build(project)
    assert "02-odd" in wrong
    assert "cell 2" in wrong


def test_what_cannot_be_drawn_fails_and_is_tried_again(project, runs, monkeypatch):
    def broken(notebook):
        raise RuntimeError("no pencil")

    with monkeypatch.context() as patch:
        patch.setattr(pages.cells, "cut", lambda notebook: broken(notebook) if len(notebook.cells) > 1 else [])
        for _ in range(2):
            (wrong,), _ = runs.build(project)
            assert "01-good failed, drawing its page: RuntimeError: no pencil" in wrong
            assert "no pencil" in (project.reports / "01-good.html").read_text()
    assert runs.build(project) == ([], [])
    assert "no pencil" not in (project.reports / "01-good.html").read_text()


def test_another_kdelab_than_the_project_s_is_refused(project, runs, capsys):
    save(project.root / "kdelab" / "__init__.py", nbformat.v4.new_notebook())
    for command in (["site"], ["01", "waves=surfers"], ["sweep", "01", "waves=surfers"], ["notebooks"]):
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
