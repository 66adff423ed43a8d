"""Clusters moved towards their target or away from it, point by point, each on its own side."""

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats


def distances(clusters: Clusters) -> Floats:
    """Return the distance of every point to the centre of its own target, (total,), in guess factors."""
    return np.abs(clusters.points - _centre_of_each(clusters))


def away(clusters: Clusters, by: ArrayLike) -> Clusters:
    """Return the clusters with every point's distance to the centre of its target made larger by ``by``.

    Points keep to their own side; a point at the centre goes right. Moving a cluster in by the distance of its nearest
    point is the thread's move: all points travel at one speed, until the first has arrived.

    Parameters
    ----------
    clusters : Clusters
    by : float or (n,)
        Guess factors; negative moves inward.

    Raises
    ------
    ValueError
        If a point would have to travel past the centre.
    """
    centre = _centre_of_each(clusters)
    each = np.repeat(np.broadcast_to(np.asarray(by, dtype=np.float64), len(clusters)), clusters.sizes)
    distance = np.abs(clusters.points - centre)
    moved = distance + each
    if (moved < -1e-12 * np.maximum(distance, 1e-300)).any():
        first = int(np.argmin(moved))
        raise ValueError(f"by must not move a point past the centre of its target, but by {each[first]} the point at "
                         f"distance {distance[first]} would be")  # fmt: skip
    side = np.where(clusters.points < centre, -1.0, 1.0)
    return Clusters(centre + side * np.maximum(moved, 0.0), clusters.offsets, clusters.lower, clusters.upper)


def one_sided(clusters: Clusters, by: ArrayLike = 0.0) -> Clusters:
    """Return the clusters with all points to the right of their target, at their distances plus ``by`` from its edge.

    What was at the centre stands at the upper edge, so that each cluster lies wholly on one side. The targets are
    centred on 0, where numbers are finest.

    Parameters
    ----------
    clusters : Clusters
    by : float or (n,)
        At least 0, in guess factors.
    """
    half = (clusters.upper - clusters.lower) / 2
    each = np.repeat(np.broadcast_to(np.asarray(by, dtype=np.float64), len(clusters)) + half, clusters.sizes)
    return Clusters(each + distances(clusters), clusters.offsets, -half, half)


def _centre_of_each(clusters: Clusters) -> Floats:
    return np.repeat((clusters.lower + clusters.upper) / 2, clusters.sizes)
