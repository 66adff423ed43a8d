"""Parameters: cells are read as IPython runs them, and what reaches a notebook is what was declared, or is refused."""

from pathlib import Path

import papermill
import papermill.parameterize
import pytest
from tiny_notebooks import notebook, save

from kdelab.report.__main__ import main
from kdelab.report.build import cells
from kdelab.report.build.declarations import WANTED, checked, declared
from kdelab.report.build.parameters import defaults

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
DECLARED = """
seed: int = 1  # 0 to 1e9: draws
h: float = 0.1  # guess factors, 0.02 to 0.5: bandwidth
bins: int = 8  # a power of two, 2 to 64: of the finest
far: int = 8  # bandwidths, a power of two, 8 to 128: how far
k: int = 10  # 5, 10 or 50: neighbours
name: str = "Laplace"  # "Laplace" or "Gaussian, wide": a kernel: which
waves: str = "samples"  # "samples" or a path: what is read
some: str = "A B"  # some of A B C1: letters
widths: list[float] = [0.1]  # 0.01 to 1: several
on: bool = True  # True or False: whether
"""


@pytest.fixture
def every():
    return notebook((DECLARED, "parameters"))


def reached(value):
    """What a notebook's variable holds after papermill has put the value into it."""
    source = notebook(("x = None", "parameters"))
    source.metadata["papermill"] = {}
    made = papermill.parameterize.parameterize_notebook(source, {"x": value}, kernel_name="python3", language="python")
    space = {}
    exec(made.cells[1].source, space)
    return space["x"]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("seed", "3", 3),
        ("seed", "1_000", 1000),
        ("seed", " 0x10", 16),
        ("h", "0.2", 0.2),
        ("h", "5e-2", 0.05),
        ("h", 0.5, 0.5),
        ("bins", "64", 64),
        ("far", "16", 16),
        ("k", "5", 5),
        ("name", "Laplace", "Laplace"),
        ("name", "'Laplace'", "Laplace"),
        ("name", "Gaussian, wide", "Gaussian, wide"),
        ("waves", "../mine é.parquet", "../mine é.parquet"),
        ("some", "C1 A", "C1 A"),
        ("widths", "0.1,1", [0.1, 1.0]),
        ("widths", "[0.5]", [0.5]),
        ("on", "False", False),
    ],
)
def test_what_is_asked_for_reaches_the_notebook_in_its_type(every, name, text, value, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "mine é.parquet").touch()
    found = reached(checked(every, {name: text}, tmp_path / "notebooks")[name])
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("seed", text) for text in ("-1", "1.0", "1e3", "True", "nan", "2e9", "", "x", "1 2", "np.pi", "[1]", "2*3")),
        *(("h", text) for text in ("0.01", "0.6", "nan", "inf", "-inf", "1e999", "true", "'0.1'", True, "0,1", "")),
        *(("bins", text) for text in ("3", "0", "128", "-2")),
        *(("k", text) for text in ("6", "10.0")),
        *(("name", text) for text in ("Laplas", "", "'Laplace", "['Laplace']")),
        *(("waves", text) for text in ("", "surfer", "none.parquet")),
        *(("some", text) for text in ("", "D", "A,B")),
        *(("widths", text) for text in ("0.1", "[]", "[2.0]", "['a']", "[nan]", "[True]", "{0.1}")),
        *(("on", text) for text in ("1", "true", "yes", 0)),
        ("h", 10**400),
        ("seed", "9" * 5000),
    ],
)
def test_what_is_not_allowed_is_refused_with_type_range_and_meaning(every, name, text, tmp_path):
    one = declared(every)[name]
    with pytest.raises(ValueError, match="given, allowed is") as caught:
        checked(every, {name: text}, tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{name}: ")
    assert all(part in said for part in (one.kind, one.domain.text, one.meaning))
    assert len(said) < 300


def test_an_unknown_name_lists_names_types_and_ranges(every):
    with pytest.raises(ValueError, match="no bandwith in this notebook, allowed are") as caught:
        checked(every, {"bandwith": "0.1"})
    assert "\n  h: float, guess factors, 0.02 to 0.5\n" in str(caught.value)
    assert str(caught.value).count("\n") == len(declared(every))


def test_values_of_a_caller_are_plain_ones(every):
    import numpy as np

    given = {"seed": np.int64(3), "h": np.float64(0.5), "widths": (np.float64(0.5), 1)}
    found = checked(every, given)
    assert found == {"seed": 3, "h": 0.5, "widths": [0.5, 1.0]}
    assert [type(value) for value in found.values()] == [int, float, list]
    with pytest.raises(ValueError, match=r"seed: .*given"):
        checked(every, {"seed": np.zeros(2)})


@pytest.mark.parametrize(
    "source",
    [
        "seed = 1  # 0 to 9: draws",
        "seed: int = 1",
        "seed: int = 1  # 0 to 9",
        "seed: int = 1  # any: draws",
        "seed: int = 10  # 0 to 9: draws",
        "seed: int = 1.0  # 0 to 9: draws",
        "h: float = 1  # 0 to 9: draws",
        "h: complex = 1j  # 0 to 9: draws",
        "h: float = 2 * 3.0  # 0 to 9: draws",
        "h: float = 5.0  # 9 to 0: draws",
        'name: str = "C"  # "A" or "B": one',
        "some: str = ''  # some of A B: letters",
        "on: bool = 1  # True or False: whether",
        "a: int = 1  # 0 to 9: x\nprint(a)",
        "seed: int = 1 2",
        "seed: int = (",
    ],
)
def test_a_line_that_is_no_declaration_in_full_names_its_cell_and_says_how(source):
    with pytest.raises(ValueError, match=r"parameters: cell 1 .*wanted is") as caught:
        declared(notebook((source, "parameters")))
    assert WANTED in str(caught.value)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_declares_its_parameters_in_full_as_papermill_reads_them(path):
    source = cells.read(path)
    known = declared(source)
    assert known.keys() == defaults(source).keys()
    assert known
    told = papermill.inspect_notebook(path)
    assert {name: one["inferred_type_name"] for name, one in told.items()} == {n: one.kind for n, one in known.items()}
    assert all(one["help"] == f"{known[n].domain.text}: {known[n].meaning}" for n, one in told.items())
    code = [cell.source for cell in source.cells if cell.cell_type == "code"]
    assert not any("given, allowed" in cell or "getattr(kdelab, kernel" in cell for cell in code), "declared is enough"


def test_parameters_are_listed(every, tmp_path, capsys):
    save(tmp_path / "notebooks" / "01-x.ipynb", every)
    save(tmp_path / "notebooks" / "02-y.ipynb", notebook(("a: int = 1  # 0 to 9: x", "parameters")))
    assert main(["--parameters", "--root", str(tmp_path)]) == 0
    both = capsys.readouterr().out
    assert main(["--parameters", "01", "--root", str(tmp_path)]) == 0
    one = capsys.readouterr().out
    assert "01-x" in both
    assert "02-y" in both
    assert "02-y" not in one
    (row,) = [line.split("  ") for line in one.splitlines() if line.startswith("  h ")]
    assert [part.strip() for part in row if part] == ["h", "float", "0.1", "guess factors, 0.02 to 0.5", "bandwidth"]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("%matplotlib inline\nh = 0.1", {"h": "0.1"}),
        ("h = 0.1\n!echo hi", {"h": "0.1"}),
        ("  h = 0.1", {"h": "0.1"}),
        ("h = 0.1\nh?", {"h": "0.1"}),
        ("files = !ls\nh = 0.1", {"files": None, "h": "0.1"}),
        ("%%time\nh = 0.1", {"h": "0.1"}),
        ("%%bash\nh=0.1", {}),
        (">>> h = 0.1", {"h": "0.1"}),
        ("a, b = 1, 2", {"a": "1", "b": "2"}),
        ("a = b = 3", {"a": "3", "b": "3"}),
        ("a: int = 3", {"a": "3"}),
        ("a = 1\na += 2", {"a": "a + 2"}),
        ("seed = 2\nother = 2 * seed", {"seed": "2", "other": "2 * seed"}),
        ("", {}),
    ],
)
def test_a_parameters_cell_is_read_as_ipython_runs_it(source, found):
    names = defaults(notebook((source, "parameters")))
    assert names.keys() == found.keys()
    assert all(value in (None, names[name]) for name, value in found.items())


def test_only_the_first_parameters_cell_can_be_replaced():
    assert defaults(notebook(("# prose",), ("a = 1", "parameters"), ("b = 2", "parameters"))) == {"a": "1"}
    assert defaults(notebook(("a = 1",))) == {}


@pytest.mark.parametrize("source", ["seed = 1 2", "seed = (", "\x00", "x = " + "(" * 1000])
def test_a_slip_in_a_parameters_cell_names_the_cell(source):
    with pytest.raises(ValueError, match=r"parameters: cell 1 .*can't be parsed"):
        defaults(notebook((source, "parameters")))
