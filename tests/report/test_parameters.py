"""Parameters: cells are read as IPython runs them, and what reaches a notebook is what was asked, or is refused."""

import math
import sys

import papermill.parameterize
import pytest
from tiny_notebooks import notebook, save

from kdelab.report.__main__ import main
from kdelab.report.build.parameters import Bare, checked, defaults, parsed, plain


def reached(value):
    """What a notebook's variable holds after papermill has put the value into it."""
    source = notebook(("x = None", "parameters"))
    source.metadata["papermill"] = {}
    made = papermill.parameterize.parameterize_notebook(source, {"x": value}, kernel_name="python3", language="python")
    space = {}
    exec(made.cells[1].source, space)
    return space["x"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0,1", [0, 1]),
        ("(0, 1)", [0, 1]),
        ("((0, 1), (2,))", [[0, 1], [2]]),
        ("[1, (2, inf)]", [1, [2, math.inf]]),
        ("{'a': (1, 2)}", {"a": [1, 2]}),
        ("()", []),
        ("None", None),
        ("True", True),
        ("-3", -3),
        ("-1.5e-3", -0.0015),
        ("inf", math.inf),
        ("-inf", -math.inf),
        ("1_000", 1000),
        ("0x10", 16),
        ("10000000000000000000000", 10**22),
        ("'0,1'", "0,1"),
        ("Gaussian", "Gaussian"),
        ("../mine.parquet", "../mine.parquet"),
        ("1 - p;CRPS", "1 - p;CRPS"),
        ("", ""),
        (r"'a\"b\\n'", 'a"b\\n'),
        ("'é\t✔'", "é\t✔"),
    ],
)
def test_what_is_asked_for_reaches_the_notebook(text, value):
    found = reached(plain(parsed(text)))
    assert found == value
    assert type(found) is type(value)


def test_what_is_not_a_number_reaches_the_notebook():
    assert math.isnan(reached(parsed("nan")))
    assert math.isnan(reached(parsed("[nan]"))[0])


@pytest.mark.parametrize(
    "text", ["{1, 2}", "b'x'", "1j", "...", "{1: 2}", "[b'x']", "(1, {2})", "[1, np.pi]", "(1", "'a"]
)
def test_what_would_reach_it_as_something_else_is_refused(text):
    with pytest.raises(ValueError, match="given"):
        parsed(text)


def test_a_number_too_large_for_a_float_is_not_infinity():
    assert isinstance(parsed("1e999"), Bare)
    with pytest.raises(ValueError, match=r"x: '1e999' given, its default is 1\.0"):
        checked(notebook(("x = 1.0", "parameters")), {"x": parsed("1e999")})


@pytest.mark.parametrize("text", ["np.pi", "np.float64(0.1)", "2*seed", "true", "0.1.2"])
def test_bare_text_is_no_number(text):
    source = notebook(("x = 0.1\nname = 'Gaussian'", "parameters"))
    with pytest.raises(ValueError, match=r"its default is 0\.1"):
        checked(source, {"x": parsed(text)})
    assert checked(source, {"name": parsed(text)}) == {"name": text}
    assert type(checked(source, {"name": parsed(text)})["name"]) is str


def test_values_of_a_caller_are_plain_ones():
    import numpy as np

    assert checked(notebook(("x = 1", "parameters")), {"x": (np.int64(3), np.float64(0.5))}) == {"x": [3, 0.5]}
    with pytest.raises(ValueError, match=r"x: .*ndarray"):
        checked(notebook(("x = 1", "parameters")), {"x": np.zeros(2)})


@pytest.mark.parametrize("argument", ["x={1,2}", "x=b''", "x", "1=2", "x=1 x=2", "x=true", "y=1"])
def test_a_refusal_is_one_line(argument, tmp_path, capsys):
    save(tmp_path / "notebooks" / "01-x.ipynb", notebook(("x = 1", "parameters")))
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["site", "01", "--root", str(tmp_path), "--parameters", *argument.split()]))
    assert ended.value.code in (1, 2)
    assert len(capsys.readouterr().err.strip().splitlines()[-1]) < 300


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
