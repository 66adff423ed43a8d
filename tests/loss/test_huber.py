"""The engine of Huber's kernel: panels that are short enough, moments that are enough, and what it hands on."""

import numpy as np
import pytest

import kdelab
from kdelab import reference
from kdelab.loss.engines.huber import engine, panels, tile
from kdelab.loss.engines.huber.engine import HuberByMoments
from kdelab.loss.engines.huber.prepare import WIDEST
from kdelab.loss.engines.quadrature.engine import ByQuadrature


def batch(seed, n=40, width=(0.02, 0.3), most=60):
    rng = np.random.default_rng(seed)
    lower = rng.uniform(-0.9, 0.6, n)
    points = [rng.uniform(-1, 1, rng.integers(1, most)) for _ in range(n)]
    clusters = kdelab.Clusters.from_lists(points, lower, np.minimum(lower + rng.uniform(*width, n), 1.0))
    return clusters, clusters.checked(2 * rng.standard_normal(len(clusters.points)))


def both(clusters, h, z, background=0.0, tolerance=1e-12):
    """Return the engine, what it finds, and what quadrature finds."""
    kernel = kdelab.Huber(h)
    mine = HuberByMoments(clusters, kernel, kdelab.Adaptive(tolerance), background)
    other = ByQuadrature(clusters, kernel, kdelab.Adaptive(1e-14), background)
    return mine, mine.value_and_grad(z), other.value_and_grad(z)


def handed_on(mine):
    return np.zeros(len(mine.clusters), bool) if mine.hard is None else np.frombuffer(mine.hard[0], np.bool_)


@pytest.mark.parametrize("h", [1e8, 1e3, 1.0, 0.1, 0.02, 0.005])
@pytest.mark.parametrize("background", [0.0, 0.2])
def test_moments_agree_with_the_adaptive_rule(h, background):
    clusters, z = batch(1)
    mine, found, true = both(clusters, h, z, background)
    np.testing.assert_allclose(found[0], true[0], rtol=1e-14, atol=5e-14)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=2e-14)
    assert not handed_on(mine).any()
    np.testing.assert_allclose(mine.value(z), found[0], rtol=1e-15, atol=1e-14)


@pytest.mark.parametrize("h", [0.02, 0.3, 1e8])
def test_it_agrees_with_the_reference(h):
    for points, z, a, b in (
        ([0.1, -0.15, 0.4, 0.1], [0.0, 1.0, -2.0, 0.5], 0.0, 0.1),
        ([0.05 - 0.3, 0.05 + 0.3, 0.05], [0.0, 1.0, -3.0], 0.05, 0.05),
        ([0.3, 0.4], [0.0, 0.0], 0.0, 0.1),
        ([-0.5, 0.7], [0.3, 0.0], 0.05, 0.1),
    ):
        found = kdelab.CrossEntropy(kdelab.Clusters.from_lists([points], [a], [b]), kdelab.Huber(h)).value_and_grad(z)
        true = reference.loss(points, z, a, b, kdelab.Huber(h)), reference.gradient(points, z, a, b, kdelab.Huber(h))
        assert found[0][0] == pytest.approx(true[0], rel=1e-12, abs=1e-12)
        np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-11)


def test_kinks_at_the_ends_of_targets_and_of_cells_and_on_one_another():
    """In eighths of a bandwidth everything is exact, and all of that happens."""
    rng = np.random.default_rng(3)
    lower = rng.integers(-8, 8, 200) / 8
    upper = lower + rng.integers(0, 17, 200) / 8
    clusters = kdelab.Clusters.from_lists([rng.integers(-24, 24, 6) / 8 for _ in range(200)], lower, upper)
    mine, found, true = both(clusters, 1.0, clusters.checked(rng.standard_normal(1200)))
    np.testing.assert_allclose(found[0], true[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-13)
    assert not handed_on(mine).any()


@pytest.mark.parametrize("far", [30.0, 1e4, 1e8])
def test_clusters_that_lie_far_off_are_no_harder_than_others(far):
    points = [[far, far + 0.3], [-far, -far - 2.0], [-far - 0.4, far + 1.3]]
    clusters = kdelab.Clusters.from_lists(points, [0.0] * 3, [0.9] * 3)
    mine, found, true = both(clusters, 1.0, clusters.checked([0.0, 0.3] * 3))
    np.testing.assert_allclose(found[0], true[0], rtol=1e-14, atol=1e-13)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-14)
    assert not handed_on(mine).any()


