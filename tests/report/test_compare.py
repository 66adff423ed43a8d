"""Compare finds a verdict, a number, a text and a figure changed on purpose, and nothing where nothing was."""

import base64
import io
import subprocess

import nbformat
import pytest
from PIL import Image
from tiny_notebooks import display, notebook, save

import kdelab
from kdelab.report.__main__ import main
from kdelab.report.verdicts import MIME


def png(colour, size=(40, 20), dot=None):
    image = Image.new("RGB", size, colour)
    if dot:
        image.putpixel((3, 3), dot)
    packed = io.BytesIO()
    image.save(packed, format="png")
    return base64.b64encode(packed.getvalue()).decode()


def verdict(value, bound=3):
    checks = [kdelab.Check("what was counted", value, at_most=bound), kdelab.Check("other", 1.0, at_most=2)]
    return display({MIME: kdelab.Verdict("binning", checks, measured=f"Counted {value:g}.").as_json()})


def made(value=2.0, text="8 of 10", picture=None, source="print(1)"):
    cells = [("# 01 · Tiny",), ("print('plain')",), (source,), ("figure",), ("verdict",)]
    one = notebook(*cells)
    one.cells[2].outputs = [nbformat.v4.new_output("stream", text=f"line\n{text}\nend\n")]
    one.cells[3].outputs = [display({"image/png": picture or png("white"), "text/plain": "<Figure>"})]
    one.cells[4].outputs = [verdict(value)]
    return one


@pytest.fixture
def folders(tmp_path):
    """Two builds that are alike: 01 and 02 in each."""
    for side in ("before", "after"):
        for stem in ("01-tiny", "02-same"):
            save(tmp_path / side / f"{stem}.ipynb", made())
    return tmp_path


def compared(folders, capsys, *more):
    code = main(["compare", str(folders / "before"), str(folders / "after"), "--root", str(folders), *more])
    return code, capsys.readouterr().out, (folders / "reports" / "compare.html").read_text()


def test_where_nothing_was_changed_nothing_differs(folders, capsys):
    path = folders / "after" / "01-tiny.ipynb"
    again = nbformat.read(path, 4)
    again.cells[3].execution_count = 7
    again.metadata["kdelab"] = {"seconds": 5}
    with Image.open(io.BytesIO(base64.b64decode(png("white")))) as image:
        packed = io.BytesIO()
        image.save(packed, format="png", compress_level=0)
    again.cells[3].outputs[0].data["image/png"] = base64.b64encode(packed.getvalue()).decode()
    save(path, again)
    code, said, page = compared(folders, capsys, "--exit-code")
    assert code == 0
    assert said.splitlines() == [f"none of 2 notebooks differ: {folders / 'reports' / 'compare.html'}"]
    assert "None of 2 notebooks differ." in page
    assert "<section" not in page


@pytest.mark.parametrize(
    ("change", "line", "shown"),
    [
        ({"value": 4.0}, "verdict binning: holds -> undecided", 'class="badge undecided"'),
        ({"value": 2.5}, "check binning: what was counted: 2 (at most 3", "<td>2.5 (at most 3"),
        ({"text": "9 of 10"}, "text output of cell 3", "9 of 10"),
        ({"picture": png("white", dot=(0, 0, 0))}, "figure in cell 4", "0.125 % of the pixels"),
        ({"picture": png("white", size=(41, 20))}, "figure in cell 4", "The sizes differ."),
        ({"source": "print(2)"}, "source of cell 3", "print(2)"),
    ],
)
def test_what_was_changed_on_purpose_is_found_and_nothing_else(folders, capsys, change, line, shown):
    save(folders / "after" / "01-tiny.ipynb", made(**change))
    code, said, page = compared(folders, capsys)
    assert code == 0
    assert line in said
    assert shown in page
    assert "02-same" not in said
    assert "1 of 2 notebooks differ (" in said
    kinds = {told.strip().split()[0] for told in said.splitlines()[1:-1]}
    wanted = {"verdict", "check"} if change == {"value": 4.0} else {line.split()[0]}
    assert kinds == wanted
    assert page.count("data:image/png") == (2 if "picture" in change else 0), "both, side by side"
    assert "default-src &#39;none&#39;" in page
    assert compared(folders, capsys, "--exit-code")[0] == 1


def test_what_may_differ_from_run_to_run_is_said_to(folders, capsys):
    loose = made(text="9 of 10")
    loose.cells[2].metadata["tags"] = ["nbval-ignore-output"]
    save(folders / "after" / "01-tiny.ipynb", loose)
    assert "(which may differ from run to run)" in compared(folders, capsys)[1]


def test_a_shift_of_colour_that_nobody_sees_is_none(folders, capsys):
    save(folders / "after" / "01-tiny.ipynb", made(picture=png((250, 250, 250))))
    assert "none of 2" in compared(folders, capsys)[1]


def test_cells_and_notebooks_that_come_and_go_shift_nothing(folders, capsys):
    longer = made(picture=png("black"))
    longer.cells.insert(1, nbformat.v4.new_code_cell("'new'", outputs=[display({"image/png": png("red")})]))
    del longer.cells[2]
    longer.cells.append(nbformat.v4.new_markdown_cell("an end"))
    save(folders / "after" / "01-tiny.ipynb", longer)
    (folders / "after" / "02-same.ipynb").rename(folders / "after" / "03-other.ipynb")
    said = compared(folders, capsys)[1].splitlines()
    assert [line for line in said if not line.startswith("  ")] == ["01-tiny", "02-same", "03-other", said[-1]]
    assert said[said.index("02-same") + 1] == "  gone"
    assert said[said.index("03-other") + 1] == "  new"
    assert any(line.startswith("  source of cell 6 ") and line.endswith("(new)") for line in said)
    figures = [line for line in said if "figure in" in line]
    assert len(figures) == 2
    assert "new figure" in figures[0]
    assert "100 % of its pixels" in figures[1]


def test_two_commits_are_compared_by_their_committed_notebooks(tmp_path, capsys):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    for value in (2.0, 4.0):
        save(tmp_path / "notebooks" / "01-tiny.ipynb", made(value))
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "x"], check=True)
    assert main(["compare", "HEAD~1", "HEAD", "--root", str(tmp_path)]) == 0
    assert "verdict binning: holds -> undecided" in capsys.readouterr().out
    assert main(["compare", "HEAD", str(tmp_path / "notebooks"), "--root", str(tmp_path)]) == 0
    assert "none of 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("side", "said"),
    [("nowhere", "wanted is a folder"), ("empty", "no numbered notebooks"), ("bad", "01-x.ipynb: not a")],
)
def test_a_side_that_is_none_is_named(folders, capsys, side, said):
    (folders / "empty").mkdir()
    (folders / "bad").mkdir()
    (folders / "bad" / "01-x.ipynb").write_text("x")
    given = str(folders / side) if side in ("empty", "bad") else side
    assert main(["compare", str(folders / "before"), given, "--root", str(folders)]) == 1
    assert said in capsys.readouterr().err
    assert not (folders / "reports").exists()


def test_a_build_keeps_the_page(project, runs):
    save(project.root / "b" / "01-tiny.ipynb", made())
    assert main(["compare", str(project.notebooks), str(project.root / "b"), "--root", str(project.root)]) == 0
    runs.build(project)
    assert (project.reports / "compare.html").exists()
