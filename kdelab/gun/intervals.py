"""A kernel of each point's own width: the interval of guess factors that would have hit the neighbour, as a box.

p(x) = (1 - background) sum_j S_j [l_j <= x <= u_j] / (u_j - l_j) + background / 2.  Piecewise constant, so loss and
gradient are exact: one sort of the edges inside the target, then two scans.  BeepBoop aims with such boxes, unscaled.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from kdelab.gun.aim import densest  # noqa: F401  (it has moved)
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.runtime import compiled
from kdelab.loss.frozen import Frozen
from kdelab.loss.validate import Floats, Integers, fraction, instance, numbers, vector


def softmax(logits: Floats, offsets: Integers) -> Floats:
    """Return the weights S of each cluster, flat (total,)."""
    sizes = np.diff(offsets)
    shifted = np.exp(logits - np.repeat(np.maximum.reduceat(logits, offsets[:-1]), sizes))
    return shifted / np.repeat(np.add.reduceat(shifted, offsets[:-1]), sizes)


class IntervalCrossEntropy(Frozen):
    """The cross-entropy of uniform targets and densities made of the neighbours' own intervals.

    Parameters
    ----------
    clusters : Clusters
        Whose targets and cluster sizes count; the points are not looked at.
    lower, upper : array_like (total,)
        The interval of each point; copied.
    background : float
        The weight, in (0, 1), of a uniform density on [-1, 1]: without it a target not covered has an infinite loss.

    Raises
    ------
    ValueError
        If an interval is empty, a target has no width, or the background is 0.
    """

    def __init__(self, clusters: Clusters, lower: ArrayLike, upper: ArrayLike, background: float) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        total = len(clusters.points)
        self.lower = vector("lower", lower, total, "one a point", own=True)
        self.upper = vector("upper", upper, total, "one a point", own=True)
        if not (self.lower < self.upper).all():
            raise ValueError(
                f"lower must be less than upper, but {int((self.lower >= self.upper).sum())} intervals are empty"
            )
        if not (clusters.lower < clusters.upper).all():
            raise ValueError("clusters must have targets with lower < upper")
        self.background = fraction("background", background)
        if self.background == 0:
            raise ValueError("background must be greater than 0, or a target that no interval covers costs infinity")

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return the losses (n,) and the gradient of their sum by the logits (total,)."""
        weights = softmax(vector("logits", logits, len(self.lower), "one a point"), self.clusters.offsets)
        clusters = self.clusters
        return _value_and_grad(
            weights, self.lower, self.upper, clusters.offsets, clusters.lower, clusters.upper, self.background
        )

    def value(self, logits: ArrayLike) -> Floats:
        """Return the losses alone, (n,)."""
        return self.value_and_grad(logits)[0]

    def density(self, logits: ArrayLike, x: ArrayLike) -> Floats:
        """Return p at the places x, (m,) for all predictions or (n, m) for each: (n, m)."""
        weights = softmax(vector("logits", logits, len(self.lower), "one a point"), self.clusters.offsets)
        given, n = np.atleast_2d(numbers("x", x)), len(self.clusters)
        if given.ndim != 2 or given.shape[0] not in (1, n) or not np.isfinite(given).all():
            raise ValueError(f"x must be finite numbers of the shape (m,) or ({n}, m), not of {given.shape}")
        places = np.broadcast_to(given, (n, given.shape[1]))
        density = np.full(places.shape, self.background / 2)
        for i in range(len(density)):
            part = slice(self.clusters.offsets[i], self.clusters.offsets[i + 1])
            low, high = self.lower[part, None], self.upper[part, None]
            inside = (low <= places[i]) & (places[i] <= high)
            density[i] += (1 - self.background) * (weights[part] / (high - low)[:, 0]) @ inside
        return density


@compiled(fastmath=False)
def _value_and_grad(
    weights: Floats, lower: Floats, upper: Floats, offsets: Integers, a: Floats, b: Floats, background: float
) -> tuple[Floats, Floats]:
    values, gradient = np.empty(len(a)), np.empty(len(weights))
    for i in range(len(a)):
        start, end = offsets[i], offsets[i + 1]
        k, width = end - start, b[i] - a[i]
        edges = np.empty(2 * k + 2)
        for j in range(k):
            edges[2 * j] = min(max(lower[start + j], a[i]), b[i])
            edges[2 * j + 1] = min(max(upper[start + j], a[i]), b[i])
        edges[2 * k], edges[2 * k + 1] = a[i], b[i]
        edges.sort()
        change = np.zeros(2 * k + 2)
        first, last = np.empty(k, dtype=np.int64), np.empty(k, dtype=np.int64)
        for j in range(k):
            height = (1 - background) * weights[start + j] / (upper[start + j] - lower[start + j])
            first[j] = np.searchsorted(edges, min(max(lower[start + j], a[i]), b[i]))
            last[j] = np.searchsorted(edges, min(max(upper[start + j], a[i]), b[i]))
            change[first[j]] += height
            change[last[j]] -= height
        inverse = np.zeros(2 * k + 2)  # integral of 1 / p from a up to each edge
        height, loss = 0.0, 0.0
        for e in range(2 * k + 1):
            height += change[e]
            p, length = max(height, 0.0) + background / 2, edges[e + 1] - edges[e]
            loss -= length * math.log(p)
            inverse[e + 1] = inverse[e] + length / p
        values[i] = loss / width
        covered = 0.0  # mean over the target of R = sum_j r_j, at most 1
        for j in range(k):
            box = (1 - background) * weights[start + j] / (upper[start + j] - lower[start + j])
            share = box * (inverse[last[j]] - inverse[first[j]]) / width
            gradient[start + j] = -share
            covered += share
        for j in range(start, end):
            gradient[j] += weights[j] * covered
    return values, gradient
