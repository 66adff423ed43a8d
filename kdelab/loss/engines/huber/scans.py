"""From weights to moments, panel by panel, and back from what panels collect to responsibilities: each by two scans.

At a kink a point's core begins, until when it belonged to the right tails, or ends, and it joins the left tails. So
cores that begin in a cell are summed from left to right, and those that end there from right to left: nothing is ever
subtracted. The loops take four powers at a time, whose sums needn't wait for one another.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import plus
from kdelab.loss.engines.huber.tile import (
    BELL,
    CORE,
    CORES,
    FLOOR,
    HEIGHT,
    KINK,
    LEFT,
    MOMENTS,
    ONE,
    PANELS,
    PLACE,
    PREDICTIONS,
    RIGHT,
    SERIES,
    SIGN,
    TAIL,
    WHERE,
    Tile,
)
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats

_INVERSES = np.array([1.0 / math.factorial(n) for n in range(MOMENTS)])


@scalar
def scan_in(
    which: int, w: Floats, outer_left: float, outer_right: float, decay: float, floor: float, tile: Tile
) -> None:  # fmt: skip
    """Fill the moments of all panels of a tile's prediction, over n!, and what the background adds to p, the floor.

    A's part of what lies left of the target is ``outer_left`` in the middle of the first cell, B's ``outer_right`` in
    that of the last; from one cell's middle to the next tails decay by ``decay``.
    """
    first, last = tile.ends[PREDICTIONS, which], tile.ends[PREDICTIONS, which + 1]
    panels, cores, kinks, whose = tile.ends[PANELS], tile.ends[CORES], tile.whose[KINK], tile.whose[CORE]
    signs, points, bells, tails = tile.panels[SIGN], tile.panels[PLACE], tile.panels[BELL], tile.panels[TAIL]
    where, heights, powers = tile.cores[WHERE], tile.cores[HEIGHT], tile.cores[SERIES]
    begins, stops, floors = tile.work[0], tile.work[1], tile.panels[FLOOR]
    for e in range(cores[first], cores[last]):
        powers[e] = w[whose[e]] * heights[e]
    left, right, A, B = tile.moments[LEFT], tile.moments[RIGHT], outer_left, outer_right
    for c in range(first, last):
        for p in range(panels[c], panels[c + ONE]):
            left[p], floors[p] = A, floor
            weight = w[kinks[p]]
            begins[p], stops[p] = max(signs[p], 0.0) * weight, max(-signs[p], 0.0) * weight
            A += stops[p] * tails[p]
        A *= decay
    for d in range(last - first):
        c = last - ONE - d
        for q in range(panels[c + ONE] - panels[c]):
            p = panels[c + ONE] - ONE - q
            B += begins[p] * tails[p]
            right[p] = B
            begins[p], stops[p] = begins[p] * bells[p], stops[p] * bells[p]
        B *= decay
    for n in range(0, MOMENTS, 4):
        m0, m1, m2, m3 = tile.moments[n], tile.moments[n + 1], tile.moments[n + 2], tile.moments[n + 3]
        i0, i1, i2, i3 = _INVERSES[n], _INVERSES[n + 1], _INVERSES[n + 2], _INVERSES[n + 3]
        for c in range(first, last):
            s0 = s1 = s2 = s3 = 0.0
            for e in range(cores[c], cores[c + ONE]):
                v, power = where[e], powers[e]
                square = v * v
                s0, s1 = plus(s0, power), plus(s1, power * v)
                power *= square
                s2, s3 = plus(s2, power), plus(s3, power * v)
                powers[e] = power * square
            for p in range(panels[c], panels[c + ONE]):
                m0[p], m1[p], m2[p], m3[p] = s0, s1, s2, s3
                v, power = points[p], begins[p]
                square = v * v
                s0, s1, s2, s3 = s0 + power, s1 + power * v, s2 + power * square, s3 + power * (square * v)
                begins[p] = power * (square * square)
            s0 = s1 = s2 = s3 = 0.0
            for q in range(panels[c + ONE] - panels[c]):
                p = panels[c + ONE] - ONE - q
                v, power = points[p], stops[p]
                square = v * v
                s0, s1, s2, s3 = s0 + power, s1 + power * v, s2 + power * square, s3 + power * (square * v)
                stops[p] = power * (square * square)
                m0[p], m1[p] = (m0[p] + s0) * i0, (m1[p] + s1) * i1
                m2[p], m3[p] = (m2[p] + s2) * i2, (m3[p] + s3) * i3


@scalar
def scan_out(which: int, decay: float, tile: Tile, r: Floats) -> tuple[float, float]:
    """Fill ``r`` with what panels of a tile's prediction collect for a unit of each point's weight.

    Return it for a unit of A in the middle of the first cell, and one of B in that of the last.
    """
    first, last = tile.ends[PREDICTIONS, which], tile.ends[PREDICTIONS, which + 1]
    panels, cores, kinks, whose = tile.ends[PANELS], tile.ends[CORES], tile.whose[KINK], tile.whose[CORE]
    signs, points, bells, tails = tile.panels[SIGN], tile.panels[PLACE], tile.panels[BELL], tile.panels[TAIL]
    where, heights, series = tile.cores[WHERE], tile.cores[HEIGHT], tile.cores[SERIES]
    before, behind, of_left, of_right = tile.work[0], tile.work[1], tile.work[2], tile.work[3]
    left, right, mu, nu, fade = tile.collected[LEFT], tile.collected[RIGHT], 0.0, 0.0, 1.0
    for c in range(first, last):
        nu *= fade
        for p in range(panels[c], panels[c + ONE]):
            nu += right[p]
            of_right[p], before[p], behind[p] = nu, 0.0, 0.0
        fade = decay
    fade = 1.0
    for d in range(last - first):
        c = last - ONE - d
        mu *= fade
        for q in range(panels[c + ONE] - panels[c]):
            p = panels[c + ONE] - ONE - q
            of_left[p] = mu
            mu += left[p]
        fade = decay
    for e in range(cores[first], cores[last]):
        series[e] = 0.0
    for n in range(MOMENTS - 4, -1, -4):
        m0, m1, m2, m3 = tile.collected[n], tile.collected[n + 1], tile.collected[n + 2], tile.collected[n + 3]
        for c in range(first, last):
            s0 = s1 = s2 = s3 = 0.0
            for q in range(panels[c + ONE] - panels[c]):
                p = panels[c + ONE] - ONE - q
                v = points[p]
                behind[p] = (((behind[p] * v + s3) * v + s2) * v + s1) * v + s0
                s0, s1, s2, s3 = s0 + m0[p], s1 + m1[p], s2 + m2[p], s3 + m3[p]
            s0 = s1 = s2 = s3 = 0.0
            for p in range(panels[c], panels[c + ONE]):
                v = points[p]
                s0, s1, s2, s3 = s0 + m0[p], s1 + m1[p], s2 + m2[p], s3 + m3[p]
                before[p] = (((before[p] * v + s3) * v + s2) * v + s1) * v + s0
            for e in range(cores[c], cores[c + ONE]):
                v = where[e]
                series[e] = (((series[e] * v + s3) * v + s2) * v + s1) * v + s0
    for j in range(r.size):
        r[j] = 0.0
    for p in range(panels[first], panels[last]):
        of_core, of_tail = (behind[p], of_right[p]) if signs[p] > 0.0 else (before[p], of_left[p])
        r[kinks[p]] += abs(signs[p]) * (bells[p] * of_core + tails[p] * of_tail)
    for e in range(cores[first], cores[last]):
        r[whose[e]] += heights[e] * series[e]
    return mu, nu
