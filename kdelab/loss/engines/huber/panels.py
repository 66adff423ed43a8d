"""The density at the nodes of all panels, from its moments, and what they collect of its inverse.

On a panel of the cell about 0, p(t) is A e^-t + B e^t + e^(-t^2 / 2) sum_n M_n t^n, M_n the sum of w_j e^(-v_j^2 / 2)
v_j^n / n! over the points whose cores lie over it: the fast Gauss transform (Greengard and Strain 1991; Yang et al.
2003), exact to the last digit in so short a cell.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import log, polynomial
from kdelab.loss.engines.huber.layout import Layout
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats

MOMENTS = 12
LEFT, RIGHT = MOMENTS, MOMENTS + 1
"""Where A and B are among the moments."""

ROWS = MOMENTS + 2
NODES = 4

WORK = 2 * NODES + 3
"""Rows of work."""

NEGLIGIBLE = 1e-100
"""Below, weights may have underflowed."""

_TINY = 1e-140
_HALF_PI = 0.5 * math.pi
_WITHIN = 0.8  # of the strip in which log p is analytic
_X, _W = np.polynomial.legendre.leggauss(NODES)
_PLACES, _WEIGHTS = tuple(float(x) for x in _X), tuple(float(w) / 2 for w in _W)
_OUTER, _INNER = _WEIGHTS[0], _WEIGHTS[1]
# In t^2, for abs(t) <= 1/4.
_COSH = tuple(1.0 / math.factorial(2 * n) for n in range(6))
_SINH = tuple(1.0 / math.factorial(2 * n + 1) for n in range(6))
_BELL = tuple((-0.5) ** n / math.factorial(n) for n in range(8))


def longest_panel(tolerance: float) -> float:
    """Return how many bandwidths a panel may have for its nodes to be enough, as is known beforehand.

    Where t moves by y off the real axis, the phase of every core's term turns by y u, abs(u) <= 1, and that of every
    tail's by y: for y < pi / 2 the real part of p is positive, so that log p and all r_j are analytic, and n nodes err
    by less than about 10 rho^-2n: see `smooth.nodes`.
    """
    need = 0.5 * math.log(10.0 / min(max(tolerance, 1e-15), 1.0)) / NODES
    return 2.0 * _WITHIN * _HALF_PI / math.sinh(need)


@scalar
def integrate_panels(
    layout: Layout, count: int, floors: Floats, moments: Floats, collected: Floats | None, logs: Floats, least: Floats,
    work: Floats,
) -> None:  # fmt: skip
    """Fill what panels add to the mean of log p, and the least p that they see; ``floors`` are added to p.

    Fill collected, if it isn't None: means of t^n / n! e^(-t^2 / 2) / p, e^-t / p and e^t / p over the target, row by row.
    """
    middles, halves, shares = layout.middles, layout.halves, layout.shares
    left, right, s = moments[LEFT], moments[RIGHT], work[0]
    for q in range(NODES):
        t, p, place = work[1 + q], work[1 + NODES + q], _PLACES[q]
        for i in range(count):
            t[i] = middles[i] + place * halves[i]
        m0, m1, m2, m3, m4, m5 = moments[6], moments[7], moments[8], moments[9], moments[10], moments[11]
        for i in range(count):
            x = t[i]
            s[i] = ((((m5[i] * x + m4[i]) * x + m3[i]) * x + m2[i]) * x + m1[i]) * x + m0[i]
        m0, m1, m2, m3, m4, m5 = moments[0], moments[1], moments[2], moments[3], moments[4], moments[5]
        for i in range(count):
            x = t[i]
            s[i] = (((((s[i] * x + m5[i]) * x + m4[i]) * x + m3[i]) * x + m2[i]) * x + m1[i]) * x + m0[i]
        for i in range(count):
            square = t[i] * t[i]
            even, odd = polynomial(square, _COSH), t[i] * polynomial(square, _SINH)
            tails = left[i] * (even - odd) + right[i] * (even + odd)
            p[i] = max(s[i] * polynomial(square, _BELL) + tails, _TINY) + floors[i]
    p0, p1, p2, p3 = work[1 + NODES], work[2 + NODES], work[3 + NODES], work[4 + NODES]
    for i in range(count):
        logs[i] = shares[i] * (_OUTER * log(p0[i] * p3[i]) + _INNER * log(p1[i] * p2[i]))
    for i in range(count):
        least[i] = min(p0[i], p1[i], p2[i], p3[i])
    if collected is not None:
        for n in range(ROWS):
            row = collected[n]
            for i in range(count):
                row[i] = 0.0
        of_left, of_right, g = collected[LEFT], collected[RIGHT], work[1 + 2 * NODES]
        for q in range(NODES):
            t, p, weight = work[1 + q], work[1 + NODES + q], _WEIGHTS[q]
            for i in range(count):
                g[i] = shares[i] * weight / p[i]
            for i in range(count):
                square = t[i] * t[i]
                even, odd = polynomial(square, _COSH), t[i] * polynomial(square, _SINH)
                of_left[i] += g[i] * (even - odd)
                of_right[i] += g[i] * (even + odd)
            for i in range(count):
                g[i] *= polynomial(t[i] * t[i], _BELL)
            for n in range(0, MOMENTS, 2):
                row, next_row, by_next, by_second = collected[n], collected[n + 1], 1.0 / (n + 1), 1.0 / (n + 2)
                for i in range(count):
                    x, power = t[i], g[i]
                    row[i] += power
                    power *= x * by_next
                    next_row[i] += power
                    g[i] = power * (x * by_second)
