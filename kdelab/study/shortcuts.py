"""What "the loss of each data point, summed" could mean: every reading we can defend, with the gradient it really has.

On 13 March 2022 Xor wrote, and withdrew the same day, that the loss can be taken from each point separately and summed,
with another value but the same gradient. The thread has no formula. Each class here is one reading, for one bin

    S = softmax(z),  K_i = K_h(x - x_i),  p = sum_i S_i K_i,  r_i = S_i K_i / p,    true gradient  g_i = S_i - r_i,

and its mean over the target's bins. Notebook 10 judges them; all can be trained in place of `kdelab.CrossEntropy`.
"""

import math
from abc import abstractmethod

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.rules import GaussLegendre, Midpoint
from kdelab.loss.validate import Floats, numbers
from kdelab.study.bins import RULE, PerBin


class LogOfEach(PerBin):
    """Reading A: -sum_i log(S_i K_i), the logarithm of every summand. Gradient k S_i - 1: no K in it."""

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i log(S_i K_i) and k S_i - 1."""
        value = -self.clusters.sum(log_weight + self.log_kernel)
        gradient = self.clusters.spread(self.clusters.sizes) * np.exp(log_weight) - 1
        return value, np.broadcast_to(gradient, self.log_kernel.shape)


class _Logs(PerBin):
    """Readings that average log K over the points: they need a kernel that is nowhere 0."""

    def __init__(self, clusters: Clusters, kernel: Kernel, quadrature: GaussLegendre | Midpoint = RULE) -> None:
        super().__init__(clusters, kernel, quadrature)
        if math.isfinite(kernel.support):
            raise ValueError(
                f"kernel must have tails, as {type(self).__name__} takes log K of every point: not {kernel!r}"
            )


class LogOfKernels(_Logs):
    """Reading B: -sum_i S_i log K_i, each point's own loss, weighted. Never below the true loss (Jensen).

    Gradient -S_i (log K_i - sum_j S_j log K_j): the true one to first order in the spread of log K.
    """

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i S_i log K_i and -S_i (log K_i - sum_j S_j log K_j)."""
        weight = np.exp(log_weight)
        value = -self.clusters.sum(weight * self.log_kernel)
        return value, -weight * (self.log_kernel + self.clusters.spread(value))


