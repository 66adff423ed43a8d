"""Notebook 03 under wrong libraries: the sentence "made true", a box of the wrong width, a gradient a little short."""

import numpy as np
import pytest
from sabotage import assert_caught, scaled_bandwidth, scaled_gradient, slow_but_first

from kdelab.loss.cross_entropy import CrossEntropy

pytestmark = pytest.mark.xdist_group("03")

SMALL = {"predictions": 100}


def credit_not_shared(monkeypatch):
    """S - y for every number of matches, as the thread has it."""
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        values, _ = honest(self, logits)
        start, sizes = self.clusters.offsets[:-1], self.clusters.sizes
        S = np.exp(logits - np.maximum.reduceat(logits, start).repeat(sizes))
        S /= np.add.reduceat(S, start).repeat(sizes)
        middle = ((self.clusters.lower + self.clusters.upper) / 2).repeat(sizes)
        return values, S - (abs(self.clusters.points - middle) <= self.kernel.bandwidth)

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (scaled_gradient(0.97), "S - y, exactly one match, exact fractions"),
            (credit_not_shared, "credit shared in proportion, any matches, recorded"),
            (scaled_bandwidth(1.04), "S - y, exactly one match, recorded"),
            (scaled_gradient(-1), "S - y, exactly one match, exact fractions"),
        ]
    ),
    ids=[
        "3 % short",
        "credit not shared",
        "box 4 % too wide",
        "sign flipped",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught("03-the-softmax-limit.ipynb", "softmax-limit", check, wrong, **SMALL)
