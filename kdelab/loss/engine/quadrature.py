"""The engine of every kernel that has no closed form."""

import math
from typing import Any

import numpy as np
from numba import prange

from kdelab.loss.clusters import Clusters
from kdelab.loss.engine import panels, rules
from kdelab.loss.engine.compiled import compiled, exp, highest, total
from kdelab.loss.engine.integrate import integrate
from kdelab.loss.engine.nodes import code_of, terms
from kdelab.loss.kernels import Kernel
from kdelab.loss.quadrature import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.validate import Floats

BLOCKS = 64
"""Parts dealt to the threads: enough to balance ragged clusters, few enough to cost nothing."""


class ByQuadrature:
    """Panels and rule, prepared for fixed points, targets and bandwidth."""

    def __init__(
        self, clusters: Clusters, kernel: Kernel, quadrature: Adaptive | Midpoint | GaussLegendre, background: float
    ) -> None:
        self.clusters = clusters
        self.kernel = (*code_of(kernel), kernel.bandwidth)
        self.background = background
        self.tolerance = 0.0
        if isinstance(quadrature, Adaptive):
            self.tolerance = quadrature.tolerance
            self.panels = panels.cut(clusters, kernel, background)
            self.rule = rules.LOBATTO_KRONROD if math.isinf(kernel.support) else rules.GAUSS_KRONROD
        else:
            self.panels = (*panels.whole(clusters), 1)
            self.rule = (
                rules.midpoint(quadrature.bins)
                if isinstance(quadrature, Midpoint)
                else rules.gauss_legendre(quadrature.nodes)
            )

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        c = self.clusters
        loss, gradient = np.empty(len(c)), np.empty(len(c.points))
        integrate(
            BLOCKS, self.kernel, self.background, c.points, c.offsets, c.lower, c.upper, logits,
            self.panels, self.rule, self.tolerance, loss, gradient,
        )  # fmt: skip
        return loss, gradient


def densities(clusters: Clusters, kernel: Kernel, background: float, logits: Floats, places: Floats) -> Floats:
    """Return p at places (n, m) of n predictions."""
    out = np.empty_like(places)
    _densities((*code_of(kernel), kernel.bandwidth), background, clusters.points, clusters.offsets, logits, places, out)
    return out


@compiled(parallel=True)
def _densities(kernel: Any, background: float, x: Any, ends: Any, logits: Any, places: Any, out: Any) -> None:
    code, beta, log_constant, h = kernel
    for i in prange(places.shape[0]):
        points = x[ends[i] : ends[i + 1]]
        z = np.empty(points.size)
        w = np.empty(points.size)
        r = np.empty(points.size)
        top = highest(logits[ends[i] : ends[i + 1]])
        for j in range(points.size):
            z[j] = logits[ends[i] + j] - top
            w[j] = exp(z[j])
        log_scale = log_constant - math.log(total(w)) + math.log1p(-background)
        for q in range(places.shape[1]):
            place = places[i, q]
            scale, s_total, _ = terms(code, beta, h, points, z, w, 0, place, 0.0, r)
            p = math.exp(log_scale + scale + math.log(s_total)) if s_total > 0.0 else 0.0
            out[i, q] = p + (0.5 * background if abs(place) <= 1.0 else 0.0)
