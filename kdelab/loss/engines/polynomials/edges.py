"""All edges of a prediction in order, whatever their distances: what the robust engine cuts its panels at."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import gap
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.sort import FEW, sort
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Integers


class Edges(NamedTuple):
    """The edges of all predictions in order: of prediction i counts[i] of them, at 3 offsets[i] + 4 i.

    Each is a centre and how many h are added to it, -1, 0 or 1.
    """

    centres: Floats
    sides: Floats
    counts: Integers


@compiled
def fill_edges(first: int, stop: int, kernel: Compiled, batch: Batch, edges: Edges) -> None:
    """Fill the edges of predictions first to stop, each place once, and their numbers; a one-bin target has two."""
    x, ends, lower, upper = batch
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    room = 3 * widest + 4
    places, sorted_centres, sorted_sides, work = np.empty(room), np.empty(room), np.empty(room), np.empty((3, FEW))
    names = np.empty(room, np.int32)
    for i in range(first, stop):
        at = 3 * ends[i] + 4 * i
        centre, side, h = edges.centres[at : 3 * ends[i + 1] + 4 * (i + 1)], edges.sides[at:], kernel.h
        centre[0], centre[1], count = lower[i], upper[i], 2
        for j in range(ends[i], ends[i + 1]):
            for s in (-1.0, 0.0, 1.0):
                inside = gap(x[j], lower[i], s * h) > 0.0 and gap(x[j], upper[i], s * h) < 0.0
                if inside and (s != 0.0 or kernel.cusped):
                    centre[count], side[count] = x[j], s
                    count += 1
        for end in (-1.0, 1.0):
            if kernel.background > 0.0 and lower[i] < end < upper[i]:
                centre[count] = end
                count += 1
        for e in range(count):
            places[e], names[e] = centre[e] + h * side[e], e
        sort(places[:count], names[:count], work)
        for e in range(count):
            sorted_centres[e], sorted_sides[e] = centre[names[e]], side[names[e]]
        kept = 0
        for e in range(count):
            c, s = sorted_centres[e], sorted_sides[e]
            # Rounded places are almost in order: what is left is to insert each where it belongs.
            to = kept
            while to > 0 and gap(c, centre[to - 1], (s - side[to - 1]) * h) < 0.0:
                to -= 1
            if to > 0 and gap(c, centre[to - 1], (s - side[to - 1]) * h) == 0.0 and lower[i] < upper[i]:
                continue
            for m in range(kept, to, -1):
                centre[m], side[m] = centre[m - 1], side[m - 1]
            centre[to], side[to] = c, s
            kept += 1
        edges.counts[i] = kept
