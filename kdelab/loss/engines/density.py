"""The density at places of one's own, in logarithms, and how steep it is there: of every kernel."""

import math
from typing import NamedTuple, Self

import numpy as np

from kdelab.loss.arithmetic import total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.by_arrays import values_at
from kdelab.loss.engines.quadrature.integrate import cluster_of
from kdelab.loss.engines.quadrature.panel import Cluster, log_background, mix
from kdelab.loss.engines.quadrature.terms import slopes, terms
from kdelab.loss.kernels.base import Compiled, Kernel
from kdelab.loss.ragged import offsets_of
from kdelab.loss.runtime import compiled, in_parallel
from kdelab.loss.validate import Floats, Integers, one_form


class Places(NamedTuple):
    """Rows of places, origins + y, (rows, m) each: those of row i are in the density of prediction owners[i].

    A point at an origin is at distance y to the last digit, however small that is. A kernel with a cusp at its point
    slopes as at origins + middles, (rows, m): that is the middle of a panel where a row is one, which cusps only bound.
    """

    owners: Integers
    origins: Floats
    y: Floats
    middles: Floats

    @classmethod
    def of(cls, owners: Integers, x: Floats) -> Self:
        """Return rows of places x, (rows, m)."""
        return cls(owners, x, np.zeros_like(x), np.zeros_like(x))


def log_density(
    clusters: Clusters, kernel: Kernel, background: float, logits: Floats, places: Places, slope: Floats | None = None
) -> Floats:
    """Return log p, (rows, m), at places; fill ``slope``, unless it is None, with (log p)', 0 where p is 0.

    At a kink the slope is the mean of both sides.
    """
    out = np.empty(places.y.shape)
    rows = Places(one_form(places.owners, np.int64), *map(one_form, places[1:]))  # so that code is compiled once
    if kernel.compiled is None:
        log_weights = clusters.log_softmax(logits) + np.log1p(-background)
        for i, (owner, origin, y, middle) in enumerate(zip(*rows, strict=True)):
            part = slice(clusters.offsets[owner], clusters.offsets[owner + 1])
            k = part.stop - part.start
            values = values_at(kernel, background, origin, y, clusters.points[part], log_weights[part], middle)
            out[i] = values[:, 0]
            if slope is not None:
                slope[i] = values[:, 1 + k : 1 + 2 * k].sum(axis=1) / kernel.bandwidth
        return out
    offsets = offsets_of(clusters.sizes[rows.owners])
    in_parallel(_fill, offsets, kernel.in_numbers(background), Batch.of(clusters), logits, rows, out, slope)
    return out


@compiled
def _fill(
    first: int, stop: int, kernel: Compiled, batch: Batch, logits: Floats, places: Places, out: Floats,
    slope: Floats | None,
) -> None:  # fmt: skip
    owners, origins, y, middles = places
    ends, widest = batch.offsets, 1
    for i in range(first, stop):
        widest = max(widest, ends[owners[i] + 1] - ends[owners[i]])
    work = np.empty((4, widest + 64))
    for i in range(first, stop):
        n = owners[i]
        part = slice(ends[n], ends[n + 1])
        x = batch.points[part]
        anchored, _ = cluster_of(kernel, x, logits[part], 0.0, 0.0, work)
        # Any anchor, so that what is asked of places doesn't depend on a target, to the last bit.
        cluster = Cluster(x, anchored.z, anchored.w, 0, anchored.log_scale, 0.0)
        r, steep = work[2, : x.size], work[3, : x.size]
        for q in range(y.shape[1]):
            scale, s_total = terms(kernel, cluster, origins[i, q], y[i, q], r)
            log_p, share = cluster.log_scale + scale + math.log(s_total) if s_total > 0.0 else -np.inf, 1.0
            log_floor = log_background(kernel, origins[i, q] + y[i, q])
            if log_floor > -np.inf:
                log_p, share = mix(log_p, log_floor)
            out[i, q] = log_p
            if slope is not None:
                slopes(kernel, cluster, origins[i, q], y[i, q], middles[i, q], scale, r, steep)
                # Where a kernel ends it adds nothing to p, but half of its slope.
                ratio = share / s_total if s_total > 0.0 else math.exp(min(cluster.log_scale + scale - log_p, 0.0))
                slope[i, q] = ratio * total(steep) / kernel.h if log_p > -np.inf else 0.0
