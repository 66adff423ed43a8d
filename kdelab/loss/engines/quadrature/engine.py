"""The engine of every kernel that has no closed form."""

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.quadrature import cuts, nodes
from kdelab.loss.engines.quadrature.integrate import Prepared, integrate, prepare
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.ragged import offsets_of
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.runtime import in_parallel
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
