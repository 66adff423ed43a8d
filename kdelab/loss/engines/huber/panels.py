"""The density at the nodes of all panels, from its moments, and what they collect of its inverse.

On a panel of the cell about 0, p(t) is A e^-t + B e^t + e^(-t^2 / 2) sum_n M_n t^n, M_n the sum of w_j e^(-v_j^2 / 2)
v_j^n / n! over the points whose cores lie over it: the fast Gauss transform (Greengard and Strain 1991; Yang et al.
2003), exact to the last digit in so short a cell.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import log, polynomial
from kdelab.loss.engines.huber.tile import FLOOR, HALF, LEFT, MIDDLE, MOMENTS, RIGHT, SHARE, Tile
from kdelab.loss.runtime import scalar

NODES = 4

LOGS, LEAST = range(2)
"""Rows of work when it is done: what panels add to the mean of log p, and the least square of p, of two nodes each."""

_TIMES, _DENSITIES, _BELLS, _FALLS, _RISES = range(2, 2 + 5 * NODES, NODES)
_SERIES = 2 + 5 * NODES
WORK = _SERIES + 1

NEGLIGIBLE = 1e-200
"""Below this square of p weights may have underflowed."""

_TINY = 1e-140
_HALF_PI = 0.5 * math.pi
_WITHIN = 0.8  # of the strip in which log p is analytic
_X, _W = np.polynomial.legendre.leggauss(NODES)
_PLACES, _WEIGHTS = tuple(float(x) for x in _X), tuple(float(w) / 2 for w in _W)
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
def integrate_panels(tile: Tile, count: int) -> None:
    """Fill what the first panels add to the mean of log p, and the least square of p."""
    middles, halves, shares, floors = tile.panels[MIDDLE], tile.panels[HALF], tile.panels[SHARE], tile.panels[FLOOR]
    moments, work = tile.moments, tile.work
    left, right, s, logs, least = moments[LEFT], moments[RIGHT], work[_SERIES], work[LOGS], work[LEAST]
    for q in range(NODES):
        t, p, place = work[_TIMES + q], work[_DENSITIES + q], _PLACES[q]
        bell, fall, rise = work[_BELLS + q], work[_FALLS + q], work[_RISES + q]
        for i in range(count):
            t[i] = middles[i] + place * halves[i]
            s[i] = 0.0
        for n in range(MOMENTS - 3, -1, -3):
            m0, m1, m2 = moments[n], moments[n + 1], moments[n + 2]
            for i in range(count):
                s[i] = ((s[i] * t[i] + m2[i]) * t[i] + m1[i]) * t[i] + m0[i]
        for i in range(count):
            square = t[i] * t[i]
            even, odd = polynomial(square, _COSH), t[i] * polynomial(square, _SINH)
            fall[i], rise[i] = even - odd, even + odd
            bell[i] = polynomial(square, _BELL)
        for i in range(count):
            p[i] = max(s[i] * bell[i] + (left[i] * fall[i] + right[i] * rise[i]), _TINY) + floors[i]
    for i in range(count):
        logs[i], least[i] = 0.0, np.inf
    for q in range(NODES // 2):
        p, mirrored, weight = work[_DENSITIES + q], work[_DENSITIES + NODES - 1 - q], _WEIGHTS[q]
        for i in range(count):
            square = p[i] * mirrored[i]
            logs[i] += shares[i] * weight * log(square)
            least[i] = min(least[i], square)


@scalar
def collect(tile: Tile, count: int) -> None:
    """Fill what the first panels collect, which `integrate_panels` has seen.

    Means over the target of e^(-t^2 / 2) t^n / n! / p, e^-t / p and e^t / p, t the place in the cell.
    """
    collected, shares, work = tile.collected, tile.panels[SHARE], tile.work
    for n in range(MOMENTS + 2):
        row = collected[n]
        for i in range(count):
            row[i] = 0.0
    of_left, of_right = collected[LEFT], collected[RIGHT]
    for q in range(NODES):
        t, g, weight = work[_TIMES + q], work[_DENSITIES + q], _WEIGHTS[q]
        bell, fall, rise = work[_BELLS + q], work[_FALLS + q], work[_RISES + q]
        for i in range(count):
            g[i] = shares[i] * weight / g[i]
            of_left[i] += g[i] * fall[i]
        for i in range(count):
            of_right[i] += g[i] * rise[i]
            g[i] *= bell[i]
        for n in range(0, MOMENTS, 2):
            row, next_row, by_next, by_second = collected[n], collected[n + 1], 1.0 / (n + 1), 1.0 / (n + 2)
            for i in range(count):
                power = g[i]
                row[i] += power
                power *= t[i] * by_next
                next_row[i] += power
                g[i] = power * (t[i] * by_second)
