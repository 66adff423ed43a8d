"""Clusters cut apart and normalised in parts: small cases by hand."""

from fractions import Fraction

import numpy as np
import pytest

import kdelab
from kdelab.study import shuffled

HALF = kdelab.Laplace(0.5)  # K(0) = 1, and 1/2 at a distance of log(2) / 2
NEAR, FAR = 0.0, np.log(2) / 2


def test_a_part_with_two_of_three_points_counts_two_thirds():
    clusters = kdelab.Clusters.from_lists([[NEAR, FAR, FAR], [FAR]], [0.0, 0.0], [0.0, 0.0])
    loss = shuffled.NormalisedInParts(clusters.cut([0, 0, 1, 1], 2), HALF)
    values, gradient = loss.value_and_grad(np.log([2.0, 1.0, 7.0, 3.0]))
    # In part 0 S = (2/3, 1/3) and p = 5/6, r = (4/5, 1/5); in part 1 each point is alone, and p = 1/2.
    assert values == pytest.approx([2 / 3 * np.log(6 / 5) + 1 / 3 * np.log(2), np.log(2)], abs=1e-14)
    assert gradient == pytest.approx([2 / 3 * (2 / 3 - 4 / 5), 2 / 3 * (1 / 3 - 1 / 5), 0, 0], abs=1e-14)


def test_the_leading_bias_by_hand():
    S, shares = [Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], [Fraction(1, 4), Fraction(3, 4)]
    r = [[Fraction(3, 5), Fraction(1, 2)], [Fraction(1, 5), Fraction(1, 4)], [Fraction(1, 5), Fraction(1, 4)]]

    def pulled(s):
        return [s_i * (sum(t * t for t in s) - s_i) for s_i in s]

    at_nodes = [pulled([row[node] for row in r]) for node in range(2)]
    wanted = [sum(share * at[i] for share, at in zip(shares, at_nodes, strict=True)) for i in range(3)]
    for pieces in (1, 2, 3):
        expected = [(pieces - 1) * Fraction(3, 2) * (s - w) for s, w in zip(pulled(S), wanted, strict=True)]
        found = shuffled.leading_bias(S, r, shares, pieces)
        assert found == pytest.approx([float(value) for value in expected], abs=1e-15)
    assert shuffled.leading_bias([1.0], [[1.0]], [1.0], 3).tolist() == [0.0]


def test_the_share_of_points_that_are_alone():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.1, 0.2], [0.3, 0.4]], [0.0, 0.0], [0.1, 0.1])
    assert shuffled.alone(clusters.cut([0, 0, 1, 0, 1], 2)) == 3 / 5
    sizes = [
        shuffled.by_itself(part).clusters.sizes.tolist()
        for part in shuffled.pieces(np.random.default_rng(0), clusters, 2)
    ]
    assert sizes == [[2, 2], [1]]


def test_responsibilities_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"^responsibilities must have the shape \(2, 1\)"):
        shuffled.leading_bias([0.5, 0.5], np.ones((2, 3)), [1.0], 2)
