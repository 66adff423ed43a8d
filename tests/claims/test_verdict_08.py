"""Notebook 08 under deliberately wrong libraries."""

import numpy as np
import pytest
from sabotage import assert_caught

from kdelab.gun.model import NeighbourModel
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import hard

pytestmark = pytest.mark.xdist_group("08")
NOTEBOOK = "08-hard-cases.ipynb"
SMALL = {"counted": 500, "trained_on": 400, "judged_on": 300, "seeds": 2}


def scaled(factor, monkeypatch):
    """Let the gradient of the cross-entropy be multiplied by `factor(loss)`, (total,)."""
    honest = CrossEntropy.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, factor(self) * gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", wrong)


def gradient_five_percent_too_large(monkeypatch):
    scaled(lambda loss: 1.05, monkeypatch)


def hard_cases_are_given_up(monkeypatch):
    def factor(loss):
        outside = np.repeat(hard.nearest(loss.clusters) > 0.05, loss.clusters.sizes)
        return np.where(outside, 0.1, 1.0)

    scaled(factor, monkeypatch)


def distances_too_long(monkeypatch):
    honest = hard.nearest
    monkeypatch.setattr(hard, "nearest", lambda clusters: 4 * honest(clusters))


def nothing_is_learned(monkeypatch):
    monkeypatch.setattr(NeighbourModel, "fit", lambda self, waves, **named: self.unlearned(waves))


TAUGHT = (
    "hard late waves: loss of the gun trained on hard cases only less that of the gun trained on as few others, nats"
)
CASES = [
    ("two points, both outside: the nearer one's gradient, -1/6", gradient_five_percent_too_large),
    ("force of a hard case against another's", hard_cases_are_given_up),
    ("share of the hard cases with a point within 2 h", distances_too_long),
    (TAUGHT, nothing_is_learned),
]


@pytest.mark.parametrize(("check", "wrong"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_wrong_libraries_are_caught(check, wrong, monkeypatch):
    assert_caught(NOTEBOOK, "hard-cases", check, wrong, monkeypatch, **SMALL)
