"""The published record: written from the notebooks, read by all else; a damaged one fails by name. No kernels."""

import json
import re
from pathlib import Path

import pytest
from tiny_notebooks import display, notebook

import kdelab
from kdelab.report.__main__ import main
from kdelab.report.build import cells, published, record
from kdelab.report.build.project import Project, encoded, write
from kdelab.report.verdicts import MIME

ROOT = Path(__file__).parents[2]
CHECKS = [kdelab.Check("what was counted", 2.0, at_most=3), kdelab.Check("other", 1e-16, at_most=1)]


def judging(verdict):
    """A notebook as one run leaves it, with this verdict."""
    made = notebook(("# 01",), ("bound = 3", "parameters"), ("verdict",))
    for number, cell in enumerate(made.cells[1:], 1):
        cell.execution_count = number
    made.cells[2].outputs = [display({MIME: verdict})]
    return cells.content(made)


@pytest.fixture
def committed(tmp_path):
    """A project in step: a notebook, the record, verdicts.md and the README."""
    project = Project(tmp_path)
    write(project.notebooks / "01-the-loss.ipynb", judging(kdelab.Verdict("binning", CHECKS, "noted").as_json()))
    (tmp_path / "README.md").write_text("before\n{}\nold\n{}\nafter\n".format(*published.MARKERS["verdicts"]))
    assert main(["notebooks", "--publish", "--root", str(tmp_path)]) == 0
    assert published.problems(project) == []
    return project


def test_the_committed_record_says_what_the_notebooks_do_and_can_be_read_back():
    content = record.content(Project(ROOT))
    carried = [cells.verdicts(cells.read(path)) for path in cells.listed(ROOT / "notebooks")]
    found = record.verdicts(content)
    assert encoded(record.text_of(found)) == content
    for claim, verdict in {claim: verdict for one in carried for claim, verdict in one.items()}.items():
        assert {name: found[claim][name] for name in verdict} == verdict


def test_the_record_is_plain_json_that_tells_its_schema(committed):
    data = json.loads((committed.root / record.NAME).read_text(encoding="utf-8"))
    (verdict,) = data.pop("verdicts")
    assert data == {"schema": 2, "about": record.ABOUT}
    assert list(verdict) == ["claim", "notebook", "status", "note", "measured", "coverage", "key", "checks"]
    assert verdict == {"notebook": "01-the-loss", **kdelab.Verdict("binning", CHECKS, "noted").as_json()}


def changed(**fields):
    """What damages the record: its only verdict gets these fields."""
    return lambda data: data["verdicts"][0].update(fields)


def check(**fields):
    return lambda data: data["verdicts"][0]["checks"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda data: data.update(schema=1), "its schema is 1, this kdelab reads 2"),
        (lambda data: data.update(schema="1"), "its schema is text, not a number"),
        (lambda data: data.pop("schema"), "it has no schema"),
        (lambda data: data.pop("about"), "it has no about"),
        (lambda data: data.update(verdicts={}), "its verdicts is an object, not a list"),
        (lambda data: data.update(more=1), "it has a field 'more' too many"),
        (lambda data: data["verdicts"].append(data["verdicts"][0]), "verdict 2 (binning): the claim has another one"),
        (lambda data: data["verdicts"].append(7), "verdict 2 (None): a number stands where an object should"),
        (changed(claim="no-such"), "verdict 1 (no-such): no such claim"),
        (changed(notebook="02-the-gradient"), "its notebook is '02-the-gradient', the claim's is 01-the-loss"),
        (changed(status="refuted"), "its status is 'refuted', but from its checks follows 'holds'"),
        (changed(status="splendid"), "its status is 'splendid'"),
        (changed(key="other"), "its key is 'other', but from its checks follows 'what was counted'"),
        (changed(key=1), "its key is a number, not text or null"),
        (changed(note=None), "its note is null, not text"),
        (changed(checks=[[]]), "check 1: a list stands where an object should"),
        (changed(date="today"), "it has a field 'date' too many"),
        (check(passed=False), "its status is 'holds', but from its checks follows 'undecided'"),
        (check(passed=1), "check 1: its passed is a number, not true or false"),
        (check(value=True), "check 1: its value is true or false, not a number or null"),
        (check(role="proof"), "check 1: its role is 'proof'"),
        (check(digits=3), "it has a field 'digits' too many"),
    ],
)
def test_a_record_that_says_what_it_cannot_is_named(committed, change, named):
    path = committed.root / record.NAME
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data), encoding="utf-8")
    assert_named(committed, named)


@pytest.mark.parametrize(
    ("pattern", "into", "named"),
    [
        (b"(?s)^.*$", b"", "the file is empty"),
        (b"(?s)^.*$", b"[]", "a list stands where an object should"),
        (b"(?s)^.*$", b"[" * 100_000, "nested too deeply"),
        (rb"(?s).{40}\Z", b"", "is no JSON any more"),
        (b"^", b"\xef\xbb\xbf", "byte order mark"),
        (b"counted", b"co\xffnted", "is not UTF-8"),
        (b'(?m)^ "status"', b'<<<<<<< HEAD\n "status"', "line 8 is the mark of a merge conflict"),
        (b'(?m)^ "status"', b' "status": "refuted",\n "status"', "a field stands twice in one object: 'status'"),
        (b'"value": 2.0', b'"value": NaN', "NaN is no JSON"),
        (b'"value": 2.0', b'"value": 1e999', "check 1: its value is inf"),
    ],
)
def test_a_record_that_was_truncated_or_merged_is_named(committed, pattern, into, named):
    path = committed.root / record.NAME
    content = path.read_bytes()
    path.write_bytes(re.sub(pattern, into, content, count=1))
    assert path.read_bytes() != content
    assert_named(committed, named)


