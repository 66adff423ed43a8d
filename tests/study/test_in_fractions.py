"""The thread's formula in exact fractions."""

from fractions import Fraction as F

import numpy as np
import pytest

import kdelab
from kdelab.study import by_hand


def test_two_points_in_one_bin_by_pencil():
    assert by_hand.gradient([F(2, 3), F(1, 3)], [[F(1), F(1, 2)]]) == [F(-2, 15), F(2, 15)]


def test_bins_count_alike_and_their_scale_does_not_matter():
    weights, bins = [F(1, 3), F(2, 3)], [[F(1, 2), 1], [1, F(1, 2)]]
    assert by_hand.gradient(weights, bins) == [F(-1, 60), F(1, 60)]
    assert by_hand.gradient(weights, [[7 * k for k in bins[0]], bins[1]]) == [F(-1, 60), F(1, 60)]


def test_it_is_the_librarys_gradient_over_midpoint_bins():
    rng = np.random.default_rng(0)
    points, z, kernel = rng.uniform(-1, 1, 6), rng.standard_normal(6), kdelab.Gaussian(0.3)
    clusters = kdelab.Clusters.from_lists([points], [-0.2], [0.4])
    _, right = kdelab.CrossEntropy(clusters, kernel, kdelab.Midpoint(3)).value_and_grad(z)
    centres = np.array([-0.1, 0.1, 0.3])
    found = by_hand.gradient(clusters.softmax(z).tolist(), np.exp(kernel.log(centres[:, None] - points)).tolist())
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-14)


def test_a_bin_that_nothing_reaches_is_named():
    with pytest.raises(ValueError, match=r"kernels: .* in reach"):
        by_hand.gradient([F(1, 2), F(1, 2)], [[1, 1], [0, 0]])
