"""Notebook 13 under wrong libraries: training that doesn't train, trains on something else, or sees the future."""

import pytest
from sabotage import assert_caught, scaled_gradient

from kdelab.gun.retrieval import Memory

pytestmark = pytest.mark.xdist_group("13")

SMALL = {
    "rivals": False,
    "peers": False,
    "predictions": 400,
    "tested": 1200,
    "tested_a_robot": 50,
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
        (scaled_gradient(0.97), "gradient that was trained, error against the reference (inside)"),
        (scaled_gradient(-1), "late rounds: cross-entropy, learned minus unlearned, upper end"),
        (looks_ahead, "share of neighbours from the same round or later (inside)"),
    ],
    ids=["gradient 3 % short", "sign flipped", "looks ahead"],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check, monkeypatch):
    assert_caught("13-a-gun-that-learns.ipynb", "learned-gun", check, wrong, monkeypatch, **SMALL)
