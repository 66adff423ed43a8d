"""The engine of every kernel that has no closed form."""

import math

import numpy as np

from kdelab.loss.arithmetic import total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.quadrature import cuts, nodes
from kdelab.loss.engines.quadrature.integrate import Prepared, cluster_of, integrate, prepare
from kdelab.loss.engines.quadrature.panel import log_background, mix
from kdelab.loss.engines.quadrature.terms import slopes, terms
from kdelab.loss.kernels.base import Compiled, Kernel
from kdelab.loss.ragged import offsets_of
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.runtime import compiled, in_parallel
from kdelab.loss.validate import Floats

PREPARED = 2**25
"""At most so many kernel values are kept (256 MB); beyond, they are computed anew in every evaluation."""


class ByQuadrature(Engine):
    """Panels, nodes and kernel values, prepared for fixed points, targets and bandwidth."""

    def __init__(
        self, clusters: Clusters, kernel: Kernel, rule: Adaptive | Midpoint | GaussLegendre, background: float
    ) -> None:
        self.clusters, self.kernel = clusters, kernel.in_numbers(background)
        if isinstance(rule, Adaptive):
            self.panels = cuts.stretched(clusters, kernel, background)
            self.nodes = nodes.adaptive(rule, kernel)
        else:
            self.panels, self.nodes = cuts.whole(clusters), nodes.fixed(rule)
        self.prepared = self._prepare()

    def _prepare(self) -> Prepared:
        each = len(self.nodes.places)
        starts = offsets_of(each * np.repeat(self.clusters.sizes, np.diff(self.panels.offsets)))
        if starts[-1] > PREPARED:
            return Prepared(self.nodes, self.panels, np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 0)))
        factors, peaks = np.empty(starts[-1]), np.empty((len(starts) - 1, each))
        prepared = Prepared(self.nodes, self.panels, starts, factors, peaks)
        batch = Batch.of(self.clusters)
        in_parallel(prepare, batch.offsets, self.kernel, batch, prepared)
        return prepared

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        batch, (loss, gradient, by_point, by_bandwidth) = Batch.of(self.clusters), wanted
        in_parallel(
            integrate, batch.offsets, self.kernel, batch, self.prepared, logits, loss,
            np.empty(len(logits)) if gradient is None else gradient, by_point, by_bandwidth,
        )  # fmt: skip


def log_densities(
    clusters: Clusters, kernel: Compiled, logits: Floats, origins: Floats, y: Floats, slope: Floats | None = None
) -> Floats:
    """Return log p at places origins (n,) + y (n, m); unless it is None, fill ``slope`` (n, m) with (log p)'.

    A kernel with a cusp at its point slopes as on the side on which y lies.
    """
    out = np.empty_like(y)
    in_parallel(_log_densities, clusters.offsets, kernel, Batch.of(clusters), logits, origins, y, out, slope)
    return out


@compiled
def _log_densities(
    first: int, stop: int, kernel: Compiled, batch: Batch, logits: Floats, origins: Floats, y: Floats, out: Floats,
    slope: Floats | None,
) -> None:  # fmt: skip
    ends = batch.offsets
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((4, widest + 64))
    for i in range(first, stop):
        part = slice(ends[i], ends[i + 1])
        cluster, _ = cluster_of(kernel, batch.points[part], logits[part], batch.lower[i], batch.upper[i], work)
        k = cluster.x.size
        r, steep = work[2, :k], work[3, :k]
        for q in range(y.shape[1]):
            scale, s_total = terms(kernel, cluster, origins[i], y[i, q], r)
            log_p, share = cluster.log_scale + scale + math.log(s_total) if s_total > 0.0 else -np.inf, 1.0
            log_floor = log_background(kernel, origins[i] + y[i, q])
            if log_floor > -np.inf:
                log_p, share = mix(log_p, log_floor)
            out[i, q] = log_p
            if slope is not None:
                slopes(kernel, cluster, origins[i], y[i, q], y[i, q], scale, r, steep)
                ratio = share / s_total if s_total > 0.0 else math.exp(min(cluster.log_scale + scale - log_p, 0.0))
                slope[i, q] = total(steep) / kernel.h * ratio if log_p > -np.inf else 0.0
