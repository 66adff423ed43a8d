"""From weights to moments, panel by panel, and back from what panels collect to responsibilities: each by two scans.

At a kink a point's core begins, until when it belonged to the right tails, or ends, and it joins the left tails. So
cores that begin in a cell are summed from left to right, and those that end there from right to left: nothing is ever
subtracted. The loops take four powers at a time, whose sums needn't wait for one another.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import plus
from kdelab.loss.engines.huber.layout import Layout
from kdelab.loss.engines.huber.panels import LEFT, MOMENTS, RIGHT
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats

_INVERSES = np.array([1.0 / math.factorial(n) for n in range(MOMENTS)])


@scalar
def scan_in(
    w: Floats, outer_left: float, outer_right: float, decay: float, layout: Layout, first: int, last: int,
    moments: Floats, work: Floats,
) -> None:  # fmt: skip
    """Fill the moments of all panels of the cells first to last of a prediction, over n!.

    A's part of what lies left of the target is ``outer_left`` in the middle of the first cell, B's ``outer_right`` in
    that of the last; from one cell's middle to the next tails decay by ``decay``.
    """
    ends, names, signs, points = layout.panels, layout.names, layout.signs, layout.points
    begin, end, powers = ends[first], ends[last], layout.powers
    begins, stops, joins, quits = work[0], work[1], work[2], work[3]
    for p in range(begin, end):
        begins[p] = w[names[p]]
    for p in range(begin, end):
        weight = begins[p] * layout.kink_bells[p]
        begins[p], stops[p] = weight * max(signs[p], 0.0), weight * max(-signs[p], 0.0)
    for p in range(begin, end):
        weight = w[names[p]] * layout.tails[p]
        quits[p], joins[p] = weight * max(signs[p], 0.0), weight * max(-signs[p], 0.0)
    for e in range(layout.cores[first], layout.cores[last]):
        powers[e] = w[layout.whose[e]] * layout.bells[e]
    left, right, A, B = moments[LEFT], moments[RIGHT], outer_left, outer_right
    for c in range(first, last):
        for p in range(ends[c], ends[c + 1]):
            left[p] = A
            A += joins[p]
        A *= decay
    for c in range(last - 1, first - 1, -1):
        for p in range(ends[c + 1] - 1, ends[c] - 1, -1):
            B += quits[p]
            right[p] = B
        B *= decay
    for n in range(0, MOMENTS, 4):
        m0, m1, m2, m3 = moments[n], moments[n + 1], moments[n + 2], moments[n + 3]
        i0, i1, i2, i3 = _INVERSES[n], _INVERSES[n + 1], _INVERSES[n + 2], _INVERSES[n + 3]
        for c in range(first, last):
            s0 = s1 = s2 = s3 = 0.0
            for e in range(layout.cores[c], layout.cores[c + 1]):
                v, power = layout.where[e], powers[e]
                square = v * v
                s0, s1 = plus(s0, power), plus(s1, power * v)
                power *= square
                s2, s3 = plus(s2, power), plus(s3, power * v)
                powers[e] = power * square
            for p in range(ends[c], ends[c + 1]):
                m0[p], m1[p], m2[p], m3[p] = s0, s1, s2, s3
                v, power = points[p], begins[p]
                square = v * v
                s0, s1, s2, s3 = s0 + power, s1 + power * v, s2 + power * square, s3 + power * (square * v)
                begins[p] = power * (square * square)
            s0 = s1 = s2 = s3 = 0.0
            for p in range(ends[c + 1] - 1, ends[c] - 1, -1):
                v, power = points[p], stops[p]
                square = v * v
                s0, s1, s2, s3 = s0 + power, s1 + power * v, s2 + power * square, s3 + power * (square * v)
                stops[p] = power * (square * square)
                m0[p], m1[p] = (m0[p] + s0) * i0, (m1[p] + s1) * i1
                m2[p], m3[p] = (m2[p] + s2) * i2, (m3[p] + s3) * i3


@scalar
def scan_out(
    decay: float, layout: Layout, first: int, last: int, collected: Floats, work: Floats, r: Floats
) -> tuple[float, float]:
    """Add to ``r`` what panels collect for a unit of each point's weight.

    Return it for a unit of A in the middle of the first cell, and one of B in that of the last.
    """
    ends, names, signs, points, powers = layout.panels, layout.names, layout.signs, layout.points, layout.powers
    before, behind, of_left, of_right = work[0], work[1], work[2], work[3]
    for p in range(ends[first], ends[last]):
        before[p] = behind[p] = 0.0
    for e in range(layout.cores[first], layout.cores[last]):
        powers[e] = 0.0
    left, right, mu, nu, fade = collected[LEFT], collected[RIGHT], 0.0, 0.0, 1.0
    for c in range(first, last):
        nu *= fade
        for p in range(ends[c], ends[c + 1]):
            nu += right[p]
            of_right[p] = nu
        fade = decay
    fade = 1.0
    for c in range(last - 1, first - 1, -1):
        mu *= fade
        for p in range(ends[c + 1] - 1, ends[c] - 1, -1):
            of_left[p] = mu
            mu += left[p]
        fade = decay
    for n in range(MOMENTS - 4, -1, -4):
        m0, m1, m2, m3 = collected[n], collected[n + 1], collected[n + 2], collected[n + 3]
        for c in range(first, last):
            s0 = s1 = s2 = s3 = 0.0
            for p in range(ends[c + 1] - 1, ends[c] - 1, -1):
                v = points[p]
                behind[p] = (((behind[p] * v + s3) * v + s2) * v + s1) * v + s0
                s0, s1, s2, s3 = s0 + m0[p], s1 + m1[p], s2 + m2[p], s3 + m3[p]
            s0 = s1 = s2 = s3 = 0.0
            for p in range(ends[c], ends[c + 1]):
                v = points[p]
                s0, s1, s2, s3 = s0 + m0[p], s1 + m1[p], s2 + m2[p], s3 + m3[p]
                before[p] = (((before[p] * v + s3) * v + s2) * v + s1) * v + s0
            for e in range(layout.cores[c], layout.cores[c + 1]):
                v = layout.where[e]
                powers[e] = (((powers[e] * v + s3) * v + s2) * v + s1) * v + s0
    for p in range(ends[first], ends[last]):
        of_core, of_tail = (behind[p], of_right[p]) if signs[p] > 0.0 else (before[p], of_left[p])
        r[names[p]] += abs(signs[p]) * (layout.kink_bells[p] * of_core + layout.tails[p] * of_tail)
    for e in range(layout.cores[first], layout.cores[last]):
        r[layout.whose[e]] += layout.bells[e] * powers[e]
    return mu, nu
