"""Integrals over t from 0 to 1 of log p and of t^i / p, p(t) = p0 (1 - t) + p1 t + c t (1 - t), all three at least 0.

p = C (1 + q t) (1 + s (1 - t)) has its two zeros outside, at -1/q and 1 + 1/s, so that everything is made of

    M(q) = integral log(1 + q t) = log1p(q) - 1 + log1p(q) / q    and    N(q) = M(q) - log1p(q),

of q and of s, without cancellation: with D = c (1/q + 1 + 1/s), integral (1 - t)/p = (M(q) - N(s)) / D. However small
p0 or p1 is: a number that underflows is given by its logarithm.
"""

import math

import numba
import numpy as np

from kdelab.loss.arithmetic import softplus
from kdelab.loss.runtime import MATH


@numba.njit(error_model="numpy", fastmath=MATH)
def integrals(p0: float, p1: float, c: float, log_p0: float, log_p1: float) -> tuple[float, float, float, float]:
    """Return the integrals of log p, (1 - t) / p, t / p and c t (1 - t) / p; the largest of p0, p1 and c is about 1.

    Where p0 is 0 the second is infinite, where p1 is, the third: 0 stands for it.
    """
    rise = p1 - p0
    D = math.sqrt(c * c + 2.0 * c * (p0 + p1) + rise * rise)
    if D < 1e-150:
        return log_p0, 0.5 / p0, 0.5 / p0, 0.0
    q, v = _reciprocal(c, rise, D, p0, log_p0)
    s, w = _reciprocal(c, -rise, D, p1, log_p1)
    Mq, Nq = _MN(q, v)
    Ms, Ns = _MN(s, w)
    I0 = (Mq - Ns) / D if log_p0 > -np.inf else 0.0
    I1 = (Ms - Nq) / D if log_p1 > -np.inf else 0.0
    if c >= max(p0, p1):
        # log p = log c + log(t + 1/q) + log(1 - t + 1/s)
        mean_log = math.log(c) + math.log1p(1.0 / q) + Nq + math.log1p(1.0 / s) + Ns
    elif p0 >= p1:
        mean_log = log_p0 + Mq + Ns
    else:
        mean_log = log_p1 + Ms + Nq
    return mean_log, I0, I1, max(1.0 - p0 * I0 - p1 * I1, 0.0) if c > 0.0 else 0.0


@numba.njit(error_model="numpy", fastmath=MATH)
def _reciprocal(c: float, rise: float, D: float, p0: float, log_p0: float) -> tuple[float, float]:
    """Return q and log1p(q), 1/q the distance from 0 to the zero before it."""
    slope = c + rise  # of p at 0
    if slope < 0.0:
        q = 2.0 * c / (D - slope)
        return q, math.log1p(q)
    if p0 < 1e-290:
        return np.inf, softplus(math.log(0.5 * (slope + D)) - log_p0)
    q = 0.5 * (slope + D) / p0
    return q, math.log1p(q)


@numba.njit(error_model="numpy", fastmath=MATH)
def _MN(q: float, v: float) -> tuple[float, float]:
    """Return M and N of q and v = log1p(q). For small q by x = q / (2 + q), v = 2 artanh(x)."""
    if q > 0.5:
        rest = (v / q if q < np.inf else 0.0) - 1.0
        return v + rest, rest
    x = q / (2.0 + q)
    x2 = x * x
    t = 1.0 / 21.0
    for n in range(19, 1, -2):
        t = 1.0 / n + x2 * t
    t *= x2  # artanh(x) / x - 1
    return x + t * (1.0 + x), t * (1.0 - x) - x
