"""The site: what is rebuilt and when, what failure looks like, and pages that load nothing from anywhere."""

import os
import re
import shutil
import subprocess

import pytest
from notebook_runner import run
from tiny_notebooks import notebook, save

import kdelab
from kdelab.report.__main__ import main
from kdelab.report.build import cells, published, record, site
from kdelab.report.build.fingerprints import RECORD
from kdelab.report.build.project import Project, encoded, write
from kdelab.report.build.refresh import refresh
from kdelab.report.explorer.module import MIME

pytestmark = pytest.mark.xdist_group("report")  # one worker: the built site is shared

GOOD = """
import kdelab
import matplotlib.pyplot as plt
kdelab.style.use()
figure, ax = plt.subplots()
ax.plot([0, bound], [0, 1])
kdelab.style.show(figure, alt="a line < rising", caption="It rises, $x < y$.", decisive=True)
"""
VERDICT = """
import kdelab
counted = kdelab.Check("what was counted", 2.0, at_most=bound)
kdelab.Verdict("binning", [counted, kdelab.Check("other", 1e-16, at_most=1)])
"""


PROSE = """# 01 · A tiny notebook

In symbols, $\\log p(x) < 0$ and

$$\\int_a^b p\\,dx = 1$$

[next](02-other.ipynb)
"""
PARAMETERS = """
bound: int = 3  # 0 to 9: how much is allowed
seed: int = 1  # 0 to 9: draws nothing
"""
LOSS = notebook(
    (PROSE,),
    (PARAMETERS, "parameters"),
    (GOOD,),
    (VERDICT,),
    ("## Try to break it",),
    ("kdelab.explore(target=(-bound, bound))", "explore"),
)
PLAIN = notebook(*[(cell.source, *cells.tags(cell)) for cell in LOSS.cells if "style" not in cell.source])
OTHER = notebook(("# 02 · Another",), ("seed = 2", "parameters"), ("print('seed', seed)",))
FAILING = notebook(("# 03 · Breaks",), ("seed = 3", "parameters"), ("print('before')",), ("## Here",), ("1 / 0",))


REFUTED = {
    "notebook": "01-the-loss",
    **kdelab.Verdict("binning", [kdelab.Check("what was counted", 4, at_least=4, role="counterexample")]).as_json(),
}


class Built:
    """A project with tiny notebooks, and what happened to it, step by step."""

    def __init__(self, root):
        self.project = Project(root)
        save(root / "notebooks" / "01-the-loss.ipynb", LOSS)
        save(root / "notebooks" / "02-other.ipynb", OTHER)
        save(root / "notebooks" / "playground.ipynb", FAILING)
        git = ["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@example.org"]
        (root / ".gitignore").write_text("reports/\n")
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "tiny"], check=True)
        self.first = site.build(self.project)
        self.after_first = self.files()
        os.utime(root / "notebooks" / "01-the-loss.ipynb")  # touched, not changed
        self.second = site.build(self.project)
        self.after_second = self.files()
        changed = cells.read(root / "notebooks" / "02-other.ipynb")
        changed.cells[2].source += "\nprint('more')"
        save(root / "notebooks" / "02-other.ipynb", changed)
        save(root / "notebooks" / "03-breaks.ipynb", FAILING)
        write(root / record.NAME, encoded(record.text_of({"binning": REFUTED})))
        self.third = site.build(self.project)

    def files(self):
        return {path.name: path.stat().st_mtime_ns for path in self.project.reports.iterdir()}

    def read(self, name):
        return (self.project.reports / name).read_text(encoding="utf-8")

    def record(self, stem):
        return cells.read(self.project.reports / f"{stem}.ipynb").metadata[RECORD]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    return Built(tmp_path_factory.mktemp("site"))


def test_a_run_leaves_a_page_a_notebook_and_the_index(built):
    assert built.first == []
    assert set(built.after_first) == {
        ".made", "cards", "figures", "index.html", "search.html", "thread.html", "explorer.html",
        "01-the-loss.html", "01-the-loss.ipynb", "02-other.html", "02-other.ipynb",
    }  # fmt: skip


def test_a_second_run_with_nothing_changed_does_nothing(built):
    assert built.second == []
    assert built.after_second == built.after_first


def test_only_what_changed_is_run_again(built):
    assert built.files()["01-the-loss.ipynb"] == built.after_first["01-the-loss.ipynb"]
    assert built.files()["02-other.ipynb"] != built.after_first["02-other.ipynb"]
    assert built.files()["index.html"] != built.after_first["index.html"]
    assert "more" in built.read("02-other.html")


def test_a_failing_notebook_is_named_with_its_cell_and_stops_nobody(built):
    (wrong,) = built.third
    assert "03-breaks" in wrong
    assert "cell 5" in wrong
    assert "“Here”" in wrong
    assert "ZeroDivisionError" in wrong
    page = built.read("03-breaks.html")
    assert "This notebook failed" in page
    assert "before" in page
    assert "Failed:" in built.read("index.html")


def test_the_record_tells_commit_dirty_flag_versions_and_time(built):
    first, later = built.record("01-the-loss"), built.record("02-other")
    assert re.fullmatch("[0-9a-f]{10}", first["commit"])
    assert first["dirty"] is False
    assert later["dirty"] is True
    assert first["versions"]["kdelab"]
    page = built.read("01-the-loss.html")
    for part in (first["commit"], "(clean)", "bound = 3", f"{first['seconds']:.1f} s", "01-the-loss.ipynb", "numpy"):
        assert part in page
    assert "with uncommitted changes" in built.read("02-other.html")