class WeightedLogOfEach(_Logs):
    """Reading A, weighted: -sum_i S_i log(S_i K_i). Gradient -S_i (log(S_i K_i) - sum_j S_j log(S_j K_j))."""

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i S_i log(S_i K_i) and its gradient."""
        weight, logs = np.exp(log_weight), log_weight + self.log_kernel
        value = -self.clusters.sum(weight * logs)
        return value, -weight * (logs + self.clusters.spread(value))


class SoftLabels(PerBin):
    """Reading C: -sum_i K_i log S_i, the kernel as a soft label. Gradient S_i sum_j K_j - K_i."""

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i K_i log S_i and S_i sum_j K_j - K_i."""
        return self._of(np.exp(self.log_kernel), log_weight)

    def _of(self, label: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        return -self.clusters.sum(label * log_weight), np.exp(log_weight) * self.clusters.spread(
            self.clusters.sum(label)
        ) - label


class NormalisedSoftLabels(SoftLabels):
    """Reading C with labels that sum to 1 in each bin, q_i = K_i / sum_j K_j. Gradient S_i - q_i.

    The true gradient exactly, as long as all weights are equal; a bin that no point reaches has no labels.
    """

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i q_i log S_i and S_i - q_i."""
        return self._of(
            self.responsibilities(np.zeros_like(log_weight), self.clusters.log_sum(self.log_kernel)), log_weight
        )


class MeanSoftLabels(NormalisedSoftLabels):
    """Reading C without bins: one label a point, q_i = m_i / sum_j m_j, m_i the mean of its kernel over the target.

    Gradient S_i - q_i. In one bin it is `NormalisedSoftLabels`; on a target it is, at equal weights, true to first
    order in the target's width, and exactly for a Laplace cluster on one side of it.
    """

    def _seen(self, log_kernel: Floats, shares: Floats) -> tuple[Floats, Floats]:
        """Return one bin, with the kernels' means over the target for a kernel."""
        return np.logaddexp.reduce(log_kernel + np.log(shares)[:, None], axis=0)[None], np.ones(1)


class OwnCluster(PerBin):
    """Each point a cluster of its own: -sum_i log(1 K_i), since a softmax over one point is 1. Gradient 0."""

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -sum_i log K_i and 0."""
        return -self.clusters.sum(self.log_kernel), np.zeros_like(self.log_kernel)


class IndependentLogistic(PerBin):
    """Each point its own yes or no: -sum_i (y_i log sigma_i + (1 - y_i) log(1 - sigma_i)), y_i = K_i / K(0).

    Gradient sigma_i - y_i with sigma_i = 1 / (1 + exp(-z_i)): a sum over points that may truly be shuffled.
    """

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return the sum of the logistic losses and sigma_i - y_i."""
        label = np.exp(self.log_kernel - self.kernel.log(0.0))
        value = self.clusters.sum(np.logaddexp(0.0, logits) - label * logits)
        return value, np.exp(-np.logaddexp(0.0, -logits)) - label


class OneSoftmax(PerBin):
    """One softmax G over the points of all clusters, and a logarithm a cluster: -log sum_i G_i K_i.

    Gradient n G_i - r_i for n clusters: clusters then compete with one another for weight.
    """

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return -log sum_i G_i K_i and n G_i - r_i."""
        share = self.clusters.log_sum(logits)
        share = share - np.logaddexp.reduce(share)
        log_density = self.log_density(log_weight)
        everything = np.exp(log_weight + self.clusters.spread(share))
        gradient = len(self.clusters) * everything - self.responsibilities(log_weight, log_density)
        return -(share + log_density), gradient


class Held(PerBin):
    """A per-point sum in which something that was computed from the whole cluster is held fixed.

    ``value_and_grad`` evaluates it where what is held has just been computed; ``held`` and ``value`` give the two steps
    apart, so that the gradient can be told from the slope of anything else.
    """

    def per_bin(self, logits: Floats, log_weight: Floats) -> tuple[Floats, Floats]:
        """Return the sum, and its gradient with what is held kept fixed."""
        kept = self.held(logits)
        return self.summed(log_weight, logits, kept), self.slope(log_weight, kept)

    def value(self, logits: ArrayLike, held: Floats) -> Floats:
        """Return the sum over the points, (n,), at these logits with what is held given."""
        z = self.clusters.checked(logits)
        return self.shares @ self.summed(self.clusters.log_softmax(z), z, numbers("held", held))

    @abstractmethod
    def held(self, logits: ArrayLike) -> Floats:
        """Return what is held fixed, computed at these logits: an array for `value`."""

    @abstractmethod
    def summed(self, log_weight: Floats, logits: Floats, held: Floats) -> Floats:
        """Return the sum over the points in every bin, (bins, n)."""

    @abstractmethod
    def slope(self, log_weight: Floats, held: Floats) -> Floats:
        """Return the gradient in every bin, (bins, total), at the place where `held` was computed."""


class FixedNormaliser(Held):
    """-sum_i log(exp(z_i) K_i / Z) with the softmax's normaliser Z held fixed. Gradient -1, for every point."""

    def held(self, logits: ArrayLike) -> Floats:
        """Return log Z, (n,)."""
        return self.clusters.log_sum(self.clusters.checked(logits))

    def summed(self, log_weight: Floats, logits: Floats, held: Floats) -> Floats:
        """Return -sum_i log(exp(z_i) K_i / Z)."""
        return -self.clusters.sum(logits - self.clusters.spread(held) + self.log_kernel)

    def slope(self, log_weight: Floats, held: Floats) -> Floats:
        """Return -1."""
        return np.full_like(self.log_kernel, -1.0)


class FixedResponsibilities(Held):
    """Reading D, a repair: -sum_i r_i log(S_i K_i) with the responsibilities held fixed.

    Gradient S_i - r_i, the true one. The M-step of expectation-maximisation (Dempster, Laird and Rubin,
    1977); that the gradients agree is Fisher's identity. The value is the true loss plus the entropy of r.
    """

    def held(self, logits: ArrayLike) -> Floats:
        """Return r, (bins, total)."""
        log_weight = self.clusters.log_softmax(self.clusters.checked(logits))
        return self.responsibilities(log_weight, self.log_density(log_weight))

    def summed(self, log_weight: Floats, logits: Floats, held: Floats) -> Floats:
        """Return -sum_i r_i log(S_i K_i), where r_i = 0 counts as 0 and a bin that nobody reaches as ``inf``."""
        logs = log_weight + self.log_kernel
        value = -self.clusters.sum(held * np.where(held > 0, logs, 0.0))
        return np.where(self.clusters.sum(held) > 0, value, np.inf)

    def slope(self, log_weight: Floats, held: Floats) -> Floats:
        """Return S_i R - r_i, R = sum_j r_j: 1, or 0 in a bin that nobody reaches."""
        return np.exp(log_weight) * self.clusters.spread(self.clusters.sum(held)) - held


class FixedRest(Held):
    """A repair: -sum_i log(S_i K_i + c_i), c_i the density of the other points, held fixed. The true gradient.

    Its value is k times the true loss: literally "the values differ, the gradients are the same".
    """

    def held(self, logits: ArrayLike) -> Floats:
        """Return log c_i, c_i = sum over j other than i of S_j K_j, (bins, total)."""
        terms = self.clusters.log_softmax(self.clusters.checked(logits)) + self.log_kernel
        total = self.clusters.log_sum(terms)
        share = np.exp(terms - self.clusters.spread(np.where(np.isfinite(total), total, 0.0)))
        most = share > 0.5  # one point a cluster at most: there the rest must be summed, for a difference has no digits
        rest = self.clusters.log_sum(np.where(most, -np.inf, terms))
        with np.errstate(divide="ignore"):
            return np.where(
                most, self.clusters.spread(rest), self.clusters.spread(total) + np.log1p(-np.minimum(share, 0.5))
            )

    def summed(self, log_weight: Floats, logits: Floats, held: Floats) -> Floats:
        """Return -sum_i log(S_i K_i + c_i)."""
        return -self.clusters.sum(np.logaddexp(log_weight + self.log_kernel, held))

    def slope(self, log_weight: Floats, held: Floats) -> Floats:
        """Return S_i sum_j q_j - q_i with q_i = S_i K_i / (S_i K_i + c_i), which is r_i."""
        terms = log_weight + self.log_kernel
        total = np.logaddexp(terms, held)
        share = np.exp(terms - np.where(np.isfinite(total), total, 0.0))
        return np.exp(log_weight) * self.clusters.spread(self.clusters.sum(share)) - share
