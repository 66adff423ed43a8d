"""Notebook 05 under wrong libraries: one side favoured, a pull that fades, tails taken for other tails."""

import numpy as np
import pytest
from sabotage import assert_caught, changed_gradient, prepared_with, scaled_gradient, slow_but_first

import kdelab
from kdelab.loss.cross_entropy import CrossEntropy

pytestmark = pytest.mark.xdist_group("05")

NOTEBOOK = "05-near-and-far.ipynb"
LEVEL = "logistic and Huber, 10000 h out: largest difference from Laplace's pull"
SMALL = {"predictions": 15, "neighbours": 10, "shapes": 5, "counted": 100, "trained_on": 20, "judged_on": 20}


def gradient_times(factor):
    """A library whose gradient is multiplied, point by point, by ``factor(clusters, values)``."""

    def wrong(monkeypatch):
        honest = CrossEntropy.value_and_grad

        def value_and_grad(self, logits):
            values, gradient = honest(self, logits)
            return values, factor(self.clusters, values) * gradient

        monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)

    return wrong


def right_hand(clusters, values):
    return 1 + 0.05 * (clusters.points > np.repeat((clusters.lower + clusters.upper) / 2, clusters.sizes))


def fading(clusters, values):
    return np.repeat(1 - 0.05 * np.tanh(values / 10), clusters.sizes)


def swapped(wanted, given):
    """A library that takes one kind of kernel for another."""
    return prepared_with(
        lambda clusters, kernel, _: (clusters, given(kernel.bandwidth) if isinstance(kernel, wanted) else kernel)
    )


def pushed(kernel_kind, by):
    """A library whose gradient gives every point left of its target a little more, taken from the others."""

    def change(loss, logits, right):
        clusters, S = loss.clusters, loss.clusters.softmax(logits)
        left = (clusters.points < clusters.spread(clusters.centres)) * 1.0
        wrong = right + by * S * (left - clusters.spread(clusters.sum(S * left)))
        return wrong if isinstance(loss.kernel, kernel_kind) else right

    return changed_gradient(change)


def wider(kind, factor):
    return prepared_with(
        lambda clusters, kernel, _: (
            clusters,
            kind(factor * kernel.bandwidth) if isinstance(kernel, kind) else kernel,
        )
    )


any_tail = (kdelab.Cauchy, kdelab.GeneralizedNormal, kdelab.Gaussian)


@pytest.mark.parametrize(
    ("claim", "check", "wrong"),
    slow_but_first(
        [
            ("equal-rate", "0.02 h wide: difference, measured over predicted, median", scaled_gradient(0.97)),
            ("far-as-near", "Laplace: largest fall of the pull, one side, bin or interval", gradient_times(fading)),
            ("equal-rate", "one bin: largest difference of the twins' rates", gradient_times(right_hand)),
            ("equal-rate", "0.02 h wide: difference, measured over predicted, median", scaled_gradient(-1)),
            (
                "equal-rate",
                "one bin, recorded clusters: a point and its mirror image, largest difference",
                gradient_times(right_hand),
            ),
            ("equal-rate", "one bin: both near or both far, two points, largest rate", pushed(kdelab.Huber, 0.01)),
            (
                "equal-rate",
                "both near or both far, Laplace, recorded targets: largest change of the rate",
                gradient_times(fading),
            ),
            ("far-as-near", LEVEL, wider(kdelab.Huber, 1.05)),
            ("far-as-near", LEVEL, swapped(kdelab.Logistic, kdelab.Gaussian)),
            (
                "far-as-near",
                "logistic: largest fall of the pull, one side, bin or interval",
                swapped(kdelab.Logistic, kdelab.Cauchy),
            ),
            (
                "far-as-near",
                "Gaussian: largest fall of the pull, one side, bin or interval",
                swapped(kdelab.Gaussian, kdelab.Cauchy),
            ),
            ("far-as-near", "Cauchy: pull at 10000 h over pull at 1 h", swapped(any_tail, kdelab.Laplace)),
        ],
        claim=lambda case: case[0],
    ),
    ids=[
        "3 % short",
        "fades by 5 %",
        "5 % for one side",
        "sign flipped",
        "5 % for one side, mirrored",
        "a push of 1 % to the left",
        "far pairs fade by 5 %",
        "Huber 5 % too wide",
        "logistic is Gaussian",
        "logistic is Cauchy",
        "Gaussian is Cauchy",
        "all are Laplace",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(claim, check, wrong):
    assert_caught(NOTEBOOK, claim, check, wrong, **SMALL)
