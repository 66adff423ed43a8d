"""The mathematics of one segment of the bin-free Laplace loss.

Between two neighbouring points, at distance d = (t1 - t0) / h, with s = (x - t0) / h, the density is, up to a factor,

    f(s) = A e^-s + B e^(s - d),

A from all points at or left of t0, B from all at or right of t1. With E = e^-d and y = d / 2 its logarithm

    integral_0^d log f ds = d (log(A + B) - y) + Phi,  Phi = integral_0^y log1p(kappa sinh^2 s) ds,

kappa = 4 A B / (A + B)^2, and the two sides' responsibilities integrate in closed form. Every formula here is a sum of
terms that don't cancel: differences of logarithms would lose ten digits on short segments.
"""

import math

from kdelab.loss.arithmetic import log1p, polynomial
from kdelab.loss.engines.laplace.series import E2, PHI
from kdelab.loss.runtime import inlined, scalar

SHORT = 0.25
"""Segments shorter than this go without the dilogarithm."""

_PI2_12 = math.pi**2 / 12
# 1, 1/3, 1/5, ...: the series of artanh(t) / t in t^2, to the last digit where t <= tanh(SHORT / 2).
_ARTANH = tuple(1.0 / (2 * n + 1) for n in range(9))


_C0, _C1, _C2, _C3, _C4, _C5, _C6 = PHI


@inlined
def phi(kappa: float, y2: float) -> float:
    """Return Phi / d for d < SHORT, from y^2: by its series in kappa y^2, to the last digit of (log f)'s mean."""
    u = kappa * y2
    t = polynomial(y2, _C5) + u * polynomial(y2, _C6)
    t = polynomial(y2, _C4) + u * t
    t = polynomial(y2, _C3) + u * t
    t = polynomial(y2, _C2) + u * t
    t = polynomial(y2, _C1) + u * t
    return u * (polynomial(y2, _C0) + u * t)


@inlined
def share(lighter: float, heavier: float, E: float, F: float) -> float:
    """Return integral_0^d (lighter side) / f ds over the lighter side's weight, for d < SHORT, F = 1 - E.

    log1p(rho F (1 + E) / (E (1 + rho E))) / 2 with rho = lighter / heavier, as artanh(t), since log1p(x) / 2 =
    artanh(x / (2 + x)). The heavier side has the rest of d.
    """
    part = F * (1.0 + E) / (2.0 * E * heavier + (1.0 + E * E) * lighter)
    t = part * lighter
    return part * polynomial(t * t, _ARTANH)


@inlined
def _E2_of(v: float) -> float:
    """Return E2 = -Li2(-q) from v = log1p(q), 0 <= q <= 1."""
    v2 = v * v
    return v + 0.25 * v2 + v * v2 * polynomial(v2, E2)


@scalar
def long_segment(c: float, q0: float, q1: float) -> tuple[float, float]:
    """Return integral_0^d log f ds - d log M + d^2 / 2, and the lighter side's share, for d >= SHORT.

    With c = log(m / M) + d, the two sides balance inside the segment if c > 0; q0 = e^-d m / M and q1 = e^-abs(c).
    """
    v0, v1 = log1p(q0), log1p(q1)
    e0, e1 = _E2_of(v0), _E2_of(v1)
    if c <= 0.0:
        return 0.5 * (e1 - e0), 0.5 * (v1 - v0)
    return 0.25 * c * c + (_PI2_12 - 0.5 * (e0 + e1)), 0.5 * (v1 - v0) + 0.5 * c
