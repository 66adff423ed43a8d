"""What a fitted regressor remembers, and the densities that follow from it."""

from collections.abc import Callable
from typing import NamedTuple, Self

import numpy as np
from scipy.spatial import KDTree

from kdelab.learn.metric import Metric
from kdelab.learn.others import search
from kdelab.learn.regressor.mixture import Mixture
from kdelab.learn.regressor.samples import Samples, Span
from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.runtime import at_most
from kdelab.loss.validate import Floats

_ROWS = 4096  # predictions at a time, so that memory stays small


class Fitted(NamedTuple):
    """Samples where the learned metric puts them, their targets' middles, and what their density is.

    Attributes
    ----------
    x, y : Span
        What features and targets span.
    metric : Metric
    tree : KDTree
        Of the samples' positions.
    points, log_weights : array (n,)
    neighbours : int
    kernel : Kernel
        On the scale on which targets lie in [-1, 1].
    background : float
    """

    x: Span
    y: Span
    metric: Metric
    tree: KDTree
    points: Floats
    log_weights: Floats
    neighbours: int
    kernel: Kernel
    background: float

    @classmethod
    def of(
        cls, spans: tuple[Span, Span], metric: Metric, samples: Samples, neighbours: int, density: tuple[Kernel, float]
    ) -> Self:
        """Return what is remembered of samples; `density` is kernel and background."""
        tree = KDTree(metric.parameters.positions(samples.features), balanced_tree=False)
        return cls(*spans, metric, tree, samples.points, samples.log_weights, neighbours, *density)

    def each(self, X: Floats, threads: int, function: Callable[[Mixture, slice], Floats]) -> Floats:
        """Return what a function says of the densities of some rows and which these are, of all rows."""
        found = []
        with at_most(threads):
            positions = self.metric.parameters.positions(self.x.clipped(X))
            for start in range(0, len(X), _ROWS):
                part = slice(start, start + _ROWS)
                found.append(function(self._mixture(positions[part], threads), part))
        return np.concatenate(found)

    def _mixture(self, positions: Floats, threads: int) -> Mixture:
        sizes = np.full(len(positions), min(self.neighbours, self.tree.n))
        found = search(self.tree, positions, sizes, workers=threads)
        nowhere = np.zeros(len(positions))
        clusters = Clusters(self.points[found.rows], found.offsets, nowhere, nowhere)
        return Mixture(clusters, self.log_weights[found.rows] - found.distances, self.kernel, self.background)
