"""Every notebook with other parameters, under papermill: no exception, and verdicts that are still computed."""

from pathlib import Path

import nbformat
import papermill
import pytest
from other_parameters import SETS

from kdelab.report.verdicts import MIME

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
CASES = [(path.stem, i) for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")) for i in range(len(SETS.get(path.stem, [])))]


def test_every_notebook_has_at_least_three_other_parameter_sets_one_with_another_seed():
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        sets = SETS.get(path.stem, [])
        assert len(sets) >= 3, path.stem
        assert any({"seed", "seeds"} & set(given) for given in sets), path.stem


@pytest.mark.slow
@pytest.mark.parametrize(("name", "i"), CASES, ids=[f"{name}-{i}" for name, i in CASES])
def test_the_notebook_runs_with_other_parameters(name, i, tmp_path, monkeypatch):
    for variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    path = NOTEBOOKS / f"{name}.ipynb"
    source = nbformat.read(path, as_version=4)
    known = papermill.inspect_notebook(path)
    assert set(SETS[name][i]) <= set(known), "papermill would only warn about an unknown parameter"
    source.cells = [cell for cell in source.cells if "explore" not in cell.metadata.get("tags", [])]
    nbformat.write(source, tmp_path / "in.ipynb")
    ran = papermill.execute_notebook(
        tmp_path / "in.ipynb", tmp_path / "out.ipynb", parameters=SETS[name][i], kernel_name="python3",
        cwd=str(NOTEBOOKS), progress_bar=False,
    )  # fmt: skip
    outputs = [output for cell in ran.cells for output in cell.get("outputs", [])]
    verdicts = [output.data[MIME] for output in outputs if MIME in output.get("data", {})]
    expected = [output for cell in source.cells for output in cell.get("outputs", []) if MIME in output.get("data", {})]
    assert len(verdicts) == len(expected)
    assert not [output for output in outputs if output.get("name") == "stderr"]
