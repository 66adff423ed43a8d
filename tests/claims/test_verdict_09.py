"""Notebook 09 under wrong libraries: training that doesn't train, trains on something else, or never looks anew."""

import pytest
from sabotage import assert_caught, scaled_bandwidth, scaled_gradient

from kdelab.learn.memory import Memory

pytestmark = pytest.mark.xdist_group("09")

SMALL = {"seeds": 2, "predictions": 400, "shots": 600, "retrievals": 2, "neighbours": 15}


def deaf_retrieval(monkeypatch):
    """Neighbours are looked up as at first, whatever has been learned since."""
    honest, first = Memory.nearest, {}

    def nearest(self, positions, wanted, neighbours, share=5):
        return honest(self, first.setdefault(len(positions), positions), wanted, neighbours, share)

    monkeypatch.setattr(Memory, "nearest", nearest)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        (scaled_gradient(0.97), "gradient that was trained, error against the reference (counterexample)"),
        (scaled_bandwidth(1.04), "loss that was trained, error against the reference (counterexample)"),
        (scaled_gradient(-1), "training loss, anew minus control, worst seed"),
        (deaf_retrieval, "share of the hard late shots that turned easy"),
    ],
    ids=["gradient 3 % short", "bandwidth off by 4 %", "sign flipped", "retrieval deaf to weights"],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check, monkeypatch):
    assert_caught("09-retraining.ipynb", "retraining", check, wrong, monkeypatch, **SMALL)
