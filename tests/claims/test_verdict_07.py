"""Notebook 07 under deliberately wrong libraries."""

import numpy as np
import pytest
from sabotage import assert_caught

from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import rivals

pytestmark = pytest.mark.xdist_group("07")
NOTEBOOK = "07-surfing-and-targeting.ipynb"
SMALL = {"predictions": 10, "neighbours": 10, "trained": "", "trained_on": 20, "judged_on": 20}
TRAINED = SMALL | {
    "neighbours": 30,
    "trained": "1 - p;cross-entropy, Cauchy;squared error of the mean",
    "trained_on": 1000,
    "judged_on": 2000,
}


def scaled(owner, factor, monkeypatch):
    """Let the gradient of `owner.value_and_grad` be multiplied by `factor(objective)`, (total,)."""
    honest = owner.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, factor(self) * gradient

    monkeypatch.setattr(owner, "value_and_grad", wrong)


def squared_error_a_little_too_steep(monkeypatch):
    scaled(rivals.MeanSquaredError, lambda loss: 1.03, monkeypatch)


def squared_error_forgets_the_error(monkeypatch):
    def by_weight(self, weight):
        return self.clusters.sum(weight * self.from_centre) ** 2, 2 * self.from_centre

    monkeypatch.setattr(rivals.MeanSquaredError, "by_weight", by_weight)


def linear_loss_keeps_its_logarithm(monkeypatch):
    honest = rivals.Power.__init__

    def wrong(self, clusters, kernel, quadrature=rivals.RULE, alpha=0.0):
        honest(self, clusters, kernel, quadrature, 0.0)

    monkeypatch.setattr(rivals.Power, "__init__", wrong)


def far_clusters_pull_two_percent_harder(monkeypatch):
    def factor(loss):
        distance = abs(loss.clusters.points - np.repeat(loss.clusters.upper, loss.clusters.sizes))
        return 1 + 0.02 * np.minimum(distance, 1)

    scaled(CrossEntropy, factor, monkeypatch)


def squared_error_gives_up(monkeypatch):
    def factor(loss):
        return np.exp(-8 * loss.clusters.spread(np.abs(loss.clusters.sum(loss.from_centre)) / loss.clusters.sizes))

    scaled(rivals.MeanSquaredError, factor, monkeypatch)


CASES = [
    ("far-losses", "two points, squared error: force at distance 10 against 1", squared_error_forgets_the_error, SMALL),
    ("far-losses", "library against fractions, two points", squared_error_a_little_too_steep, SMALL),
    (
        "middle-ground",
        "force far off against that at the edge, Laplace, greatest",
        far_clusters_pull_two_percent_harder,
        SMALL,
    ),
    (
        "middle-ground",
        "share of the force from the harder half, below that of squared error",
        squared_error_gives_up,
        SMALL,
    ),
    (
        "giving-up",
        "surfer: more hits taken by 1 - p, low end of the interval, percentage points",
        linear_loss_keeps_its_logarithm,
        TRAINED,
    ),
]


@pytest.mark.parametrize(
    ("claim", "check", "wrong", "small"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_wrong_libraries_are_caught(claim, check, wrong, small, monkeypatch):
    assert_caught(NOTEBOOK, claim, check, wrong, monkeypatch, **small)
