"""Consecutive predictions, laid out: cut into cells, short enough for a few moments, and these at kinks into panels.

All places in a cell are from its middle, in bandwidths.
"""

import math
from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import exp
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.huber.prepare import Prepared
from kdelab.loss.runtime import inlined, scalar
from kdelab.loss.validate import Floats, Integers

CELL = 0.5
"""The longest cell, in bandwidths: within, exp(t v) is its first `MOMENTS` terms, abs(t) <= 1/4 and abs(v) <= 5/4."""

MOMENTS = 12
LEFT, RIGHT = MOMENTS, MOMENTS + 1
"""Where the tails of points on either side are among the moments."""

PREDICTIONS, PANELS, CORES = range(3)
"""Rows of ``ends``: prediction i has the cells PREDICTIONS[i] to [i + 1], cell c the panels PANELS[c] to [c + 1], and
the points CORES[c] to [c + 1], whose cores lie over all of it."""

KINK, CORE = range(2)
"""Rows of ``whose``: the point whose kink lies at a panel's end, and that of a core."""

MIDDLE, HALF, SHARE, FLOOR, SIGN, PLACE, BELL, TAIL = range(8)
"""Rows of ``panels``: middle, half length, share of the target, what the background adds to p; of the kink at the end 1
where a core begins, -1 where it ends and 0 where there is none, the point's place v, exp(-v^2 / 2), exp(1/2 - abs(v)).
"""

WHERE, HEIGHT, SERIES = range(3)
"""Rows of ``cores``: the place v, exp(-v^2 / 2), and room for series in v."""

ONE = np.uint64(1)
"""Places in a tile are unsigned: of others every access asks whether they are negative."""

_COVERED = 9  # cells, at most, over all of which a core of two bandwidths lies


class Tile(NamedTuple):
    """Room for so many points and panels; rows as above, and moments and what panels collect, (MOMENTS + 2, panels).

    Of each point its weight, and room; of each prediction by how much tails decay from one cell's middle to the next,
    log p less the logarithm of what is computed of it, and the sum of its weights.
    """

    ends: Integers
    whose: Integers
    panels: Floats
    cores: Floats
    moments: Floats
    collected: Floats
    points: Floats
    predictions: Floats
    work: Floats


@inlined
def room(points: int, panels: int, rows: int) -> Tile:
    """Return an empty tile, with so many rows of work."""
    cores = _COVERED * points + panels
    return Tile(
        np.empty((3, panels + 1), np.uint64), np.empty((2, cores), np.uint64), np.empty((8, panels)),
        np.empty((3, cores)), np.empty((MOMENTS + 2, panels)), np.empty((MOMENTS + 2, panels)), np.empty((2, points)),
        np.empty((3, panels)), np.empty((rows, panels)),
    )  # fmt: skip


@scalar
def panels_at_most(width: float, kinks: int, longest: float) -> int:
    """Return how many panels a prediction has at most; 0 where it has none."""
    return int(kinks + width / CELL + width / longest + 4.0) if kinks >= 0 else 0


@scalar
def exponentials(values: Floats, count: int) -> None:
    """Turn each of the first values, 0 at most, into its exponential."""
    for i in range(count):
        values[i] = exp(values[i])


@scalar
def lay_out(first: int, stop: int, h: float, longest: float, batch: Batch, prepared: Prepared, tile: Tile) -> int:
    """Fill a tile from the prediction ``first`` on, but for weights, and return the first that it has no room for."""
    x, offsets, lower, upper = batch
    predictions, panel_ends, core_ends = tile.ends[PREDICTIONS], tile.ends[PANELS], tile.ends[CORES]
    middles, halves, shares, signs = tile.panels[MIDDLE], tile.panels[HALF], tile.panels[SHARE], tile.panels[SIGN]
    points, kinks, core_points, where = tile.panels[PLACE], tile.whose[KINK], tile.whose[CORE], tile.cores[WHERE]
    at, touched = tile.points[1], tile.whose[KINK, tile.panels.shape[1] :]
    last, taken, cell, panel, core = first, first - first, np.uint64(0), np.uint64(0), np.uint64(0)
    predictions[0] = panel_ends[0] = core_ends[0] = 0
    while last < stop:
        k, width, a = offsets[last + 1] - offsets[last], (upper[last] - lower[last]) / h, lower[last]
        taken += panels_at_most(width, prepared.counts[last], longest)
        full = taken > middles.size or offsets[last + 1] - offsets[first] > at.size or last - first == middles.size
        if full and last > first:
            break
        cells = max(math.ceil(width / CELL), 1) if prepared.counts[last] >= 0 else 0
        m = np.uint64(0)
        for j in range(k):
            v = (x[offsets[last] + j] - a) / h
            touched[m], at[m] = j, v
            m += np.uint64((v + 1.0 >= 0.0) & (v - 1.0 < width))
        kink = 2 * offsets[last]
        kink_end = kink + prepared.counts[last]
        length, per_longest = width / max(cells, 1), 1.0 / longest
        for c in range(cells):
            begin, end = c * length, width if c == cells - 1 else (c + 1) * length
            middle = 0.5 * (begin + end)
            for s in range(m):
                v = at[s]
                core_points[core], where[core] = touched[s], v - middle
                core += np.uint64((v - 1.0 < begin) & (v + 1.0 >= end))
            more = True
            while more:
                more = kink < kink_end and prepared.places[kink] < end
                until = prepared.places[kink] if more else end
                pieces = max(math.ceil((until - begin) * per_longest), 1)
                piece = (until - begin) / pieces
                for s in range(pieces):
                    middles[panel], halves[panel] = begin - middle + (s + 0.5) * piece, 0.5 * piece
                    shares[panel] = piece / width if width > 0.0 else 1.0
                    kinks[panel], signs[panel], points[panel] = 0, 0.0, 1.0
                    panel += ONE
                if more:
                    name = prepared.names[kink]
                    sign = 1.0 if name >= 0 else -1.0
                    kinks[panel - ONE], signs[panel - ONE] = max(name, ~name), sign
                    points[panel - ONE] = until - middle + sign
                    begin = until
                    kink += 1
            cell += ONE
            panel_ends[cell], core_ends[cell] = panel, core
        last += 1
        predictions[last - first] = cell
    heights, bells, tails = tile.cores[HEIGHT], tile.panels[BELL], tile.panels[TAIL]
    for e in range(core_ends[cell]):
        heights[e] = -0.5 * where[e] * where[e]
    for p in range(panel):
        bells[p], tails[p] = -0.5 * points[p] * points[p], 0.5 - abs(points[p])
    exponentials(heights, core_ends[cell])
    exponentials(bells, panel)
    exponentials(tails, panel)
    return last
