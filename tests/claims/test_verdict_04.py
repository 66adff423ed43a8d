"""Notebook 04 under wrong libraries: an epsilon in the logarithm, a step that leans on the loss, the linear loss.

And boxes that aren't divided by their width, targets that are not, or all of one width.
"""

import numpy as np
import pytest
from sabotage import assert_caught, changed_gradient, prepared_with, scaled_gradient, slow_but_first

from kdelab.loss import reference
from kdelab.loss.clusters import Clusters
from kdelab.loss.intervals import IntervalCrossEntropy

pytestmark = pytest.mark.xdist_group("04")

NOTEBOOK = "04-scale-of-the-kernel.ipynb"
SMALL = {"predictions": 2, "neighbours": 3, "crowd": 150, "trained_on": 50, "judged_on": 50, "seeds": 2}


def slow_gradient_times(factor):
    """A reference whose gradient is multiplied by ``factor`` of the cluster's loss."""

    def wrong(monkeypatch):
        honest = reference.gradient

        def gradient(points, logits, lower, upper, kernel, background=0.0):
            value = reference.loss(points, logits, (lower + upper) / 2, (lower + upper) / 2, kernel, background)
            return factor(value) * honest(points, logits, lower, upper, kernel, background)

        monkeypatch.setattr(reference, "gradient", gradient)

    return wrong


with_epsilon = slow_gradient_times(lambda loss: 1 / (1 + 1e-6 * np.exp(min(loss, 700))))
leaning = slow_gradient_times(lambda loss: 1 + 0.05 * np.tanh(loss))
linear = slow_gradient_times(lambda loss: np.exp(-loss))


def boxes_times(factor):
    """Boxes whose gradient is ``factor(loss, logits, gradient)``."""

    def wrong(monkeypatch):
        honest = IntervalCrossEntropy.value_and_grad

        def value_and_grad(self, logits):
            values, gradient = honest(self, logits)
            return values, factor(self, np.asarray(logits), gradient)

        monkeypatch.setattr(IntervalCrossEntropy, "value_and_grad", value_and_grad)

    return wrong


def height_one(loss, logits, gradient):
    """What boxes of height 1 would give, if all the target is covered: the library has lost its 1 / width."""
    raised = logits + np.log(loss.upper - loss.lower)
    right = loss._engine.value_and_grad(loss.clusters.checked(raised))[1]
    return right - loss.clusters.softmax(raised) + loss.clusters.softmax(logits)


def times_width(loss, logits, gradient):
    """A library without 1 / (b - a)."""
    return loss.clusters.spread(loss.clusters.upper - loss.clusters.lower) * gradient


def one_width(clusters, kernel, rule):
    """Targets of one width, about their centres."""
    half = np.where(clusters.upper > clusters.lower, np.mean(clusters.upper - clusters.lower) / 2, 0.0)
    return Clusters(clusters.points, clusters.offsets, clusters.centres - half, clusters.centres + half), kernel


@pytest.mark.parametrize(
    ("claim", "check", "wrong"),
    slow_but_first(
        [
            ("common-scale", "the fast engine without a factor against the slow one with it", scaled_gradient(0.97)),
            (
                "unnormalised-kernel",
                "two boxes over the target, one twice as wide, against fractions",
                boxes_times(lambda loss, z, g: 1.05 * g),
            ),
            ("scaled-gradient", "twice the kernel multiplies the gradient by", leaning),
            (
                "dropped-width",
                "one prediction: gradient without the factor, against b - a times it",
                scaled_gradient(0.97),
            ),
            ("common-scale", "largest change of the gradient, 1e-300 to 1e300, recorded clusters", with_epsilon),
            ("common-scale", "largest change of the gradient, 1e-300 to 1e300, toy clusters", leaning),
            ("unnormalised-kernel", "logits after 200 steps, with and without the constant", leaning),
            (
                "unnormalised-kernel",
                "two boxes over the target, one twice as wide, against fractions",
                boxes_times(height_one),
            ),
            ("scaled-gradient", "twice the kernel multiplies the gradient by", linear),
            (
                "dropped-width",
                "one prediction: gradient without the factor, against b - a times it",
                changed_gradient(times_width),
            ),
            (
                "dropped-width",
                "one prediction: gradient without the factor, against b - a times it",
                prepared_with(one_width),
            ),
        ],
        claim=lambda case: case[0],
    ),
    ids=[
        "3 % short",
        "boxes, 5 % more",
        "scaled, leaning",
        "factor, 3 % short",
        "epsilon",
        "leaning",
        "training, leaning",
        "boxes of height 1",
        "linear loss",
        "factor dropped",
        "targets of one width",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(claim, check, wrong):
    assert_caught(NOTEBOOK, claim, check, wrong, **SMALL)
