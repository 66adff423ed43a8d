"""The mathematics of one segment of the bin-free Laplace loss.

Between two neighbouring points, at distance d = (t1 - t0) / h, with s = (x - t0) / h, the density is, up to a factor,

    f(s) = A e^-s + B e^(s - d),

A from all points at or left of t0, B from all at or right of t1. With E = e^-d, M = max(A, B), m = min(A, B) and
rho = m / M, its logarithm and the two sides' responsibilities integrate in closed form. Every formula here is a sum of
terms of one sign: differences of logarithms would lose ten digits on short segments.
"""

import math

import numpy as np

from kdelab.loss.runtime import inlined

SHORT = 0.5
"""Segments shorter than this go without the dilogarithm."""

_PI2_12 = math.pi**2 / 12
_X, _W = np.polynomial.legendre.leggauss(8)
_X0, _X1, _X2, _X3 = (float(x) ** 2 for x in _X[4:])
_W0, _W1, _W2, _W3 = (float(w) for w in _W[4:])


# 1, 1/3, 1/5, ...: the series of artanh(t) / t in t^2, to the last digit where t <= tanh(SHORT / 2), t^2 < 0.06.
_ARTANH = tuple(1.0 / (2 * n + 1) for n in range(14))


@inlined
def lesser_share(rho: float, E: float, F: float) -> float:
    """Return integral_0^d (smaller side) / f ds = log1p(rho F (1 + E) / (E (1 + rho E))) / 2, for d < SHORT, F = 1 - E.

    As artanh(t), since log1p(x) / 2 = artanh(x / (2 + x)): one division and no logarithm. The larger side has the
    rest of d.
    """
    t = rho * F * (1.0 + E) / (2.0 * E + rho * (1.0 + E * E))
    t2 = t * t
    series = _ARTANH[13]
    for n in range(12, -1, -1):
        series = _ARTANH[n] + t2 * series
    return t * series


@inlined
def _node(kappa: float, s2: float) -> float:
    """Return log1p(kappa sinh^2 s) from s^2 < 1/16: both functions by their series, v = x / (2 + x)."""
    t = 2.0 / 467775.0 + s2 * (4.0 / 42567525.0)
    t = 2.0 / 14175.0 + s2 * t
    t = 1.0 / 315.0 + s2 * t
    t = 2.0 / 45.0 + s2 * t
    x = kappa * s2 * (1.0 + s2 * (1.0 / 3.0 + s2 * t))
    v = x / (2.0 + x)
    v2 = v * v
    t = 2.0 / 7.0 + v2 * (2.0 / 9.0)
    t = 2.0 / 5.0 + v2 * t
    t = 2.0 / 3.0 + v2 * t
    return v * (2.0 + v2 * t)


@inlined
def phi(rho: float, d: float) -> float:
    """Return Phi = integral_0^{d/2} log1p(kappa sinh^2 s) ds, kappa = 4 rho / (1 + rho)^2, for d < SHORT.

    So that integral_0^d log f ds = d (log(A + B) - d / 2) + Phi. The integrand is even and analytic well beyond the
    segment: Gauss's 8-node rule, of which symmetry leaves four nodes, errs by less than 2e-17 d.
    """
    kappa = 4.0 * rho / ((1.0 + rho) * (1.0 + rho))
    y = 0.5 * d
    y2 = y * y
    return y * (
        _W0 * _node(kappa, y2 * _X0)
        + _W1 * _node(kappa, y2 * _X1)
        + _W2 * _node(kappa, y2 * _X2)
        + _W3 * _node(kappa, y2 * _X3)
    )


@inlined
def _E2(v: float) -> float:
    """Return E2 = -Li2(-q) from v = log1p(q), 0 <= q <= 1."""
    v2 = v * v
    t = 8.921691020456453e-13 - v2 * 1.993929586072108e-14
    t = -4.064761645144226e-11 + v2 * t
    t = 1.0 / 526901760.0 + v2 * t
    t = -1.0 / 10886400.0 + v2 * t
    t = 1.0 / 211680.0 + v2 * t
    t = -1.0 / 3600.0 + v2 * t
    t = 1.0 / 36.0 + v2 * t
    return v + 0.25 * v2 + v * v2 * t


@inlined
def long_segment(log_rho: float, d: float) -> tuple[float, float]:
    """Return (integral_0^d log f ds - d log M + d^2 / 2, the smaller side's share), for d >= SHORT.

    With c = log rho + d, the two sides balance inside the segment if c > 0. Everything is in logarithms: log_rho may
    be -inf.
    """
    v0 = math.log1p(math.exp(log_rho - d))
    c = log_rho + d
    v1 = math.log1p(math.exp(-abs(c)))
    if c <= 0.0:
        return 0.5 * (_E2(v1) - _E2(v0)), 0.5 * (v1 - v0)
    return 0.25 * c * c + (_PI2_12 - 0.5 * (_E2(v0) + _E2(v1))), 0.5 * (v1 - v0) + 0.5 * c
