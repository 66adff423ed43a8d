"""Clusters moved towards their target and away from it."""

import numpy as np
import pytest

import kdelab
from kdelab.study.moves import away, distances, one_sided

CLUSTERS = kdelab.Clusters.from_lists([[-0.5, 0.2, 0.3], [0.9]], [-0.1, 0.4], [0.3, 0.6])  # centres 0.1 and 0.5


def test_distances_are_to_the_centre_of_each_ones_own_target():
    assert distances(CLUSTERS) == pytest.approx([0.6, 0.1, 0.2, 0.4])


def test_away_keeps_sides_and_targets():
    moved = away(CLUSTERS, [0.5, -0.4])
    assert moved.points == pytest.approx([-1.0, 0.7, 0.8, 0.5])
    assert (moved.lower == CLUSTERS.lower).all()
    assert (moved.offsets == CLUSTERS.offsets).all()


def test_there_and_back():
    there = away(CLUSTERS, 3.0)
    assert away(there, -3.0).points == pytest.approx(CLUSTERS.points)
    inward = away(CLUSTERS, [-0.1, -0.4])  # until the first has arrived, but for rounding
    assert distances(inward)[[1, 3]] == pytest.approx([0, 0], abs=1e-15)


def test_nothing_passes_the_centre():
    with pytest.raises(ValueError, match="by must not move a point past the centre"):
        away(CLUSTERS, -0.2)


def test_one_sided_stands_beyond_the_edge_at_every_shift():
    moved = one_sided(CLUSTERS, [0.0, 1.0])
    assert len(moved) == 4
    assert moved.points == pytest.approx([0.8, 0.3, 0.4, 0.5, 1.8, 1.3, 1.4, 1.5])
    assert moved.upper - moved.lower == pytest.approx(np.tile(CLUSTERS.upper - CLUSTERS.lower, 2))
    assert (moved.sizes == [3, 1, 3, 1]).all()
    bins = one_sided(CLUSTERS, 1.0, one_bin=True)
    assert (bins.lower == 0).all()
    assert bins.points == pytest.approx([1.6, 1.1, 1.2, 1.4])
    with pytest.raises(ValueError, match="shifts"):
        one_sided(CLUSTERS, [-1.0])
