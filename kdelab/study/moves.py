"""Clusters moved towards their target or away from it, point by point, each on its own side."""

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats, numbers, vector


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
        If a point would have to travel past the centre, or ``by`` isn't one finite number, or one a cluster.
    """
    centre, given = _centre_of_each(clusters), numbers("by", by)
    if given.shape not in ((), (len(clusters),)) or not np.isfinite(given).all():
        raise ValueError(f"by must be one finite number, or one for each of the {len(clusters)} clusters, not {by!r}")
    each = clusters.spread(np.broadcast_to(given, len(clusters)))
    distance = np.abs(clusters.points - centre)
    moved = distance + each
    if (moved < -1e-12 * np.maximum(distance, 1e-300)).any():
        first = int(np.argmin(moved))
        raise ValueError(f"by must not move a point past the centre of its target, but by {each[first]} the point at "
                         f"distance {distance[first]} would be")  # fmt: skip
    side = np.where(clusters.points < centre, -1.0, 1.0)
    return Clusters(centre + side * np.maximum(moved, 0.0), clusters.offsets, clusters.lower, clusters.upper)


def one_sided(clusters: Clusters, shifts: ArrayLike, one_bin: bool = False) -> Clusters:
    """Return all clusters at all shifts, each wholly to the right of its target.

    A point at distance d from the centre of its target stands at distance d + shift from the near edge of a target of
    the same width, which is centred on 0, where numbers are finest.

    Parameters
    ----------
    clusters : Clusters
        n of them.
    shifts : array_like, (m,)
        At least 0, in guess factors.
    one_bin : bool
        Whether the target shrinks to its centre.

    Returns
    -------
    Clusters
        m n of them: the n clusters at the first shift, then at the next.

    Raises
    ------
    ValueError
        If a shift is negative or not finite.
    """
    steps = vector("shifts", np.atleast_1d(numbers("shifts", shifts)))
    if (steps < 0).any():
        raise ValueError(f"shifts must be at least 0, but one is {steps.min()}")
    half = np.zeros(len(clusters)) if one_bin else (clusters.upper - clusters.lower) / 2
    points = clusters.spread(half) + distances(clusters) + steps[:, None]
    starts = clusters.offsets[:-1] + len(clusters.points) * np.arange(len(steps))[:, None]
    offsets = np.append(starts.ravel(), points.size)
    return Clusters(points.ravel(), offsets, np.tile(-half, len(steps)), np.tile(half, len(steps)))


def _centre_of_each(clusters: Clusters) -> Floats:
    return clusters.spread(clusters.centres)
