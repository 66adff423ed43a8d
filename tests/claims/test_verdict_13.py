"""Notebook 13 under wrong libraries, and under cells that say otherwise."""

import numpy as np
import pandas as pd
import pytest
from notebook_runner import run
from sabotage import NOTEBOOKS, assert_caught, instead, scaled_gradient, slow_but_first
from test_wrong_procedures import generous, wide_targets

import kdelab
from kdelab.gun.compare import cells, learned
from kdelab.gun.recall import Recall, Targets
from kdelab.gun.waves.store import save_waves
from kdelab.learn.memory import Memory

pytestmark = pytest.mark.xdist_group("13")

NOTEBOOK = "13-a-gun-that-learns.ipynb"
SMALL = {"rivals": False, "predictions": 200, "tested": 300, "decided_on": "confirm", "surfers_on": "surfers, new"}
AGAIN = "cells computed again: cross-entropy, nats apart (claim)"
HITS_AGAIN = "cells computed again: hits, points apart (claim)"


def looks_ahead(monkeypatch):
    """Memories hold the next two hundred waves too, those of the shot's own round among them."""

    def rows(self, wave):
        return self._order[self._start[wave] : self._end[wave] + 200]

    monkeypatch.setattr(Memory, "rows", rows)


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (scaled_gradient(0.97), "gradient that was trained, error against the reference (claim)"),
            (scaled_gradient(-1), AGAIN),
            (looks_ahead, "share of neighbours that hadn't passed (claim)"),
            (instead(Recall, "hit", generous), HITS_AGAIN),
            (instead(Targets, "clusters", wide_targets), AGAIN),
        ]
    ),
    ids=[
        "gradient 3 % short",
        "sign flipped",
        "looks ahead",
        "hits up to 0.01 outside",
        "targets 5 % too wide",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught(NOTEBOOK, "learned-gun", check, wrong, **SMALL)


def otherwise(monkeypatch, points, nats, exams):
    """Cells in which learning gains so much more, in some exams."""
    table = cells.load("learned")
    better = (table["learner"] == learned.POWERS) & table["exam"].isin(exams)
    table["hits"] = table["hits"].astype(float)
    table.loc[better, "hits"] += points / 100 * table["shots"][better]
    table.loc[better, "loss"] -= nats * table["shots"][better]
    monkeypatch.setattr(cells, "load", lambda name: table)


@pytest.mark.slow
def test_cells_in_which_learning_harms_refute_the_claim(monkeypatch):
    otherwise(monkeypatch, -6, -0.1, [learned.UNSEEN, learned.SEEN])
    assert run(NOTEBOOKS / NOTEBOOK, **SMALL)["learned-gun"].status == "refuted"


def test_at_targets_that_adapt_the_verdict_changes_with_the_cells_and_under_a_wrong_library(monkeypatch):
    otherwise(monkeypatch, 20, 0.5, [learned.ADAPT_UNSEEN, learned.ADAPT_SEEN])
    assert run(NOTEBOOKS / NOTEBOOK, **SMALL)["learned-gun-surfers"].status == "holds"
    scaled_gradient(0.97)(monkeypatch)
    assert run(NOTEBOOKS / NOTEBOOK, **SMALL)["learned-gun-surfers"].status == "undecided"


@pytest.mark.parametrize(
    "few",
    [
        lambda waves: waves[(waves["battle"] == waves["battle"][0]) & (waves["round"] < 3)],
        pytest.param(lambda waves: waves[waves["enemy"] == "sample.Crazy"], marks=pytest.mark.slow),
        pytest.param(
            lambda waves: pd.concat(
                [waves[waves["battle"] == waves["battle"].iloc[at]].head(n) for at, n in ((0, 900), (-1, 30))]
            ),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["one battle of three rounds", "one enemy", "two enemies, one hardly met"],
)
def test_on_a_few_battles_the_notebook_runs_to_its_end_and_decides_nothing(few, tmp_path):
    save_waves(tmp_path / "few.parquet", few(kdelab.load_waves()).reset_index(drop=True), {})
    small = SMALL | {"predictions": 60, "tested": 100, "own_seeds": 2}
    verdict = run(NOTEBOOKS / NOTEBOOK, waves=str(tmp_path / "few.parquet"), **small)["learned-gun"]
    assert verdict.status == "undecided"
    for check in verdict.checks:
        assert check.passed == ("gained" not in check.name), check.name
        assert np.isnan(check.value) == ("gained" in check.name)
