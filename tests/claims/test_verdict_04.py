"""Notebook 04 under wrong libraries: an epsilon in the logarithm, a step that leans on the loss, the linear loss."""

import numpy as np
import pytest
from sabotage import assert_caught, scaled_gradient

from kdelab.loss import reference

pytestmark = pytest.mark.xdist_group("04")

NOTEBOOK = "04-scale-of-the-kernel.ipynb"
SMALL = {"predictions": 2, "neighbours": 3}


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


@pytest.mark.parametrize(
    ("claim", "check", "wrong"),
    [
        ("common-scale", "largest change of the gradient, 1e-300 to 1e300, recorded clusters", with_epsilon),
        ("common-scale", "largest change of the gradient, 1e-300 to 1e300, toy clusters", leaning),
        ("common-scale", "the fast engine without a factor against the slow one with it", scaled_gradient(0.97)),
        ("unnormalised-kernel", "logits after 200 steps, with and without the constant", leaning),
        ("scaled-gradient", "twice the kernel multiplies the gradient by", linear),
        ("scaled-gradient", "twice the kernel multiplies the gradient by", leaning),
    ],
    ids=["epsilon", "leaning", "3 % short", "training, leaning", "linear loss", "scaled, leaning"],
)
def test_the_verdict_changes_under_a_wrong_library(claim, check, wrong, monkeypatch):
    assert_caught(NOTEBOOK, claim, check, wrong, monkeypatch, **SMALL)
