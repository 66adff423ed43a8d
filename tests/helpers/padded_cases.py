"""Padded clusters, as networks hold them: easy ones for differences, hard ones, spread ones, and recorded ones."""

from functools import cache
from typing import NamedTuple

import numpy as np

import kdelab
from kdelab.gun.recall import retrieve


class Case(NamedTuple):
    """Logits, points and mask (n, k), targets (n,)."""

    logits: np.ndarray
    points: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    mask: np.ndarray

    @property
    def clusters(self):
        """The same for the engine."""
        return kdelab.Clusters.from_padded(self.points, self.lower, self.upper, self.mask)

    def flat(self, array):
        """Return what is (n, k), or (n,) already, as the engine orders it."""
        return array[self.mask] if array.ndim == 2 else array


def near(seed=0, n=3, k=3, width=0.2):
    """Few points about each target, none near its ends: losses that differences can be taken of. Two are masked."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-0.6, 0.6, n)
    places = np.array([rng.permutation(np.linspace(-0.9, 0.9, 2 * k + 1)[1::2]) for _ in range(n)])
    points = centre[:, None] + width / 2 * places + rng.uniform(-0.01, 0.01, (n, k))
    mask = np.ones((n, k), bool)
    mask[0, 1] = mask[-1, 0] = False
    return Case(rng.standard_normal((n, k)), points, centre - width / 2, centre + width / 2, mask)


def spread(bandwidths, h=0.1, seed=1, n=60, k=20):
    """Points spread over so many bandwidths about targets of 0.1 to 30 of them; the closest at most one away."""
    rng = np.random.default_rng(seed)
    width = h * np.exp(rng.uniform(np.log(0.1), np.log(30), n))
    centre = rng.uniform(-1, 1, n)
    points = centre[:, None] + h * bandwidths * rng.uniform(-0.5, 0.5, (n, k))
    points[:, 0] = centre + h * rng.uniform(-1, 1, n)
    mask = rng.random((n, k)) < 0.9
    mask[:, 0] = True
    return Case(2 * rng.standard_normal((n, k)), points, centre - width / 2, centre + width / 2, mask)


@cache
def recorded(n=200, k=50):
    """Clusters of recorded waves, as an unlearned gun retrieves them."""
    found = retrieve(kdelab.load_waves(), np.random.default_rng(0), n, k)
    mask = np.arange(k) < found.clusters.sizes[:, None]
    logits, points = np.full((n, k), np.nan), np.full((n, k), np.nan)
    logits[mask], points[mask] = found.logits, found.clusters.points
    return Case(logits, points, found.clusters.lower, found.clusters.upper, mask)