def test_what_moments_cannot_do_is_handed_on():
    points = [[0.05, 30.0], [0.0, 7.1], [0.9], [0.5], [0.2]]
    lower, upper = [0.0, 0.0, 0.8, 0.4, 1.05], [0.1, 7.0, 1.1, 0.5, 1.1]
    clusters = kdelab.Clusters.from_lists(points, lower, upper)
    mine, found, true = both(clusters, 0.1, clusters.checked([-900.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), background=0.3)
    np.testing.assert_allclose(found[0], true[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-11)
    assert WIDEST < 7.0 / 0.1
    assert handed_on(mine).tolist() == [False, True, True, False, False]
    mine, found, true = both(clusters, 0.1, clusters.checked([-900.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    np.testing.assert_allclose(found[0], true[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-11)
    assert handed_on(mine).tolist() == [True, True, False, False, False]


def test_beside_a_background_far_points_are_nothing_and_no_infinity():
    clusters = kdelab.Clusters.from_lists([[500.0, 501.0]], [0.0], [0.1])
    _, found, true = both(clusters, 0.1, clusters.checked([0.0, 0.3]), background=0.5)
    np.testing.assert_allclose(found[0], true[0], rtol=1e-13)
    np.testing.assert_array_equal(found[1], [0.0, 0.0])


def test_targets_without_points_of_their_own_many_panels_and_large_clusters():
    """Tiles that one prediction fills and overfills, beside small ones."""
    rng = np.random.default_rng(5)
    sizes = [1, 3 * engine._TILE, 2, 5 * engine._TILE, 7]
    points = [rng.uniform(-0.5, 0.5, k) for k in sizes]
    clusters = kdelab.Clusters.from_lists(points, [-0.2, -0.1, 0.0, 0.1, 0.2], [0.3, 0.0, 0.0, 0.2, 0.9])
    _, found, true = both(clusters, 0.1, clusters.checked(rng.standard_normal(sum(sizes))))
    np.testing.assert_allclose(found[0], true[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-14)


def test_results_do_not_depend_on_what_else_is_in_the_batch():
    clusters, z = batch(6, n=60)
    kernel, rule = kdelab.Huber(0.1), kdelab.Adaptive()
    together = HuberByMoments(clusters, kernel, rule, 0.0).value_and_grad(z)
    for i in (0, 17, 59):
        which = np.arange(60) == i
        some = clusters.take(which)
        alone = HuberByMoments(some, kernel, rule, 0.0).value_and_grad(some.checked(z[clusters.rows(which)]))
        assert alone[0].tobytes() == together[0][which].tobytes()
        assert alone[1].tobytes() == together[1][clusters.rows(which)].tobytes()


def test_a_cell_is_so_short_that_its_moments_are_exact():
    t, v = np.meshgrid([-tile.CELL / 2, tile.CELL / 2], [-1 - tile.CELL / 2, 1 + tile.CELL / 2])
    terms = np.ones_like(t)
    series = np.ones_like(t)
    for n in range(1, tile.MOMENTS):
        terms = terms * t * v / n
        series = series + terms
    np.testing.assert_allclose(series, np.exp(t * v), rtol=4e-15)


@pytest.mark.parametrize("tolerance", [1e-6, 1e-12, 1e-14])
def test_a_panel_is_so_short_that_its_nodes_are_enough(tolerance):
    """Of all that is as steep as phases allow: a responsibility that two points share, both a bandwidth off."""
    width = panels.longest_panel(tolerance)
    for lean in np.linspace(-3, 3, 25):

        def share(t, lean=lean):
            return 1 / (1 + np.exp(2 * (t - lean)))  # exp(-(t + 1)^2 / 2) against exp(-(t - 1)^2 / 2)

        rules = map(np.polynomial.legendre.leggauss, (panels.NODES, 24))
        found, true = ((weights / 2) @ share(width / 2 * (x + 1)) for x, weights in rules)
        assert abs(found - true) <= tolerance


def test_a_coarse_tolerance_takes_longer_panels():
    clusters, z = batch(7, n=200)
    true = both(clusters, 0.1, z)[2]
    for tolerance in (1e-4, 1e-8):
        mine, found, _ = both(clusters, 0.1, z, tolerance=tolerance)
        assert mine.longest > 2 * panels.longest_panel(1e-12)
        assert max(np.abs(found[0] - true[0]).max(), np.abs(found[1] - true[1]).max()) <= tolerance
