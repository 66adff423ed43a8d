"""Where the boxes over a target begin and end, and what the steps of log p there do to the loss as boxes move or grow.

Edges are numbered from 0, the target's lower end, to P, its upper end, P being the number of panels between them; -1
stands for what lies before the target and P + 1 for what lies behind it.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from kdelab.loss.arithmetic import gap, log_add, softplus
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.boxes.ranges import Ranges, of_places, sort_out
from kdelab.loss.engines.quadrature.cuts import ROUNDED
from kdelab.loss.runtime import compiled, scalar
from kdelab.loss.validate import Flags, Floats, Indices, Integers


class Panels(NamedTuple):
    """The panels of a batch, or of one prediction, and the boxes over them.

    Of all boxes, (k,): which is the first, the second, ... to begin, and to end, ``by_begin`` and ``by_end``; its
    height as a part of its prediction's highest; the edges at which it begins and ends, (2, k); and the panels under
    it. Of all panels, (room,): their share of the target, whether the background lights it, and whether a box covers
    it. Of all predictions, (n,), or one number: how many panels there are (before it is known, how many there is room
    for), and the logarithm of the highest box.
    """

    by_begin: Indices
    by_end: Indices
    heights: Floats
    edges: Indices
    under: Ranges
    shares: Floats
    lit: Flags
    covered: Flags
    counts: Any
    log_heights: Any


@scalar
def of_prediction(panels: Panels, ends: Integers, i: int) -> Panels:
    """Return what is prediction i's of the panels of a batch; those that it has no need of are left out."""
    boxes, at = slice(ends[i], ends[i + 1]), 2 * ends[i] + 3 * i
    mine = slice(at, at + panels.counts[i])
    return Panels(
        panels.by_begin[boxes], panels.by_end[boxes], panels.heights[boxes], panels.edges[:, boxes],
        of_places(panels.under, boxes, mine, i), panels.shares[mine], panels.lit[mine], panels.covered[mine],
        panels.counts[i], panels.log_heights[i],
    )  # fmt: skip


@compiled
def prepare(
    first: int, stop: int, batch: Batch, left: Floats, right: Floats, h: float, background: float, panels: Panels
) -> None:
    """Fill the panels of predictions first to stop, and the edges at which each box begins and ends."""
    for i in range(first, stop):
        boxes = slice(batch.offsets[i], batch.offsets[i + 1])
        a, b, lit, mine = batch.lower[i], batch.upper[i], background > 0.0, of_prediction(panels, batch.offsets, i)
        starts, stops, edges, under = left[boxes], right[boxes], mine.edges, panels.under
        if a == b:
            count = 1
            mine.lit[0], mine.shares[0] = lit and abs(a) <= 1.0, 1.0
            _place(starts, stops, a, h, edges)
            for j in range(starts.size):
                mine.covered[0] = mine.covered[0] or (edges[0, j] < 0 and edges[1, j] > 0)
        else:
            count = _panels(starts, stops, a, b, h, lit, mine)
            for q in range(count):
                mine.shares[q] /= b - a
        panels.counts[i] = count
        for j in range(starts.size):
            mine.under.first[j] = min(max(edges[0, j], 0), count)
            mine.under.last[j] = min(max(edges[1, j], 0), count)
        under.ups[i], under.downs[i], under.inners[i] = sort_out(mine.under, count, mine.by_begin, mine.by_end)


@scalar
def _place(left: Floats, right: Floats, a: float, h: float, edges: Indices) -> None:
    """Fill the one panel over a target that is one place. Boxes are closed: one that ends there counts."""
    for j in range(left.size):
        begun, ended = gap(left[j], a, -h) <= 0.0, gap(right[j], a, h) < 0.0
        edges[0, j], edges[1, j] = -1 if begun else 2, -1 if ended else 2


