"""Notebook 12 under wrong libraries: a few digits lost, the wrong bandwidth, no anchor for far clusters."""

import numpy as np
import pytest
from sabotage import assert_caught, scaled_bandwidth, scaled_gradient, slow_but_first

from kdelab.loss.cross_entropy import CrossEntropy

pytestmark = pytest.mark.xdist_group("12")

SMALL = {"cases": 10, "predictions": 200, "neighbours": 20}


def no_anchor(monkeypatch):
    """Beyond 700 bandwidths every exponential underflows: no share is left to subtract from the weights."""
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        for n, (x, a, b) in enumerate(self.clusters):
            if np.maximum(a - x, x - b).min() > 700 * self.kernel.bandwidth:
                part = slice(self.clusters.offsets[n], self.clusters.offsets[n + 1])
                weights = np.exp(logits[part] - np.max(logits[part]))
                gradient[part] = weights / weights.sum()
        return values, gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


def pair_by_pair(monkeypatch):
    """Right, but each point is compared with every other."""
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        for points, *_ in self.clusters:
            np.exp(-abs(points[:, None] - points)).sum()
        return honest(self, logits)

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (scaled_gradient(1 + 1e-9), "random clusters: gradient error over its bound"),
            (scaled_gradient(0.99), "recorded clusters: against the reference"),
            (scaled_bandwidth(1.02), "random clusters: loss error over its bound"),
            (no_anchor, "moved 0 to 1e8 bandwidths: gradient over its bound"),
            (pair_by_pair, "time in clusters eight times as large, points in all the same"),
        ]
    ),
    ids=[
        "nine digits",
        "1 % short",
        "bandwidth off by 2 %",
        "no anchor",
        "pair by pair",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught("12-without-bins.ipynb", "exact-engine", check, wrong, **SMALL)
