"""Notebook 02 under wrong libraries: each gradient is finite, of the right shape, and wrong."""

import numpy as np
import pytest
from sabotage import assert_caught, changed_gradient, scaled_bandwidth, scaled_gradient, slow_but_first

pytestmark = pytest.mark.xdist_group("02")

SMALL = {"predictions": 20}


def weights(loss, logits):
    start, sizes = loss.clusters.offsets[:-1], loss.clusters.sizes
    S = np.exp(logits - np.maximum.reduceat(logits, start).repeat(sizes))
    return S / np.add.reduceat(S, start).repeat(sizes)


def denominator_dropped(loss, logits, gradient):
    """S (1 - K), the responsibilities of a density that is not divided by itself."""
    middle = ((loss.clusters.lower + loss.clusters.upper) / 2).repeat(loss.clusters.sizes)
    return weights(loss, logits) * (
        1 - np.exp(loss.kernel.log_unit(abs(loss.clusters.points - middle) / loss.kernel.bandwidth))
    )


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (scaled_gradient(0.98), "interval: differences of the loss"),
            (scaled_gradient(-1), "one bin: complex step, recorded"),
            (scaled_bandwidth(1.03), "one bin: complex step, toy clusters"),
            (changed_gradient(denominator_dropped), "Fisher's identity"),
            (changed_gradient(lambda loss, z, g: g + 1e-6 * weights(loss, z)), "sums to zero over a cluster"),
            (changed_gradient(lambda loss, z, g: weights(loss, z)), "by hand: first of two, exact -2/15"),
        ]
    ),
    ids=[
        "2 % short",
        "sign flipped",
        "bandwidth off by 3 %",
        "denominator dropped",
        "leaks 1e-6",
        "weights alone",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught("02-the-gradient.ipynb", "gradient", check, wrong, **SMALL)
