"""Each point's own interval as its kernel: the box engine against the box kernel, and against the obvious."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kdelab
from kdelab.loss.intervals import IntervalCrossEntropy


def obvious(points_lower, points_upper, z, a, b, background):
    """Loss and gradient of one cluster from the panels between all edges, by sums that anyone can check."""
    S = np.exp(z - z.max())
    S /= S.sum()
    height = (1 - background) / (points_upper - points_lower)
    edges = np.unique(np.clip([a, b, *points_lower, *points_upper, -1.0, 1.0], a, b))
    loss, r = 0.0, np.zeros(len(z))
    for left, right in pairwise(edges):
        middle, share = (left + right) / 2, (right - left) / (b - a)
        terms = S * height * ((points_lower <= middle) & (middle <= points_upper))
        p = terms.sum() + (background / 2 if abs(middle) <= 1 else 0.0)
        if p == 0:
            return math.inf, None
        loss -= share * math.log(p)
        r += share * terms / p
    return loss, S * r.sum() - r


def of_one_width():
    """Return clusters, logits and a half width that covers every target."""
    rng = np.random.default_rng(3)
    points = [rng.uniform(-1, 1, k) for k in (1, 5, 60)]
    return kdelab.Clusters.from_lists(points, [0.0, 0.2, -0.5], [0.1, 0.2, 0.4]), rng.normal(0, 2, 66), 0.75


@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.0, 0.03]))
@settings(max_examples=150)
def test_against_the_obvious(seed, k, background):
    rng = np.random.default_rng(seed)
    lower = np.round(rng.uniform(-1.2, 0.8, k), rng.integers(1, 4))  # rounded: edges coincide
    upper = lower + np.round(rng.uniform(0.1, 1.5, k), 1)
    a = np.round(rng.uniform(-1.1, 0.5), 1)
    b, z = a + rng.choice([0.1, 0.5, 1.5]), rng.normal(0, 3, k)
    clusters = kdelab.Clusters.from_lists([(lower + upper) / 2], [a], [b])
    values, gradient = IntervalCrossEntropy(clusters, lower, upper, background).value_and_grad(z)
    loss, slope = obvious(lower, upper, z, a, b, background)
    if math.isinf(loss) or math.isinf(values[0]):  # a gap that rounding alone opens is none
        assert loss == values[0]
    else:
        assert values[0] == pytest.approx(loss, abs=1e-13)
        np.testing.assert_allclose(gradient, slope, atol=1e-13)


@pytest.mark.parametrize("background", [0.0, 0.1])
def test_intervals_of_one_width_are_the_box_kernel_s(background):
    clusters, z, h = of_one_width()
    box = kdelab.CrossEntropy(clusters, kdelab.Box(h), background=background).value_and_grad(z)
    own = IntervalCrossEntropy(clusters, clusters.points - h, clusters.points + h, background).value_and_grad(z)
    np.testing.assert_allclose(own[0], box[0], atol=1e-13)
    np.testing.assert_allclose(own[1], box[1], atol=1e-13)


@given(st.integers(0, 10_000), st.integers(1, 12), st.sampled_from([0.0, 0.03]))
@settings(max_examples=100)
def test_derivatives_by_the_ends_are_the_slopes_of_the_obvious(seed, k, background):
    rng = np.random.default_rng(seed)
    lower = np.r_[-1.5, rng.uniform(-1.2, 0.8, k)]  # the first covers all, so that no loss is infinite
    upper = np.r_[1.9, lower[1:] + rng.uniform(0.1, 1.5, k)]
    a, z = rng.uniform(-1.1, 0.5), rng.normal(0, 3, k + 1)
    b, step = a + rng.uniform(0.1, 1.0), 1e-6
    clusters = kdelab.Clusters.from_lists([lower], [a], [b])
    _, slopes = IntervalCrossEntropy(clusters, lower, upper, background).value_and_grads(z)
    np.testing.assert_array_equal(
        slopes["logits"], IntervalCrossEntropy(clusters, lower, upper, background).value_and_grad(z)[1]
    )
    edges = np.r_[lower, upper, a, b, -1.0, 1.0]
    if np.diff(np.sort(edges)).min() < 3 * step:
        return
    for j in range(k + 1):
        for name, end, other in (("lower", lower, upper), ("upper", upper, lower)):
            left, right = end.copy(), end.copy()
            left[j], right[j] = end[j] - step, end[j] + step
            pairs = [(moved, other) if name == "lower" else (other, moved) for moved in (left, right)]
            below, above = (obvious(*pair, z, a, b, background)[0] for pair in pairs)
            assert slopes[name][j] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("background", [0.0, 0.1])
def test_ends_that_move_together_are_the_box_kernel_s_points_and_bandwidth(background):
    clusters, z, h = of_one_width()
    loss, box = kdelab.CrossEntropy(clusters, kdelab.Box(h), background=background).value_and_grads(z)
    own, by = IntervalCrossEntropy(clusters, clusters.points - h, clusters.points + h, background).value_and_grads(z)
    np.testing.assert_allclose(own, loss, atol=1e-13)
    np.testing.assert_allclose(by["lower"] + by["upper"], box["points"], atol=1e-12)
    np.testing.assert_allclose(h * clusters.sum(by["upper"] - by["lower"]), box["log_bandwidth"], atol=1e-12)


def test_where_two_intervals_meet_a_slope_is_the_mean_of_both_sides():
    """The second begins where the first ends: moved left it overlaps, moved right it leaves a gap."""
    ends, z, background, step = np.array([[-0.5, 0.5], [0.5, 1.5]]), np.array([0.3, -0.2]), 0.1, 1e-7
    clusters = kdelab.Clusters.from_lists([[0.0, 1.0]], [0.2], [0.8])
    _, slopes = IntervalCrossEntropy(clusters, *ends.T, background).value_and_grads(z)
    moved = [obvious(ends[:, 0] + [0, way], ends[:, 1], z, 0.2, 0.8, background)[0] for way in (-step, 0.0, step)]
    sides = np.diff(moved) / step
    assert abs(sides[1] - sides[0]) > 0.5
    assert slopes["lower"][1] == pytest.approx(sides.mean(), rel=1e-5)


def test_no_end_matters_where_the_loss_is_infinite_or_beyond_a_target_of_one_place():
    clusters = kdelab.Clusters.from_lists([[0.0], [0.0]], [0.0, 0.1], [0.9, 0.1])
    loss, slopes = IntervalCrossEntropy(clusters, [-0.5, -0.5], [0.5, 0.5]).value_and_grads(
        [0.0, 0.0], wrt=("lower", "upper")
    )
    assert loss[0] == np.inf
    np.testing.assert_allclose(slopes["lower"], [0.0, -1.0])  # of log (u - l): the second sees its height alone
    np.testing.assert_allclose(slopes["upper"], [0.0, 1.0])
    with pytest.raises(ValueError, match="wrt may name logits, lower, upper, not 'points'"):
        IntervalCrossEntropy(clusters, [-0.5, -0.5], [0.5, 0.5]).value_and_grads([0.0, 0.0], wrt="points")


def test_light_intervals_are_weighed_against_one_another_where_no_heavy_one_is():
    """Weights of e^-800 underflow, but alone over half of the target they decide its loss."""
    lower, upper, z = np.array([0.0, 0.5, 0.5]), np.array([0.5, 1.0, 0.75]), np.array([0.0, -800.0, -801.0])
    clusters = kdelab.Clusters.from_lists([(lower + upper) / 2], [0.0], [1.0])
    values, gradient = IntervalCrossEntropy(clusters, lower, upper).value_and_grad(z)
    inner = (
        800 - math.log(2) - 0.5 * math.log(1 + 2 / math.e)
    )  # of the right half: densities 2 e^-800 (1 + 2/e), then 2
    assert values[0] == pytest.approx(0.5 * -math.log(2) + 0.5 * inner, rel=1e-14)
    share = 0.5 * 0.5 * (2 / math.e) / (1 + 2 / math.e)
    np.testing.assert_allclose(gradient, [1 - 0.5, -(0.5 - share), -share], atol=1e-14)


def test_the_density_is_what_the_loss_integrates():
    rng = np.random.default_rng(1)
    lower = rng.uniform(-1, 0.5, 6)
    clusters = kdelab.Clusters.from_lists([lower[:2], lower[2:]], [0.1, 0.3], [0.1, 0.3])
    loss = IntervalCrossEntropy(clusters, lower, lower + 0.5, 0.2)
    z = rng.normal(size=6)
    np.testing.assert_allclose(-np.log(loss.density(z, clusters.lower[:, None]))[:, 0], loss.value(z), rtol=1e-14)
    with pytest.raises(ValueError, match="x must have the shape"):
        loss.density(z, np.zeros((3, 2)))
