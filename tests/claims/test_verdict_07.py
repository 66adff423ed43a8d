"""Notebook 07 under deliberately wrong libraries."""

import pytest
from sabotage import assert_caught

from kdelab.study import rivals

pytestmark = pytest.mark.xdist_group("07")
NOTEBOOK = "07-surfing-and-targeting.ipynb"
SMALL = {"predictions": 10, "neighbours": 10, "trained": "", "trained_on": 20, "judged_on": 20}


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


CASES = [
    ("far-losses", "two points, squared error: force at distance 10 against 1", squared_error_forgets_the_error, SMALL),
    ("far-losses", "library against fractions, two points", squared_error_a_little_too_steep, SMALL),
]


@pytest.mark.parametrize(
    ("claim", "check", "wrong", "small"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_wrong_libraries_are_caught(claim, check, wrong, small, monkeypatch):
    assert_caught(NOTEBOOK, claim, check, wrong, monkeypatch, **small)
