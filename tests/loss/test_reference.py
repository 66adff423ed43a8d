"""The oracle that readers see, against mpmath and against what can be done by hand."""

import math

import numpy as np
import oracle
import pytest
from kernels_under_test import ALL, named

import kdelab

POINTS, LOGITS = [-0.22, 0.05, 0.31], [0.3, 2.0, 0.5]


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize(("lower", "upper", "background"), [(-0.1, 0.25, 0.0), (0.1, 0.1, 0.1)])
def test_against_mpmath(make, lower, upper, background):
    kernel = make(0.4)
    loss, gradient = oracle.any_kernel(POINTS, LOGITS, lower, upper, kernel, background)
    arguments = (POINTS, LOGITS, lower, upper, kernel, background)
    assert kdelab.reference.loss(*arguments) == pytest.approx(float(loss), abs=1e-12)
    np.testing.assert_allclose(kdelab.reference.gradient(*arguments), np.array(gradient, dtype=float), atol=1e-12)


def test_background_reaches_from_minus_one_to_one():
    kernel, arguments = kdelab.Box(0.4), ([0.9], [0.0], 0.8, 1.2)
    inside, outside = 0.9 / 0.8 + 0.05, 0.9 / 0.8
    expected = -(math.log(inside) + math.log(outside)) / 2
    assert kdelab.reference.loss(*arguments, kernel, background=0.1) == pytest.approx(expected, abs=1e-12)


def test_one_bin_by_hand():
    # K = 1/2 e^-1 and 1/2 e^-2 at the bin; S = (1/4, 3/4).
    kernel, logits = kdelab.Laplace(1.0), [0.0, math.log(3)]
    p = (0.25 * math.exp(-1) + 0.75 * math.exp(-2)) / 2
    assert kdelab.reference.loss([1.0, -2.0], logits, 0, 0, kernel) == pytest.approx(-math.log(p), abs=1e-15)
    first = 0.25 - 0.125 * math.exp(-1) / p
    np.testing.assert_allclose(
        kdelab.reference.gradient([1.0, -2.0], logits, 0, 0, kernel), [first, -first], atol=1e-15
    )


def test_uncovered_target():
    # The box around -0.2 covers [-0.3, -0.1], half of the target: there r = 1, elsewhere it counts as 0.
    kernel = kdelab.Box(0.1)
    assert kdelab.reference.loss([-0.2, 0.5], [0, 0], -0.3, 0.1, kernel) == math.inf
    np.testing.assert_allclose(
        kdelab.reference.gradient([-0.2, 0.5], [0, 0], -0.3, 0.1, kernel), [0.25 - 0.5, 0.25], atol=1e-12
    )


def test_kinks_that_coincide_leave_no_gap():
    x = np.arange(-3, 4) * 0.2  # boxes of half width 0.1 tile the axis, but for rounding
    assert kdelab.reference.loss(x, np.zeros(7), -0.6, 0.6, kdelab.Box(0.1)) == pytest.approx(-math.log(1 / 1.4))


def test_bad_input_is_named():
    kernel = kdelab.Laplace(1)
    with pytest.raises(ValueError, match=r"^points"):
        kdelab.reference.loss([math.nan], [0], 0, 1, kernel)
    with pytest.raises(ValueError, match=r"^logits has 2 entries"):
        kdelab.reference.loss([0.1], [0, 1], 0, 1, kernel)
    with pytest.raises(ValueError, match=r"^lower must not exceed upper"):
        kdelab.reference.loss([0.1], [0], 1, 0, kernel)
    with pytest.raises(ValueError, match=r"^background"):
        kdelab.reference.gradient([0.1], [0], 0, 1, kernel, background=1.0)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_target_no_wider_than_rounding_is_one_bin(make):
    lower, kernel = 0.25, make(0.4)
    for ask in (kdelab.reference.loss, kdelab.reference.gradient):
        found = ask(POINTS, LOGITS, lower, np.nextafter(lower, 1.0), kernel)
        np.testing.assert_allclose(found, ask(POINTS, LOGITS, lower, lower, kernel), rtol=1e-12)
