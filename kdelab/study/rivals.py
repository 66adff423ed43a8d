"""Other losses that one could train with: prepared for (clusters, kernel), with ``value_and_grad(logits)``.

All see a weighted cluster, S = softmax(z), and the target [a, b] with its centre c. Some judge the density that the
kernel makes of it, others the weighted points themselves; those take a kernel only so that all are called alike.
"""

from abc import ABC, abstractmethod
from functools import partial

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel, refuse_beyond_reach
from kdelab.loss.ragged import ranges
from kdelab.loss.rules import GaussLegendre, Midpoint
from kdelab.loss.validate import Floats, instance, scalar
from kdelab.study.bins import RULE, Bins, PerBin
from kdelab.study.mass import log_mean


class _Weighted(ABC, Frozen):
    """A loss given through its derivatives by the weights; the softmax turns them into those by the logits."""

    def __init__(self, clusters: Clusters, kernel: Kernel | None = None) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self.centre = clusters.centres
        self.width = clusters.upper - clusters.lower
        self.from_centre = clusters.points - self.clusters.spread(self.centre)

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return values (n,) and gradient (total,): S_i (D_i - sum_j S_j D_j) with D_i the derivative by S_i."""
        weight = np.exp(self.clusters.log_softmax(self.clusters.checked(logits)))
        value, slope = self.by_weight(weight)
        return value, weight * (slope - self.clusters.spread(self.clusters.sum(weight * slope)))

    @abstractmethod
    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return values (n,) and derivatives by the weights (total,), these up to a constant a cluster."""


class MeanSquaredError(_Weighted):
    """Squared error of the weighted mean, averaged over the target: (m - c)^2 + (b - a)^2 / 12, m = sum_i S_i x_i.

    Gradient 2 (m - c) S_i (x_i - m): grows with the distance.
    """

    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the value and 2 (m - c) (x_i - c)."""
        error = self.clusters.sum(weight * self.from_centre)
        return error**2 + self.width**2 / 12, 2 * self.clusters.spread(error) * self.from_centre


class SquaredDistance(_Weighted):
    """The mean squared distance of the points, sum_i S_i (x_i - c)^2 + (b - a)^2 / 12. It, too, grows with distance."""

    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the value and (x_i - c)^2."""
        return self.clusters.sum(weight * self.from_centre**2) + self.width**2 / 12, self.from_centre**2


class Wasserstein(_Weighted):
    """The distance W1 between the weighted points and the uniform target: what it costs to carry one to the other.

    With F_i the weight of the points up to and including i, in order of position, point i is carried over the target's
    part from y_{i-1} to y_i, y_i = a + (b - a) F_i; the derivative by F_i is abs(x_i - y_i) - abs(x_{i+1} - y_i).
    """

    def __init__(self, clusters: Clusters, kernel: Kernel | None = None) -> None:
        super().__init__(clusters, kernel)
        prediction = self.clusters.spread(np.arange(len(clusters)))
        self.order = np.lexsort((self.from_centre, prediction))
        self.inner = np.diff(prediction) == 0

    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the value and the derivatives, those of the last point of each cluster 0."""
        x, weight = self.from_centre[self.order], weight[self.order]
        width = self.clusters.spread(self.width)
        upto = self._upto(weight)
        right = width * (upto - 0.5)
        left = width * (upto - weight - 0.5)
        inside = (left < x) & (x < right)
        span = np.where(inside, width * weight, 1.0)
        cost = np.where(inside, ((right - x) ** 2 + (x - left) ** 2) / (2 * span), abs(x - (left + right) / 2))
        step = np.zeros_like(x)
        step[:-1][self.inner] = (abs(x[:-1] - right[:-1]) - abs(x[1:] - right[:-1]))[self.inner]
        slope = np.empty_like(x)
        slope[self.order] = self.clusters.spread(self.clusters.sum(step)) - (self._upto(step) - step)
        return self.clusters.sum(weight * cost), slope

    def _upto(self, values: Floats) -> Floats:
        """Return the running sum within each cluster."""
        running = np.cumsum(values)
        starts = self.clusters.offsets[:-1]
        return running - self.clusters.spread(running[starts] - values[starts])


class _Pairs(_Weighted):
    """A loss with a quadratic part, sum_ij S_i S_j C(x_i - x_j), its matrix prepared."""

    def __init__(self, clusters: Clusters, kernel: Kernel | None = None) -> None:
        super().__init__(clusters, kernel)
        sizes = self.clusters.spread(clusters.sizes)
        self.partner = ranges(self.clusters.spread(clusters.offsets[:-1]), sizes)
        self.first = np.cumsum(sizes) - sizes
        self.apart = abs(np.repeat(clusters.points, sizes) - clusters.points[self.partner])

    def against_cluster(self, matrix: Floats, weight: Floats) -> Floats:
        """Return sum_j C(x_i - x_j) S_j, (total,)."""
        return np.add.reduceat(matrix * weight[self.partner], self.first)


class CRPS(_Pairs):
    """The continuous ranked probability score of the weighted points, averaged over the target.

    sum_i S_i A_i - 1/2 sum_ij S_i S_j abs(x_i - x_j), with A_i the mean of abs(x_i - t) over the target (Gneiting and
    Raftery, 2007, eq. 21).
    """

    def __init__(self, clusters: Clusters, kernel: Kernel | None = None) -> None:
        super().__init__(clusters, kernel)
        far, half = abs(self.from_centre), self.clusters.spread(self.width) / 2
        inside = far < half
        self.to_target = np.where(inside, (half**2 + far**2) / (2 * np.where(inside, half, 1.0)), far)

    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the value and A_i - sum_j S_j abs(x_i - x_j)."""
        apart = self.against_cluster(self.apart, weight)
        return self.clusters.sum(weight * (self.to_target - apart / 2)), self.to_target - apart


