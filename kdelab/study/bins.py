"""The bins of a target, and what can be said of a cluster in each: where rival losses and shortcuts are evaluated.

The thread argues about one bin at a time, so do the objectives of this wing: each has a value and a gradient in every
bin, and averages both over the target. Everything stays a logarithm until it is summed.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.quadrature.nodes import fixed
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.ragged import finite
from kdelab.loss.rules import GaussLegendre, Midpoint, accepted
from kdelab.loss.validate import Floats, instance

RULE = GaussLegendre(16)


class Objective(Protocol):
    """Anything that can be trained: this wing's classes, `kdelab.CrossEntropy`, or one's own."""

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return values (n,) and the gradient of their sum, (total,)."""
        ...


class Bins(Frozen):
    """Places on each target, and the kernel of every point there.

    Parameters
    ----------
    clusters : Clusters
    kernel : Kernel
    quadrature : GaussLegendre or Midpoint
        Places and shares of the bins. If every target is one point there is one bin, whatever the rule.

    Attributes
    ----------
    log_kernel : (bins, total)
        log K_h(x - x_j) of every bin's place x and point j.
    shares : (bins,)
        What each bin counts; they sum to 1.
    """

    def __init__(self, clusters: Clusters, kernel: Kernel, quadrature: GaussLegendre | Midpoint = RULE) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        accepted(quadrature, GaussLegendre, Midpoint)
        formula = fixed(Midpoint(1) if (clusters.lower == clusters.upper).all() else quadrature)
        x = clusters.centres + formula.places[:, None] * (clusters.upper - clusters.lower) / 2
        self.log_kernel, self.shares = self._seen(
            kernel.log(self.clusters.spread(x) - clusters.points), formula.fine / 2
        )

    def _seen(self, log_kernel: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Return log_kernel and shares as the objective is to see them."""
        return log_kernel, shares


class PerBin(ABC, Bins):
    """An objective given bin by bin, prepared for fixed clusters and kernel; its value is the mean over the bins."""

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return values (n,) and the gradient (total,), means over the bins.

        For objectives that hold something fixed the gradient is that of the rest, and not the slope of the value.
        """
        z = self.clusters.checked(logits)
        value, gradient = self.per_bin(z, self.clusters.log_softmax(z))
        return self.shares @ value, self.shares @ gradient

    @abstractmethod
    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return the value, (bins, n), and the gradient, (bins, total), of every bin."""

    def log_density(self, log_weight: Floats) -> Floats:
        """Return log p in every bin, (bins, n)."""
        return self.clusters.log_sum(log_weight + self.log_kernel)

    def responsibilities(self, log_weight: Floats, log_density: Floats) -> Floats:
        """Return r_j = S_j K_h(x - x_j) / p(x), (bins, total); 0 where p is."""
        return np.exp(log_weight + self.log_kernel - self.clusters.spread(finite(log_density)))
