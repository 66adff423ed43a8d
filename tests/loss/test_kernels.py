"""The kernels: that they integrate to 1, match their formulas far out, and have the slopes that they claim."""

import math
from itertools import pairwise

import mpmath
import numpy as np
import oracle
import pytest
from kernels_under_test import ALL, named
from scipy.integrate import quad

import kdelab


@pytest.mark.parametrize("make", ALL, ids=named)
def test_integrates_to_one(make):
    kernel = make(0.3)
    reach = 0.3 * min(kernel.support, 1e7)
    decades = [min(0.3 * 10.0**i, reach) for i in range(-3, 8)]
    whole = 2 * sum(quad(lambda x: math.exp(kernel.log(x)), a, b)[0] for a, b in pairwise([0.0, *decades]))
    assert whole == pytest.approx(1, abs=1e-6)  # Cauchy leaves 6e-8 outside


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("bandwidth", [1e-6, 0.1, 1e6])
def test_log_against_mpmath(make, bandwidth):
    kernel = make(bandwidth)
    beta = mpmath.mpf(getattr(kernel, "shape", 1.0))
    h = mpmath.mpf(bandwidth)
    for u in (0.0, 1e-9, 0.3, 0.999, 1.001, 7.0, 5e3, 1e8):
        d = u * bandwidth
        exact = oracle.LOG_KERNELS[type(kernel).__name__](mpmath.mpf(d) / h, beta) - mpmath.log(h)
        assert kernel.log(d) == pytest.approx(float(exact), rel=1e-14, abs=1e-13)
        assert kernel.log(-d) == kernel.log(d)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_slope_is_the_derivative(make):
    kernel = make(1.0)
    u = np.array([0.1, 0.5, 0.9, 1.5, 10.0])
    u = u[u < kernel.support]
    step = 1e-6
    numeric = (kernel.log_unit(u + step) - kernel.log_unit(u - step)) / (2 * step)
    np.testing.assert_allclose(kernel.slope(u), numeric, rtol=1e-8, atol=1e-8)
    outside = np.array([1.5, 10.0])
    if np.isfinite(kernel.support):
        assert (kernel.slope(outside) == 0).all()
        assert (kernel.log(outside) == -np.inf).all()


def test_generalized_normal_contains_laplace_and_gaussian():
    d = np.linspace(-3, 3, 31)
    np.testing.assert_allclose(kdelab.GeneralizedNormal(1, 0.7).log(d), kdelab.Laplace(0.7).log(d), rtol=1e-14)
    np.testing.assert_allclose(
        kdelab.GeneralizedNormal(2, 0.7 * math.sqrt(2)).log(d), kdelab.Gaussian(0.7).log(d), rtol=1e-14
    )


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("bad", [0, -1, math.nan, math.inf, "wide", None])
def test_bandwidth_must_be_positive(make, bad):
    with pytest.raises(ValueError, match=r"^bandwidth"):
        make(bad)


@pytest.mark.parametrize("bad", [0, -1, math.nan, "flat"])
def test_shape_must_be_positive(bad):
    with pytest.raises(ValueError, match=r"^shape"):
        kdelab.GeneralizedNormal(bad, 1)


def test_a_misspelt_kernel_names_the_kernels():
    assert kdelab.loss.kernels.named("Gaussian") is kdelab.Gaussian
    for name in ("Laplas", "gaussian", "Kernel", "base", ""):
        with pytest.raises(ValueError, match=r"^kernel: .* given, allowed are Laplace, Gaussian, .*, Epanechnikov$"):
            kdelab.loss.kernels.named(name)