class DensitySquaredError(_Pairs):
    """The integrated squared error of the density, integral (p - u)^2 dx, u = 1/(b-a) on the target, else 0.

    sum_ij S_i S_j (K_h * K_h)(x_i - x_j) - 2 mean p + 1/(b-a); the target must have a width, and the kernel be one
    whose convolution with itself is known: Laplace, Gaussian, Cauchy or Box.
    """

    def __init__(self, clusters: Clusters, kernel: Kernel, quadrature: GaussLegendre | Midpoint = RULE) -> None:
        super().__init__(clusters, kernel)
        if (self.width <= 0).any():
            raise ValueError(f"clusters must have targets of some width here, but prediction "
                             f"{int(np.argmax(self.width <= 0))} has lower == upper")  # fmt: skip
        self.twice = kernel.overlap(self.apart)
        bins = Bins(clusters, kernel, quadrature)
        self.reach = bins.shares @ np.exp(bins.log_kernel)

    def by_weight(self, weight: Floats) -> tuple[Floats, Floats]:
        """Return the value and 2 (sum_j S_j (K_h * K_h)(x_i - x_j) - mean K_h(x - x_i))."""
        overlap = self.against_cluster(self.twice, weight)
        return self.clusters.sum(weight * (overlap - 2 * self.reach)) + 1 / self.width, 2 * (overlap - self.reach)


class Power(PerBin):
    """The family (1 - p^alpha) / alpha, averaged over the target: the dial of giving up.

    Gradient p^alpha g. alpha = 0 is the cross-entropy, alpha = 1 is 1 - p, the linear loss; the larger alpha, the less
    a cluster counts that has little density on its target. p is in the density's own unit, 1 / guess factor.

    Parameters
    ----------
    clusters, kernel, quadrature
        As for all objectives of this wing.
    alpha : float
        Any finite number; below 0 the far clusters count more.
    """

    def __init__(
        self, clusters: Clusters, kernel: Kernel, quadrature: GaussLegendre | Midpoint = RULE, alpha: float = 0.0
    ) -> None:
        super().__init__(clusters, kernel, quadrature)
        self.alpha = scalar("alpha", alpha)

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return (1 - p^alpha) / alpha and p^alpha (S_i - r_i)."""
        log_density = self.log_density(log_weight)
        responsibility = self.responsibilities(log_weight, log_density)
        gradient = np.exp(log_weight) * self.clusters.spread(self.clusters.sum(responsibility)) - responsibility
        if self.alpha == 0:
            return -log_density, gradient
        with np.errstate(over="ignore"):  # an alpha below 0 may make infinitely much of a far cluster
            value = -np.expm1(self.alpha * log_density) / self.alpha
            scale = self.clusters.spread(np.exp(self.alpha * log_density))
        return value, np.where(gradient == 0, 0.0, scale) * gradient


Linear = partial(Power, alpha=1.0)
"""-integral p, up to scale and a constant: the loss that a constant factor in the kernel does multiply."""


class LogOfIntegral(PerBin):
    """-log((1/(b-a)) integral_a^b p): the log outside, as for interval-censored data.

    The integral is the chance that a shot drawn from the density hits. Gradient S_i - S_i m_i / sum_j S_j m_j, where
    m_i is the mean of K_h(x - x_i) over the target: by the kernel's distribution function, without bins and without a
    sort. Never above the cross-entropy (Jensen).

    Parameters
    ----------
    clusters, kernel
        As for all objectives of this wing.
    quadrature : GaussLegendre or Midpoint, optional
        Takes the means over such nodes, for a kernel without a distribution function or for comparison.
    """

    def __init__(self, clusters: Clusters, kernel: Kernel, quadrature: GaussLegendre | Midpoint | None = None) -> None:
        if quadrature is not None:
            super().__init__(clusters, kernel, quadrature)
            return
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        refuse_beyond_reach("points", kernel, clusters.points, clusters.lower, clusters.upper)
        ends = (clusters.spread(side) for side in (clusters.lower, clusters.upper))
        self.log_kernel, self.shares = log_mean(kernel, clusters.points, *ends)[None], np.ones(1)

    def _seen(self, log_kernel: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Return one bin, with the kernels' means over the target for a kernel."""
        return np.logaddexp.reduce(log_kernel + np.log(shares)[:, None], axis=0)[None], np.ones(1)

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -log mean p and its gradient: the cross-entropy of one bin with the kernels' means for a kernel."""
        log_density = self.log_density(log_weight)
        responsibility = self.responsibilities(log_weight, log_density)
        return -log_density, np.exp(log_weight) * self.clusters.spread(
            self.clusters.sum(responsibility)
        ) - responsibility
