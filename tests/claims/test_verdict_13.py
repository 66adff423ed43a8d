"""Notebook 13 under wrong libraries: training that doesn't train, trains on something else, or sees the future."""

import pandas as pd
import pytest
from notebook_runner import run
from sabotage import NOTEBOOKS, assert_caught, scaled_gradient

import kdelab
from kdelab.gun.waves.store import save_waves
from kdelab.learn.memory import Memory

pytestmark = pytest.mark.xdist_group("13")

SMALL = {
    "rivals": False,
    "peers": False,
    "predictions": 600,
    "tested": 1000,
    "tested_a_robot": 400,
    "folds": 2,
    "unseen_seeds": 1,
}


def looks_ahead(monkeypatch):
    """Memories hold the next two hundred waves too, those of the shot's own round among them."""

    def rows(self, wave):
        return self._order[self._start[wave] : self._end[wave] + 200]

    monkeypatch.setattr(Memory, "rows", rows)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (scaled_gradient(0.97), "gradient that was trained, error against the reference (claim)"),
        (scaled_gradient(-1), "robots never seen: cross-entropy, learned minus unlearned, upper end"),
        (looks_ahead, "share of neighbours from the same round or later (claim)"),
    ],
    ids=["gradient 3 % short", "sign flipped", "looks ahead"],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check, monkeypatch):
    assert_caught("13-a-gun-that-learns.ipynb", "learned-gun", check, wrong, monkeypatch, **SMALL)


@pytest.mark.parametrize(
    "few",
    [
        lambda waves: waves[waves["enemy"] == "sample.Crazy"],
        lambda waves: waves[(waves["battle"] == waves["battle"][0]) & (waves["round"] < 3)],
        lambda waves: pd.concat(
            [waves[waves["battle"] == waves["battle"].iloc[at]].head(n) for at, n in ((0, 900), (-1, 30))]
        ),
    ],
    ids=["one enemy", "one battle of three rounds", "two enemies, one hardly met"],
)
def test_on_a_few_battles_the_notebook_runs_to_its_end_and_decides_nothing(few, tmp_path):
    save_waves(tmp_path / "few.parquet", few(kdelab.load_waves()).reset_index(drop=True), {})
    small = SMALL | {"predictions": 60, "tested": 100, "tested_a_robot": 20}
    verdict = run(NOTEBOOKS / "13-a-gun-that-learns.ipynb", waves=str(tmp_path / "few.parquet"), **small)["learned-gun"]
    assert verdict.status == "undecided"
    for check in verdict.checks:
        assert check.passed == ("learned minus unlearned" not in check.name), check.name
