"""The bins of a target, and what can be said of a cluster in each: where rival losses and shortcuts are evaluated.

The thread argues about one bin at a time, so do the objectives of this wing: each has a value and a gradient in every
bin, and averages both over the target. Everything stays a logarithm until it is summed.
"""

from abc import ABC, abstractmethod
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.prepared import Prepared
from kdelab.loss.quadrature import GaussLegendre, Midpoint
from kdelab.loss.validate import Floats, instance, vector

RULE = GaussLegendre(16)
Scalar = TypeVar("Scalar", bound=np.generic)


class Objective(Protocol):
    """Anything that can be trained: this wing's classes, `kdelab.CrossEntropy`, or one's own."""

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return values (n,) and the gradient of their sum, (total,)."""
        ...


class Ragged(Prepared):
    """Sums over the points of each cluster, and back again, along the last axis.

    Parameters
    ----------
    clusters : Clusters
    """

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self._starts = clusters.offsets[:-1]
        self._sizes = clusters.sizes

    def sum(self, values: Floats) -> Floats:
        """Sum (..., total) over the points of each cluster: (..., n)."""
        return np.add.reduceat(values, self._starts, axis=-1)

    def max(self, values: Floats) -> Floats:
        """Return the greatest of each cluster's (..., total): (..., n)."""
        return np.maximum.reduceat(values, self._starts, axis=-1)

    def min(self, values: Floats) -> Floats:
        """Return the least of each cluster's (..., total): (..., n)."""
        return np.minimum.reduceat(values, self._starts, axis=-1)

    def spread(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Repeat (..., n) for every point of its cluster: (..., total)."""
        return np.repeat(values, self._sizes, axis=-1)

    def log_sum(self, logs: Floats) -> Floats:
        """Return log sum exp over each cluster; ``-inf`` where all are."""
        top = self.max(logs)
        finite = np.where(np.isfinite(top), top, 0.0)
        with np.errstate(divide="ignore"):
            return finite + np.log(self.sum(np.exp(logs - self.spread(finite))))

    def log_softmax(self, logits: Floats) -> Floats:
        """Return log S, (total,)."""
        return logits - self.spread(self.log_sum(logits))

    def checked(self, logits: ArrayLike) -> Floats:
        """Return the logits as an array, or raise a ValueError that says what is wrong with them."""
        return vector("logits", logits, len(self.clusters.points), "one a point")


class Bins(Ragged):
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
        super().__init__(clusters)
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        if (clusters.lower == clusters.upper).all():
            places, shares = np.zeros(1), np.ones(1)
        elif isinstance(quadrature, Midpoint):
            places = (2 * np.arange(quadrature.bins) + 1) / quadrature.bins - 1
            shares = np.full(quadrature.bins, 1 / quadrature.bins)
        elif isinstance(quadrature, GaussLegendre):
            places, weights = np.polynomial.legendre.leggauss(quadrature.nodes)
            shares = weights / 2
        else:
            raise ValueError(f"quadrature must be GaussLegendre(nodes) or Midpoint(bins), not {quadrature!r}")
        centre = (clusters.lower + clusters.upper) / 2
        x = centre + places[:, None] * (clusters.upper - clusters.lower) / 2
        self.log_kernel, self.shares = self._seen(kernel.log(self.spread(x) - clusters.points), shares)

    def _seen(self, log_kernel: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Return log_kernel and shares as the objective is to see them."""
        return log_kernel, shares


class PerBin(ABC, Bins):
    """An objective given bin by bin, prepared for fixed clusters and kernel; its value is the mean over the bins."""

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return values (n,) and the gradient (total,), means over the bins.

        For objectives that hold something fixed the gradient is that of the rest, and not the slope of the value.
        """
        z = self.checked(logits)
        value, gradient = self.per_bin(z, self.log_softmax(z))
        return self.shares @ value, self.shares @ gradient

    @abstractmethod
    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return the value, (bins, n), and the gradient, (bins, total), of every bin."""

    def log_density(self, log_weight: Floats) -> Floats:
        """Return log p in every bin, (bins, n)."""
        return self.log_sum(log_weight + self.log_kernel)

    def responsibilities(self, log_weight: Floats, log_density: Floats) -> Floats:
        """Return r_j = S_j K_h(x - x_j) / p(x), (bins, total); 0 where p is."""
        safe = np.where(np.isfinite(log_density), log_density, 0.0)
        return np.exp(log_weight + self.log_kernel - self.spread(safe))
