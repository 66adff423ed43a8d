"""What doesn't depend on the logits: which points count, in order, and the edges, each with the points around it.

Places are distances from the target's lower end, in bandwidths: points within 1 of the target [0, W] count. Edges are
where they begin, place - 1, have their kink, place, and end, place + 1, and the target's two ends. See `moments` for
the cells that the line is cut into.
"""

import math
from typing import NamedTuple

import numpy as np

from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.sort import FEW, sort
from kdelab.loss.runtime import compiled, scalar
from kdelab.loss.validate import Floats, Indices, Integers

_NOWHERE = 1e300
# Places are rounded, and these targets are neither so narrow nor so wide that it shows.
_NARROW, _WIDE = 1 / 32, 256.0


class Prepared(NamedTuple):
    """The points and the edges that count.

    Of all predictions, (n + 1,): where their points and their edges start. Of all points, with one that is nowhere and
    stands for none behind each prediction's: names and places, in order. Of all edges their places, and around each,
    (2, edges), the points from which moments are taken: see `hats` and `parabolas`.
    """

    starts: Integers
    edge_starts: Integers
    names: Indices
    places: Floats
    edges: Floats
    around: Indices


@compiled
def count(first: int, stop: int, batch: Batch, h: float, background: float, cusped: bool, counts: Integers) -> None:
    """Fill (2, n) how many points count, and one more, and how many edges; none of a prediction that is too hard."""
    x, ends, lower, upper = batch
    for i in range(first, stop):
        a, b = lower[i], upper[i]
        width = (b - a) / h
        evenly_lit = background == 0.0 or (a >= -1.0 and b <= 1.0) or b <= -1.0 or a >= 1.0
        counts[0, i] = counts[1, i] = 0
        if not evenly_lit or not _NARROW <= width <= _WIDE:
            continue
        m, edges = 1, 2
        for j in range(ends[i], ends[i + 1]):
            place = (x[j] - a) / h
            m += int((place > -1.0) & (place - 1.0 < width))
            edges += int((place > 1.0) & (place - 1.0 < width)) + int((place > -1.0) & (place + 1.0 < width))
            edges += int(cusped & (place > 0.0) & (place < width))
        counts[0, i], counts[1, i] = m, edges


@compiled
def prepare(first: int, stop: int, batch: Batch, h: float, prepared: Prepared, kinks: Indices | None) -> None:
    """Fill `Prepared` of predictions first to stop, and for hats, of all edges, (2, edges), the points around kinks."""
    x, ends, lower, upper = batch
    starts, edge_starts, names, places, edges, around = prepared
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, of_points, place = np.empty((3, FEW)), np.empty(widest + 1, np.int32), np.empty(widest + 1)
    for i in range(first, stop):
        if edge_starts[i] == edge_starts[i + 1]:
            continue
        of_edges = slice(edge_starts[i], edge_starts[i + 1])
        a, width, m = lower[i], (upper[i] - lower[i]) / h, np.uint64(0)
        for j in range(ends[i + 1] - ends[i]):  # each is written, and kept where it counts: a branch is mispredicted
            of_points[m], place[m] = j, (x[ends[i] + j] - a) / h
            m += np.uint64((place[m] > -1.0) & (place[m] - 1.0 < width))
        sort(place[: int(m)], of_points, work)
        of_points[m], place[m] = 0, _NOWHERE
        for t in range(int(m) + 1):
            names[starts[i] + t], places[starts[i] + t] = of_points[t], place[t]
        of_kinks = None if kinks is None else kinks[:, of_edges]
        _merge(place, int(m), width, edges[of_edges], around[:, of_edges], of_kinks)


@scalar
def _merge(place: Floats, m: int, width: float, edges: Floats, around: Indices, kinks: Indices | None) -> None:
    """Fill the edges, and around each what `hats` or `parabolas` asks for."""
    begun = risen = ended = 0
    while place[begun] - 1.0 <= 0.0:
        begun += 1
    while place[risen] <= 0.0:
        risen += 1
    y = 0.0
    for e in range(edges.size):
        # The end of the cell whose last points are asked for, and the begin of that of the first ones.
        low, high = 1.0 * math.floor(y), 1.0 * math.floor(y) + 1.0
        if kinks is None:
            low = high = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        edges[e] = y
        around[0, e] = begun - 1 if begun > 0 and place[begun - 1] >= high else m
        around[1, e] = ended if place[ended] < low else m
        if kinks is not None:
            kinks[0, e] = risen - 1 if risen > 0 and place[risen - 1] >= low else m
            kinks[1, e] = risen if place[risen] < high else m
        # Where several lie at one place, edges coincide: a panel of length 0 does no harm, a branch would.
        to_begin, to_rise, to_end = place[begun] - 1.0, place[risen], place[ended] + 1.0
        y = min(min(to_begin, to_end), width)
        if kinks is not None:
            y = min(y, to_rise)
        begun += int(to_begin <= y)
        risen += int(to_rise <= y)
        ended += int(to_end <= y)
