"""The engine of every kernel that has no closed form."""

import math
from typing import Any

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.arithmetic import HUGE, exp, highest, total
from kdelab.loss.engines.base import Engine
from kdelab.loss.engines.quadrature import cuts as panels
from kdelab.loss.engines.quadrature import nodes as rules
from kdelab.loss.engines.quadrature.integrate import integrate, prepare
from kdelab.loss.engines.quadrature.panel import Cluster, Rule, Shape
from kdelab.loss.engines.quadrature.terms import code_of, terms
from kdelab.loss.engines.runtime import compiled, in_parallel
from kdelab.loss.kernels import Kernel
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.validate import Floats

PREPARED = 2**25
"""At most so many kernel values are kept (256 MB); beyond, they are computed anew in every evaluation."""


class ByQuadrature(Engine):
    """Panels, rule and kernel values, prepared for fixed points, targets and bandwidth."""

    def __init__(
        self, clusters: Clusters, kernel: Kernel, quadrature: Adaptive | Midpoint | GaussLegendre, background: float
    ) -> None:
        self.clusters, self.shape = clusters, shape_of(kernel, background)
        if isinstance(quadrature, Adaptive):
            self.panels = panels.stretched(clusters, kernel, background)
            self.rule = Rule(*rules.LOBATTO_KRONROD, quadrature.tolerance)
        elif isinstance(quadrature, Midpoint):
            self.panels, self.rule = panels.whole(clusters), Rule(*rules.midpoint(quadrature.bins), 0.0)
        else:
            self.panels, self.rule = panels.whole(clusters), Rule(*rules.gauss_legendre(quadrature.nodes), 0.0)
        self.prepared = self._prepare()

    def _prepare(self) -> tuple[Any, Floats, Floats]:
        c, nodes = self.clusters, len(self.rule.nodes)
        starts = np.concatenate([[0], np.cumsum(nodes * np.repeat(c.sizes, np.diff(self.panels[0])))])
        if starts[-1] > PREPARED:
            return np.empty(0, dtype=np.int64), np.empty(0), np.empty((0, 0))
        factors, peaks = np.empty(starts[-1]), np.empty((len(starts) - 1, nodes))
        in_parallel(
            prepare, c.offsets, self.shape, self.rule, c.points, c.offsets, c.lower, c.upper, self.panels,
            starts, factors, peaks,
        )  # fmt: skip
        return starts, factors, peaks

    def _evaluate(self, logits: Floats, loss: Floats, gradient: Floats, by_point: Floats, by_bandwidth: Floats) -> None:
        c = self.clusters
        in_parallel(
            integrate, c.offsets, self.shape, self.rule, c.points, c.offsets, c.lower, c.upper, logits, self.panels,
            self.prepared, loss, gradient, by_point, by_bandwidth,
        )  # fmt: skip


def shape_of(kernel: Kernel, background: float) -> Shape:
    """Return what the compiled loops know of a kernel; ValueError for one that they don't know."""
    return Shape(*code_of(kernel), kernel.bandwidth, background)


def densities(clusters: Clusters, shape: Shape, logits: Floats, places: Floats) -> Floats:
    """Return p at places (n, m) of n predictions."""
    out = np.empty_like(places)
    in_parallel(_densities, clusters.offsets, shape, clusters.points, clusters.offsets, logits, places, out)
    return out


@compiled
def _densities(first: int, stop: int, shape: Any, x: Any, ends: Any, logits: Any, places: Any, out: Any) -> None:
    for i in range(first, stop):
        points = x[ends[i] : ends[i + 1]]
        work = np.empty((3, points.size))
        z, w = work[0], work[1]
        top = highest(logits[ends[i] : ends[i + 1]])
        for j in range(points.size):
            z[j] = max(logits[ends[i] + j] - top, -HUGE)
            w[j] = exp(z[j])
        log_scale = shape.log_constant - math.log(total(w)) + math.log1p(-shape.background)
        cluster = Cluster(points, z, w, 0, log_scale, 0.0)
        for q in range(places.shape[1]):
            place = places[i, q]
            scale, s_total = terms(shape, cluster, place, 0.0, work[2])
            p = math.exp(log_scale + scale + math.log(s_total)) if s_total > 0.0 else 0.0
            out[i, q] = p + (0.5 * shape.background if abs(place) <= 1.0 else 0.0)
