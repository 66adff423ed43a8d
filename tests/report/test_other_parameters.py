"""Every notebook with other parameters, under papermill: no exception, and verdicts that are still computed."""

from pathlib import Path

import pytest
from other_parameters import SETS

from kdelab.report.build import cells, declarations
from kdelab.report.build.project import Project
from kdelab.report.build.runs import Job, running

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
CASES = [(path.stem, i) for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")) for i in range(len(SETS.get(path.stem, [])))]


def test_every_notebook_has_at_least_three_other_parameter_sets_one_with_another_seed():
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        sets = SETS.get(path.stem, [])
        assert len(sets) >= 3, path.stem
        for given in sets:
            declarations.checked(cells.read(path), given, NOTEBOOKS)
        dice = {"seed", "seeds"} & set(declarations.declared(cells.read(path)))
        assert not dice or any(dice & set(given) for given in sets), path.stem


@pytest.mark.slow
@pytest.mark.parametrize(("name", "i"), CASES, ids=[f"{name}-{i}" for name, i in CASES])
def test_the_notebook_runs_with_other_parameters(name, i, tmp_path):
    path = NOTEBOOKS / f"{name}.ipynb"
    source = cells.read(path)
    job = Job(path, source, declarations.checked(source, SETS[name][i], NOTEBOOKS))
    with running(Project(tmp_path), [job], name, timeout=10_000) as runs:
        ((_, run),) = runs
    assert run.failure is None
    assert cells.verdicts(run.notebook).keys() == cells.verdicts(source).keys()
    assert not [output for _, output in cells.outputs(run.notebook) if output.get("name") == "stderr"]
