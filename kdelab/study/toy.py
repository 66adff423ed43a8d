"""Clusters made up to look like a gun's: enough of them, quickly, and with everything known about them."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats, count, generator


class Toy(NamedTuple):
    """A batch of clusters and a logit a point."""

    clusters: Clusters
    logits: Floats


def clusters(rng: np.random.Generator, predictions: int = 200, size: int = 30) -> Toy:
    """Draw clusters of guess factors with targets as wide as a gun's.

    The target's width is log-uniform in [0.05, 0.5], its centre uniform; of a cluster's points a random share (none to
    all) lies around the centre with standard deviation 0.12 and the rest anywhere in [-1, 1]; logits are normal with
    standard deviation 1.

    Parameters
    ----------
    rng : numpy.random.Generator
    predictions, size : int
        How many clusters, and how many points each.
    """
    rng = generator("rng", rng)
    n, k = count("predictions", predictions), count("size", size)
    width = np.exp(rng.uniform(np.log(0.05), np.log(0.5), n))
    centre = rng.uniform(-0.75, 0.75, n)
    near = rng.random((n, k)) < rng.random((n, 1))
    points = np.where(near, centre[:, None] + 0.12 * rng.standard_normal((n, k)), rng.uniform(-1, 1, (n, k)))
    points = np.clip(points, -1, 1).ravel()
    batch = Clusters(points, np.arange(n + 1) * k, centre - width / 2, centre + width / 2)
    return Toy(batch, rng.standard_normal(n * k))