def test_an_executed_notebook_keeps_what_a_page_draws_of_an_explorer_and_a_committed_one_nothing(built):
    executed = cells.read(built.project.reports / "01-the-loss.ipynb")
    (explored,) = executed.cells[-1].outputs
    assert sorted(explored.data) == [MIME, "text/plain"]
    assert "widgets" not in executed.metadata
    assert cells.tidy(executed).cells[-1].outputs == []


def test_pages_hold_what_a_reader_needs(built):
    page = built.read("01-the-loss.html")
    assert 'alt="a line &lt; rising"' in page
    assert "<figcaption>It rises, <math" in page
    assert page.count("<math") == 3
    assert "<details" in page
    assert '<a href="02-other.html">next</a>' in page
    assert 'href="02-other.html" rel="next"' in page
    assert page.index("Try to break it") < page.index("data-explorer='{")
    assert '"target": [-3.0, 3.0]' in page
    assert "BeepBoop" in built.read("index.html")


def test_the_index_shows_verdict_number_thumbnail_and_what_differs_from_the_published(built):
    page = built.read("index.html")
    row = page[page.index("01-the-loss.html") :]
    assert 'class="badge holds"' in row
    assert "what was counted" in row
    assert 'alt="" width="180"' in row
    assert "Differs from what is published" in page
    assert "refuted, what was counted: 4 (at least 4)" in page
    assert 'class="badge open"' in page


def test_a_notebook_that_went_away_takes_its_page_along(built, tmp_path):
    project = Project(tmp_path)
    shutil.copytree(built.project.root, tmp_path, dirs_exist_ok=True)
    (tmp_path / "notebooks" / "03-breaks.ipynb").unlink()
    assert site.build(project) == []
    assert not list(project.reports.glob("03-*"))
    assert "03-breaks" not in (project.reports / "index.html").read_text()


def test_other_parameters_are_an_observation(built, tmp_path, capsys):
    shutil.copytree(built.project.root, tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "reports" / "01-the-loss.html").read_text()
    assert main(["01", "bound=1", "--root", str(tmp_path)]) == 0
    (page,) = (tmp_path / "reports" / "observations").glob("*.html")
    assert "An observation." in page.read_text()
    assert "bound = 1" in page.read_text()
    assert '<a href="../02-other.html">next</a>' in page.read_text()
    assert "undecided" in page.read_text()
    assert (tmp_path / "reports" / "01-the-loss.html").read_text() == before
    assert "binning undecided" in (tmp_path / "reports" / "index.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["01", "bnd=1"], "no bnd in this notebook, allowed are\n  bound: int, 0 to 9\n  seed: int, 0 to 9\n"),
        (["01", "bound=10"], "bound: '10' given, allowed is int, 0 to 9 (how much is allowed)"),
        (["01", "bound=1", "bound=2"], "bound: given twice"),
        (["09", "bound=1"], "'09' given"),
        (["bound=1"], "before it the number of a notebook is wanted"),
        (["01"], "no NAME=VALUE given"),
        (["sweep", "01"], "has no standard sweep"),
        (["sweep", "01", "bound=1,1"], "a value stands twice"),
        (["sweep", "01", "bound=1,x"], "bound: 'x' given"),
    ],
)
def test_what_a_notebook_does_not_have_is_refused(built, arguments, named, capsys):
    assert main([*arguments, "--root", str(built.project.root)]) == 1
    assert named in capsys.readouterr().err


def test_make_notebooks_keeps_outputs_and_publishes(tmp_path, capsys):
    project = Project(tmp_path)
    path = save(project.notebooks / "01-the-loss.ipynb", PLAIN)
    noisy = notebook(("# 02",), ("seed = 1", "parameters"), ("import sys; print('oops', file=sys.stderr)",))
    save(project.notebooks / "02-noisy.ipynb", noisy)
    (tmp_path / "README.md").write_text("before\n{}\nold\n{}\nafter\n".format(*published.MARKERS["verdicts"]))
    assert main(["notebooks", "--root", str(tmp_path)]) == 1
    assert "02-noisy: cell 3" in capsys.readouterr().err
    first = path.read_text()
    assert cells.verdicts(cells.read(path))["binning"]["status"] == "holds"
    assert cells.read(path).cells[-1].outputs == []
    assert (
        "| `binning` | Xor, 5 Feb 2022 | ✔ holds | what was counted: 2 (at most 3) |"
        in (project.reports / "verdicts.md").read_text()
    )
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("before")
    assert readme.endswith("after\n")
    assert "✔ holds" in readme
    (project.notebooks / "02-noisy.ipynb").unlink()
    assert refresh(project, ["01"]) == []
    assert path.read_text() == first, "a second run must leave the same bytes"
    assert main(["notebooks", "--check", "--root", str(tmp_path)]) == 0
    (project.reports / "verdicts.md").write_text("typed in")
    assert main(["notebooks", "--check", "--root", str(tmp_path)]) == 1


def test_the_runner_without_a_kernel_gives_the_same_verdicts(tmp_path):
    path = save(tmp_path / "01-the-loss.ipynb", LOSS)
    assert run(path)["binning"].status == "holds"
    assert run(path, bound=1)["binning"].status == "undecided"
    with pytest.raises(ValueError, match="no bnd in this notebook"):
        run(path, bnd=1)