@scalar
def _panels(starts: Floats, stops: Floats, a: float, b: float, h: float, background: bool, panels: Panels) -> int:
    """Fill the panels of one target, from left to right, shares by their lengths; return how many there are.

    A place is a number and what is added to it, 0, h or -h.
    """
    by_begin, by_end, edges = panels.by_begin, panels.by_end, panels.edges
    k, close = by_begin.size, ROUNDED * max(abs(a), abs(b), h)
    entered = left = panel = 0
    place, plus = a, 0.0
    light = background and -1.0 <= a < 1.0
    end_of_dark, end_of_light = background and a < -1.0 < b, background and a < 1.0 < b
    while True:
        # The next of what may come: the target's end, a box's begin or end, an end of the background.
        event, at, more = 0, b, 0.0
        if entered < k and gap(starts[by_begin[entered]], at, -h - more) <= 0.0:
            event, at, more = 1, starts[by_begin[entered]], -h
        if left < entered and gap(stops[by_end[left]], at, h - more) <= 0.0:
            event, at, more = 2, stops[by_end[left]], h
        if end_of_dark and gap(-1.0, at, -more) <= 0.0:
            event, at, more = 3, -1.0, 0.0
        elif end_of_light and gap(1.0, at, -more) <= 0.0:
            event, at, more = 4, 1.0, 0.0
        length = gap(at, place, more - plus)
        if length > 0.0:
            # A gap that rounding alone has opened between two boxes is none.
            if light or left < entered or length > close or (event == 0 and panel == 0):
                panels.shares[panel], panels.lit[panel], panels.covered[panel] = length, light, left < entered
                panel += 1
            place, plus = at, more
        if event == 0:
            break
        if event == 1:
            edges[0, by_begin[entered]] = panel if length >= 0.0 else -1
            entered += 1
        elif event == 2:
            edges[1, by_end[left]] = panel if length >= 0.0 else -1
            left += 1
        elif event == 3:
            light, end_of_dark = True, False
        else:
            light, end_of_light = False, False
    for j in range(left, k):
        edges[1, by_end[j]] = panel + 1
    for j in range(entered, k):
        edges[0, by_begin[j]] = panel + 1
    return panel


@scalar
def add_steps(w: Floats, panels: Panels, rest: Floats, log_floor: float, steps: Floats, work: Floats) -> float:
    """Fill what the integral of log p gains as a box's ends move right, per unit of their way.

    ``steps`` has a row for its begin's way to the right and one for its way to the left, where the gain is a loss, and
    two more for its end: the same two by two, but for edges that coincide. ``w`` are log weights, ``rest`` logs of the
    weight that covers both sides of each edge. Return what the integral gains as all boxes grow, per unit of h: the
    mean of both directions, as ever at a kink.
    """
    k, last, edges, lit, first, second = w.size, panels.counts, panels.edges, panels.lit, panels.by_begin, panels.by_end
    others, beginning, ending = work[0], work[1, :k], work[2, :k]
    for j in range(k):
        steps[0, j] = steps[1, j] = steps[2, j] = steps[3, j] = 0.0
        beginning[j], ending[j] = w[first[j]], w[second[j]]
    grown = shrunk = 0.0
    begin = end = 0
    while begin < k and edges[0, first[begin]] < 0:
        begin += 1
    while end < k and edges[1, second[end]] < 0:
        end += 1
    for g in range(last + 1):
        begins, ends = begin, end
        log_begins = log_ends = -np.inf
        while begin < k and edges[0, first[begin]] == g:
            log_begins = log_add(log_begins, beginning[begin])
            begin += 1
        while end < k and edges[1, second[end]] == g:
            log_ends = log_add(log_ends, ending[end])
            end += 1
        if g < last:  # inside of the target, on the right of the edge
            base = log_add(rest[g], log_floor) if lit[g] else rest[g]
            grown += _gain(log_ends, log_add(base, log_begins))
            shrunk += _gain(log_begins, base)
            _others(beginning, begins, begin, base, others)
            for j in range(begins, begin):
                steps[0, first[j]] = -_gain(beginning[j], others[j])
            for j in range(ends, end):
                steps[2, second[j]] = _gain(ending[j], log_add(base, log_begins))
        if g > 0:
            base = log_add(rest[g], log_floor) if lit[g - 1] else rest[g]
            grown += _gain(log_begins, log_add(base, log_ends))
            shrunk += _gain(log_ends, base)
            for j in range(begins, begin):
                steps[1, first[j]] = -_gain(beginning[j], log_add(base, log_ends))
            _others(ending, ends, end, base, others)
            for j in range(ends, end):
                steps[3, second[j]] = _gain(ending[j], others[j])
    return mean_of_sides(grown, shrunk)


@scalar
def _gain(log_weight: float, log_rest: float) -> float:
    """Return log((weight + rest) / rest)."""
    return softplus(log_weight - log_rest) if log_weight > -np.inf else 0.0


@scalar
def _others(w: Floats, first: int, last: int, base: float, out: Floats) -> None:
    """Fill out[j] with log of base and all weights of [first, last) but that of j."""
    behind = base
    for j in range(last - 1, first - 1, -1):
        out[j] = behind
        behind = log_add(behind, w[j])
    before = -np.inf
    for j in range(first, last):
        out[j] = log_add(out[j], before)
        before = log_add(before, w[j])


@scalar
def mean_of_sides(one: float, other: float) -> float:
    """Return the mean; of a side on which the loss is infinite, only the other, and 0 where both are."""
    if abs(one) == math.inf:
        return other if abs(other) < math.inf else 0.0
    return 0.5 * (one + other) if abs(other) < math.inf else one
