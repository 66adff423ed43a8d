"""How targets are cut: into cells, short enough for a few moments, and those at each kink into panels."""

import math
from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import exp
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats, Indices, Integers

CELL = 0.5
"""The longest cell, in bandwidths: within, exp(t v) is its first `MOMENTS` terms, abs(t) <= 1/4 and abs(v) <= 5/4."""

_OFTEN = 9  # cells, at most, over all of which a core of two bandwidths lies


class Layout(NamedTuple):
    """Cells, panels and cores of a few predictions, one behind the other; all places are from the cell's middle.

    Cell c has the panels panels[c]:panels[c + 1] and the points cores[c]:cores[c + 1] whose cores lie over all of it:
    whose, where, exp(-v^2 / 2) for the place v, and room. Panels: middle, half length, share of the target, and of the
    kink at its end whose it is, 1 where a core begins, -1 where it ends and 0 where there is none, the point's place v,
    exp(-v^2 / 2) and exp(1/2 - abs(v)).
    """

    panels: Integers
    cores: Integers
    whose: Indices
    where: Floats
    bells: Floats
    powers: Floats
    middles: Floats
    halves: Floats
    shares: Floats
    names: Indices
    signs: Floats
    points: Floats
    kink_bells: Floats
    tails: Floats


@scalar
def empty(points: int, panels: int) -> Layout:
    """Return room for predictions of so many points and panels in all."""
    cores = _OFTEN * points + panels
    return Layout(
        np.zeros(panels + 1, np.int64), np.zeros(panels + 1, np.int64),
        np.empty(cores, np.int32), np.empty(cores), np.empty(cores), np.empty(cores),
        np.empty(panels), np.empty(panels), np.empty(panels),
        np.empty(panels, np.int32), np.empty(panels), np.empty(panels), np.empty(panels), np.empty(panels),
    )  # fmt: skip


@scalar
def cells_of(width: float) -> int:
    """Return into how many cells a target is cut."""
    return max(math.ceil(width / CELL), 1)


@scalar
def room_for(width: float, kinks: int, longest: float) -> int:
    """Return how many panels a prediction has at most; 0 where it has none."""
    return kinks + cells_of(width) + int(width / longest) + 2 if kinks >= 0 else 0


@scalar
def lay_out(
    x: Floats, a: float, h: float, width: float, places: Floats, names: Indices, longest: float, layout: Layout,
    cell: int, touched: Indices, at: Floats,
) -> int:  # fmt: skip
    """Add a prediction from ``cell`` on; return the cell behind its last. ``touched`` and ``at`` are room for k."""
    panel, core = layout.panels[cell], np.uint64(layout.cores[cell])
    m = np.uint64(0)
    for j in range(x.size):
        v = (x[j] - a) / h
        touched[m], at[m] = j, v
        m += np.uint64((v + 1.0 >= 0.0) & (v - 1.0 < width))
    cells, kink = cells_of(width), 0
    length, per_width, per_longest = width / cells, 1.0 / width if width > 0.0 else 0.0, 1.0 / longest
    for c in range(cells):
        begin, end = c * length, width if c == cells - 1 else (c + 1) * length
        middle = 0.5 * (begin + end)
        for s in range(int(m)):
            v = at[s]
            layout.whose[core], layout.where[core] = touched[s], v - middle
            core += np.uint64((v - 1.0 < begin) & (v + 1.0 >= end))
        more = True
        while more:
            more = kink < places.size and places[kink] < end
            until = places[kink] if more else end
            pieces = max(math.ceil((until - begin) * per_longest), 1)
            piece = (until - begin) / pieces
            for s in range(pieces):
                layout.middles[panel], layout.halves[panel] = begin - middle + (s + 0.5) * piece, 0.5 * piece
                layout.shares[panel] = piece * per_width if width > 0.0 else 1.0
                layout.names[panel], layout.signs[panel], layout.points[panel] = 0, 0.0, 1.0
                panel += 1
            if more:
                name = names[kink]
                sign = 1.0 if name >= 0 else -1.0
                layout.names[panel - 1], layout.signs[panel - 1] = name if name >= 0 else ~name, sign
                layout.points[panel - 1] = until - middle + sign
                begin = until
                kink += 1
        cell += 1
        layout.panels[cell], layout.cores[cell] = panel, int(core)
    return cell


@scalar
def fill_factors(layout: Layout, panels: int, cores: int) -> None:
    """Fill all exponentials."""
    where, bells, points, kink_bells, tails = (
        layout.where, layout.bells, layout.points, layout.kink_bells, layout.tails
    )  # fmt: skip
    for s in range(cores):
        bells[s] = exp(-0.5 * where[s] * where[s])
    for p in range(panels):
        kink_bells[p] = exp(-0.5 * points[p] * points[p])
    for p in range(panels):
        tails[p] = exp(0.5 - abs(points[p]))
