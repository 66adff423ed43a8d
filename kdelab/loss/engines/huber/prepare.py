"""What doesn't depend on the logits: where kernels change from tail to core and back, in order, and what is far off."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import exp
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.laplace.prepare import log_factors
from kdelab.loss.engines.sort import FEW, sort
from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Indices, Integers

WIDEST = 64.0
"""Targets of more bandwidths are the adaptive rule's: its panels grow with their distance from the points."""


class Prepared(NamedTuple):
    """The kinks inside of each target, and the points whose cores don't reach it.

    Prediction i has counts[i] kinks, or -1 where the target is too wide, at 2 offsets[i] and after: places, in
    bandwidths behind the target's begin, and names, j where the core of point j begins and ~j where it ends, (2 total,)
    each. K (total,) is exp(shift - d_j / h), d_j the distance to the target, positive for points left of it, negative
    for those right of it, and 0 for those whose core reaches it; the shift, (n,), is 0 if there are any, else d / h of
    the nearest point.
    """

    places: Floats
    names: Indices
    counts: Integers
    K: Floats
    shifts: Floats


@compiled
def prepare(first: int, stop: int, h: float, batch: Batch, prepared: Prepared) -> None:
    """Fill `Prepared` for predictions first to stop."""
    x, ends, lower, upper = batch
    work = np.empty((3, FEW))
    for i in range(first, stop):
        a, width = lower[i], (upper[i] - lower[i]) / h
        if width > WIDEST:
            prepared.counts[i] = -1
            continue
        points, K = x[ends[i] : ends[i + 1]], prepared.K[ends[i] : ends[i + 1]]
        places, names = prepared.places[2 * ends[i] : 2 * ends[i + 1]], prepared.names[2 * ends[i] : 2 * ends[i + 1]]
        m, inside, touched = np.uint64(0), np.int64(0), np.int64(0)
        for j in range(points.size):  # every kink is written, and kept where it counts: see `laplace.prepare`
            v = (points[j] - a) / h
            names[m], places[m] = j, v - 1.0
            m += np.uint64((v - 1.0 >= 0.0) & (v - 1.0 < width))
            names[m], places[m] = ~j, v + 1.0
            m += np.uint64((v + 1.0 >= 0.0) & (v + 1.0 < width))
            inside += (points[j] > a) & (points[j] < upper[i])
            touched += (v + 1.0 >= 0.0) & (v - 1.0 < width)
        prepared.counts[i] = int(m)
        sort(places[: int(m)], names, work)
        nearest = log_factors(points, a, upper[i], h, inside, K)
        prepared.shifts[i] = nearest if touched == 0 else 0.0
        for j in range(points.size):
            v = (points[j] - a) / h
            factor = exp(min(K[j] + (prepared.shifts[i] - nearest), 0.0))
            K[j] = factor if v + 1.0 < 0.0 else -factor if v - 1.0 >= width else 0.0