def assert_named(project, why):
    (wrong,) = published.problems(project)
    assert wrong.startswith(f"reports/verdicts.json: damaged, `{record.PUBLISH}` writes it anew from the notebooks: ")
    assert why in wrong
    assert "\n" not in wrong
    assert main(["notebooks", "--publish", "--root", str(project.root)]) == 0
    assert published.problems(project) == [], "what the sentence says to do helps"


def test_the_site_names_a_damaged_record_and_goes_on(project, runs):
    write(project.root / record.NAME, b"typed in\n")
    (wrong,), ran = runs.build(project)
    assert wrong.startswith("reports/verdicts.json: damaged")
    assert ran == ["01-good"]
    assert "reports/verdicts.json: damaged" in (project.reports / "index.html").read_text()
    assert (project.root / record.NAME).read_bytes() == b"typed in\n"


def test_the_site_is_built_without_a_record_and_whatever_stands_in_verdicts_md(project, runs):
    write(project.reports / "verdicts.md", b"| `binning` | \xff")
    assert runs.build(project) == ([], ["01-good"])


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (record.NAME, None, ["reports/verdicts.json: there is none", "reports/verdicts.md: ", "README.md: "]),
        (record.NAME, (b'{"name"', b'{ "name"'), ["reports/verdicts.json: not as "]),
        (record.NAME, (b'"noted"', b'"known"'), ["reports/verdicts.json: not what the notebooks' outputs say of"]),
        ("reports/verdicts.md", None, ["reports/verdicts.md: not what reports/verdicts.json says"]),
        ("reports/verdicts.md", (b"counted", b"co\xffnted"), ["reports/verdicts.md: not what reports/verdicts.json"]),
        ("README.md", ("✔ holds".encode(), b"holds"), ["README.md: not what reports/verdicts.json says"]),
        ("README.md", (b"<!-- verdicts:end -->", b""), ["README.md: <!-- verdicts:begin --> without <!-- "]),
        ("README.md", (b"<!-- verdicts:begin -->", b""), []),
    ],
)  # fmt: skip
def test_what_is_out_of_step_is_named(committed, name, change, expected):
    path = committed.root / name
    if change is None:
        path.unlink()
    else:
        assert change[0] in path.read_bytes()
        path.write_bytes(path.read_bytes().replace(*change))
    found = published.problems(committed)
    assert len(found) == len(expected)
    assert all(line.startswith(start) for line, start in zip(found, expected, strict=True))


def test_a_notebook_that_says_something_else_is_named_with_its_claims(committed):
    another = kdelab.Verdict("binning", [kdelab.Check("what was counted", 4, at_most=3)]).as_json()
    write(committed.notebooks / "01-the-loss.ipynb", judging(another))
    (wrong,) = published.problems(committed)
    assert wrong == f"{record.NAME}: not what the notebooks' outputs say of binning; `{record.PUBLISH}` writes it"


def test_a_notebook_that_shows_no_verdict_is_named_once_and_nothing_is_published(committed, capsys):
    before = record.content(committed)
    write(committed.notebooks / "01-the-loss.ipynb", judging({"claim": "binning"}))
    wrong = "01-the-loss.ipynb: cell 3 (id {}, under “01”) shows a verdict that is none: it has no status"
    wrong = wrong.format(cells.read(committed.notebooks / "01-the-loss.ipynb").cells[2].id)
    assert wrong in published.problems(committed)
    assert published.problems(committed).count(wrong) == 1
    assert main(["notebooks", "--publish", "--root", str(committed.root)]) == 1
    assert wrong in capsys.readouterr().err
    assert record.content(committed) == before


def test_only_a_claim_s_own_notebook_speaks_for_it(committed):
    another = kdelab.Verdict("binning", [kdelab.Check("another count", 1, at_most=3)]).as_json()
    write(committed.notebooks / "02-the-gradient.ipynb", judging(another))
    assert any("registered for another notebook" in problem for problem in published.problems(committed))
    assert main(["notebooks", "--publish", "--root", str(committed.root)]) == 0
    assert b"another count" not in record.content(committed)


def test_nothing_is_published_of_a_folder_without_notebooks(tmp_path, capsys):
    assert main(["notebooks", "--publish", "--root", str(tmp_path)]) == 1
    assert "there are no numbered notebooks" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_and_a_tag_in_a_name_stay_in_their_field(committed):
    odd = kdelab.Verdict("binning", [kdelab.Check("a | <b>\n c", 1, at_most=3)]).as_json()
    write(committed.notebooks / "01-the-loss.ipynb", judging(odd))
    assert main(["notebooks", "--publish", "--root", str(committed.root)]) == 0
    table = (committed.reports / "verdicts.md").read_text(encoding="utf-8")
    assert r"| ✔ holds | a \| &lt;b&gt; c: 1 (at most 3) |" in table
