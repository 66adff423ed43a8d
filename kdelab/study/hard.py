"""Hard cases: predictions none of whose points comes near the target, by several definitions of near."""

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.validate import Floats, scalar
from kdelab.study.bins import Bins


def distance_to_target(clusters: Clusters) -> Floats:
    """Return how far each point lies outside its target, (total,), in guess factors; 0 inside."""
    below = clusters.spread(clusters.lower) - clusters.points
    above = clusters.points - clusters.spread(clusters.upper)
    return np.maximum(np.maximum(below, above), 0.0)


def nearest(clusters: Clusters) -> Floats:
    """Return the distance from each target's edge to the closest point, (n,); 0 where a point lies inside."""
    return clusters.min(distance_to_target(clusters))


def covered(clusters: Clusters, reach: float) -> Floats:
    """Return the share of each target that lies within `reach` of some point, (n,); for one-point targets 0 or 1."""
    reach, shares = scalar("reach", reach), np.empty(len(clusters))
    for i, (points, lower, upper) in enumerate(clusters):
        if lower == upper:
            shares[i] = abs(points - lower).min() <= reach
            continue
        left = np.sort(np.clip(points - reach, lower, upper))
        right = np.sort(np.clip(points + reach, lower, upper))  # all as wide, so sorted alike
        shares[i] = (right - np.maximum(left, np.concatenate([[lower], right[:-1]]))).sum() / (upper - lower)
    return shares


def reached(clusters: Clusters, kernel: Kernel, logits: ArrayLike) -> Floats:
    """Return the mean over the target of p(x) / K_h(0), (n,): from 0, far off, to 1, a bull's-eye."""
    bins = Bins(clusters, kernel)
    log_density = clusters.log_sum(clusters.log_softmax(logits) + bins.log_kernel)
    return bins.shares @ np.exp(log_density - kernel.log(0.0))
