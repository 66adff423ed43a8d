"""Clusters: what goes in comes out, and bad input is refused by name."""

import math

import numpy as np
import pytest

import kdelab

POINTS = np.array([0.1, 0.2, -0.3, 0.4, 0.0])
OFFSETS = np.array([0, 2, 5])
LOWER, UPPER = np.array([-0.1, 0.3]), np.array([0.2, 0.3])


def test_round_trip():
    clusters = kdelab.Clusters(POINTS, OFFSETS, LOWER, UPPER)
    assert len(clusters) == 2
    assert clusters.sizes.tolist() == [2, 3]
    lists = [(x.tolist(), a, b) for x, a, b in clusters]
    assert lists == [([0.1, 0.2], -0.1, 0.2), ([-0.3, 0.4, 0.0], 0.3, 0.3)]
    again = kdelab.Clusters.from_lists([x for x, _, _ in lists], LOWER, UPPER)
    assert np.array_equal(again.points, POINTS)
    assert np.array_equal(again.offsets, OFFSETS)
    assert repr(clusters) == "Clusters(2 predictions, 5 points, 2 to 3 a cluster)"


def test_no_predictions():
    clusters = kdelab.Clusters.from_lists([], [], [])
    assert len(clusters) == 0
    for kernel in (kdelab.Laplace(1), kdelab.Gaussian(1), kdelab.Box(1)):
        values, gradient = kdelab.CrossEntropy(clusters, kernel).value_and_grad([])
        assert values.shape == gradient.shape == (0,)


def changed(name, value):
    arguments = {"points": POINTS, "offsets": OFFSETS, "lower": LOWER, "upper": UPPER}
    return arguments | {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points", [0.1, math.nan, -0.3, 0.4, 0.0]),
        ("points", [0.1, math.inf, -0.3, 0.4, 0.0]),
        ("points", [[0.1, 0.2, -0.3, 0.4, 0.0]]),
        ("points", "five points"),
        ("offsets", [0, 2, 4]),
        ("offsets", [1, 2, 5]),
        ("offsets", [0, 2.5, 5]),
        ("offsets", [0, 0, 5]),
        ("offsets", [0, 6, 5]),
        ("offsets", []),
        ("lower", [-0.1, math.nan]),
        ("lower", [-0.1]),
        ("lower", [0.3, 0.3]),
        ("upper", [0.2, -math.inf]),
        ("upper", [0.2, 0.3, 0.4]),
    ],
)
def test_bad_input_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}"):
        kdelab.Clusters(**changed(name, value))


def test_an_empty_cluster_is_named_and_not_one_with_a_single_point():
    with pytest.raises(ValueError, match=r"offsets\[1\] is 1 and offsets\[2\] is 1"):
        kdelab.Clusters(POINTS, [0, 1, 1, 5], [0, 0, 0], [1, 1, 1])


def test_bad_lists_are_named():
    with pytest.raises(ValueError, match=r"^points\[1\] is empty"):
        kdelab.Clusters.from_lists([[0.1], []], LOWER, UPPER)
    with pytest.raises(ValueError, match=r"^points\[1\] must be finite"):
        kdelab.Clusters.from_lists([[0.1], [math.nan]], LOWER, UPPER)
    with pytest.raises(ValueError, match=r"^lower has 2 entries where 1 are needed"):
        kdelab.Clusters.from_lists([[0.1]], LOWER, UPPER)


MASK = np.array([[True, True, False], [True, True, True]])
TABLE = np.array([[0.1, 0.2, np.nan], [-0.3, 0.4, 0.0]])


def test_a_padded_table_gives_the_same_clusters_whatever_is_masked():
    for layout in (np.ascontiguousarray, np.asfortranarray, list):
        clusters = kdelab.Clusters.from_padded(layout(TABLE), LOWER, UPPER, layout(MASK))
        assert np.array_equal(clusters.points, POINTS)
        assert np.array_equal(clusters.offsets, OFFSETS)
        assert np.array_equal(clusters.lower, LOWER)
    whole = np.array([[0.1, 0.2], [0.3, 0.4]])
    clusters = kdelab.Clusters.from_padded(whole, LOWER, UPPER)
    whole[0, 0] = 9.0
    assert clusters.points.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert clusters.sizes.tolist() == [2, 2]
    assert not clusters.points.flags.writeable
    for mask in (None, np.ones((0, 3), bool)):
        assert len(kdelab.Clusters.from_padded(np.empty((0, 3)), [], [], mask)) == 0


@pytest.mark.parametrize(
    ("table", "mask", "message"),
    [
        (TABLE, None, "points must be finite, but 1 of 6 are not"),
        (TABLE, ~MASK, "points must be finite|mask must leave a neighbour in every row, but row 1 has none"),
        (POINTS, None, "points must be a table"),
        (TABLE[None], None, "points must be a table"),
        (np.empty((2, 0)), None, "points must be a table of n rows with a column at least"),
        (TABLE, MASK[0], r"mask must hold truth values of shape \(2, 3\)"),
        (TABLE, MASK.astype(int), "mask must hold truth values"),
        (TABLE, "mask", "mask must be real numbers, not text"),
        (TABLE, [[True, True, False], [False] * 3], "mask must leave a neighbour in every row, but row 1 has none"),
        (TABLE[:1], MASK[:1], "lower has 2 entries where 1 are needed"),
        (np.ma.array(TABLE), MASK, "points must not be a masked array"),
    ],
)
def test_a_padded_table_that_does_not_fit_is_refused_by_name(table, mask, message):
    with pytest.raises(ValueError, match=f"^({message})"):
        kdelab.Clusters.from_padded(table, LOWER, UPPER, mask)
