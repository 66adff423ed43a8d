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
from kdelab.loss.validate import Flags, Floats, Indices, Integers

_NOWHERE = 1e300
# Places are rounded, and these targets are neither so narrow nor so wide that it shows.
_NARROW, _WIDE = 1 / 64, 256.0


class Prepared(NamedTuple):
    """The points and the edges that count.

    Of prediction i, (n,) each: whether it is too hard; where its points start, and how many count; where its edges
    start, and how many there are. Of all points, (total + n,): names and places, in order, and one that is nowhere. Of
    all edges, (room,): their places, and around each, (2, room), the points from which moments are taken: see `hats`
    and `parabolas`. The point that is nowhere stands for none.
    """

    hard: Flags
    starts: Integers
    counts: Integers
    edge_starts: Integers
    edge_counts: Integers
    names: Indices
    places: Floats
    edges: Floats
    around: Indices


@compiled
def prepare(
    first: int, stop: int, batch: Batch, h: float, background: float, prepared: Prepared, kinks: Indices | None
) -> None:
    """Fill `Prepared` of predictions first to stop, and for hats, of all edges, (2, room), the points around kinks."""
    x, ends, lower, upper = batch
    hard, starts, counts, edge_starts, edge_counts, names, places, edges, around = prepared
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, away = np.empty((3, FEW)), np.empty(widest)
    at, at_edge = ends[first] + first, (2 if kinks is None else 3) * ends[first] + 2 * first
    for i in range(first, stop):
        a, b = lower[i], upper[i]
        width = (b - a) / h
        unevenly_lit = background > 0.0 and not (a >= -1.0 and b <= 1.0) and not (b <= -1.0 or a >= 1.0)
        hard[i] = unevenly_lit or not _NARROW <= width <= _WIDE
        starts[i], counts[i], edge_starts[i], edge_counts[i] = at, 0, at_edge, 0
        if hard[i]:
            continue
        k = ends[i + 1] - ends[i]
        for j in range(k):
            away[j] = (x[ends[i] + j] - a) / h
        m = np.uint64(0)
        of_points, place = names[at : at + k + 1], places[at : at + k + 1]
        for j in range(k):  # every point is written, and kept where it counts: a branch would be mispredicted
            of_points[m], place[m] = j, away[j]
            m += np.uint64((away[j] > -1.0) & (away[j] - 1.0 < width))
        sort(place[: int(m)], of_points, work)
        of_points[m], place[m] = 0, _NOWHERE
        if kinks is None:
            count = _merge_parabolas(place, int(m), width, edges[at_edge:], around[:, at_edge:])
        else:
            count = _merge_hats(place, int(m), width, edges[at_edge:], around[:, at_edge:], kinks[:, at_edge:])
        counts[i], edge_counts[i] = int(m), count
        at, at_edge = at + int(m) + 1, at_edge + count


@scalar
def _merge_hats(place: Floats, m: int, width: float, edges: Floats, around: Indices, kinks: Indices) -> int:
    """Fill the edges, and around each, cells being 1 long, what `hats` asks for; return how many there are."""
    begun = risen = 0
    while place[begun] - 1.0 <= 0.0:
        begun += 1
    while place[risen] <= 0.0:
        risen += 1
    ended, e, y = 0, 0, 0.0
    while True:
        cell = math.floor(y)
        edges[e] = y
        around[0, e] = begun - 1 if begun > 0 and place[begun - 1] >= cell + 1.0 else m
        around[1, e] = ended if place[ended] < cell else m
        kinks[0, e] = risen - 1 if risen > 0 and place[risen - 1] >= cell else m
        kinks[1, e] = risen if place[risen] < cell + 1.0 else m
        e += 1
        if y == width:
            return e
        # Where several lie at one place, edges coincide: a panel of length 0 does no harm, a branch would.
        to_begin, to_rise, to_end = place[begun] - 1.0, place[risen], place[ended] + 1.0
        y = min(min(to_begin, to_rise), min(to_end, width))
        begun += int(to_begin <= y)
        risen += int(to_rise <= y)
        ended += int(to_end <= y)


@scalar
def _merge_parabolas(place: Floats, m: int, width: float, edges: Floats, around: Indices) -> int:
    """Fill the same, cells being 2 long, for `parabolas`."""
    begun = 0
    while place[begun] - 1.0 <= 0.0:
        begun += 1
    ended, e, y = 0, 0, 0.0
    while True:
        middle = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        edges[e] = y
        around[0, e] = begun - 1 if begun > 0 and place[begun - 1] >= middle else m
        around[1, e] = ended if place[ended] < middle else m
        e += 1
        if y == width:
            return e
        to_begin, to_end = place[begun] - 1.0, place[ended] + 1.0
        y = min(min(to_begin, to_end), width)
        begun += int(to_begin <= y)
        ended += int(to_end <= y)
