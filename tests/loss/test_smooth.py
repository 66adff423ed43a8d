"""The engine of smooth kernels: its nodes, the strip that it trusts in, and what it hands on to the adaptive engine."""

import numpy as np
import pytest

import kdelab
from kdelab.loss.engines.quadrature.engine import ByQuadrature
from kdelab.loss.engines.smooth import nodes
from kdelab.loss.engines.smooth.engine import Smooth

KERNELS = [kdelab.Gaussian, kdelab.Cauchy, kdelab.Logistic]
by_kernel = pytest.mark.parametrize("make", KERNELS)


def batch(seed, n=40, width=(0.02, 0.3)):
    rng = np.random.default_rng(seed)
    lower = rng.uniform(-0.9, 0.6, n)
    points = [rng.uniform(-1, 1, rng.integers(1, 60)) for _ in range(n)]
    clusters = kdelab.Clusters.from_lists(points, lower, np.minimum(lower + rng.uniform(*width, n), 1.0))
    return clusters, 2 * rng.standard_normal(len(clusters.points))


def both(clusters, kernel, z, background=0.0, tolerance=1e-12):
    rule = kdelab.Adaptive(tolerance)
    smooth = Smooth(clusters, kernel, rule, background)
    return smooth, smooth.value_and_grad(z), ByQuadrature(clusters, kernel, rule, background).value_and_grad(z)


@by_kernel
@pytest.mark.parametrize("h", [1.0, 0.1, 0.02])
@pytest.mark.parametrize("background", [0.0, 0.2])
def test_nodes_agree_with_the_adaptive_rule(make, h, background):
    clusters, z = batch(1)
    _, found, true = both(clusters, make(h), clusters.checked(z), background)
    np.testing.assert_allclose(found[0], true[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-12)


@by_kernel
def test_values_alone_are_those_that_come_with_gradients(make):
    clusters, z = batch(2)
    loss = kdelab.CrossEntropy(clusters, make(0.1))
    np.testing.assert_allclose(loss.value(z), loss.value_and_grad(z)[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [kdelab.Cauchy, kdelab.Logistic])
def test_in_the_strip_the_real_part_of_the_kernel_is_positive(make):
    """As the number of nodes supposes; and just beyond it no more."""
    unit = {kdelab.Cauchy: lambda u: 1 / (1 + u * u), kdelab.Logistic: lambda u: 1 / (4 * np.cosh(u / 2) ** 2)}[make]
    assert unit(0.7) == pytest.approx(np.exp(make(1.0).log_unit(0.7)) * unit(0.0) / np.exp(make(1.0).log_unit(0.0)))
    along = np.linspace(-40, 40, 8001)
    for part in (0.3, 0.9, 0.999):
        assert (unit(along + 1j * part * make.strip).real > 0).all()
    assert (unit(along + 1.01j * make.strip).real < 0).any()


def test_the_lattice_s_weights_are_exact_to_degree_15_and_11():
    (places, fine, apart), *others = nodes._lattice(np.ones(1))[0]
    assert others == []
    steps = places * sum(nodes.GAPS)
    np.testing.assert_allclose(steps, np.round(steps), atol=1e-12)
    for degree in range(16):
        true = 0.0 if degree % 2 else 1.0 / (degree + 1)
        assert fine @ places**degree == pytest.approx(true, abs=1e-14)
        assert abs(apart @ places**degree) < 1e-14 or degree > 11
    assert fine.min() > 0
    assert abs(apart @ places**12) > 1e-6


@pytest.mark.parametrize("make", [kdelab.Cauchy, kdelab.Logistic])
@pytest.mark.parametrize("tolerance", [1e-6, 1e-10])
def test_as_many_nodes_as_the_tolerance_takes_and_not_many_more(make, tolerance):
    clusters, z = batch(3, n=200)
    smooth, found, _ = both(clusters, make(0.1), clusters.checked(z), tolerance=tolerance)
    _, true, _ = both(clusters, make(0.1), clusters.checked(z), tolerance=1e-14)
    off = max(np.abs(found[0] - true[0]).max(), np.abs(found[1] - true[1]).max())
    assert off <= tolerance
    count = np.diff(smooth.nodes.starts)[smooth.nodes.which] * smooth.nodes.panels
    assert count.max() <= 27
    assert count.mean() <= {1e-6: 10, 1e-10: 15}[tolerance]


def test_what_contends_on_both_sides_gets_more_nodes_or_the_adaptive_rule():
    """Two points 12 bandwidths off on either side, balanced within the target: responsibilities jump there."""
    for x in (3.0, 8.0, 12.0, 30.0):
        clusters = kdelab.Clusters.from_lists([[-x, x]], [-0.5], [0.6])
        for lean in (0.0, 1.0, 5.0):
            _, found, true = both(clusters, kdelab.Gaussian(1.0), clusters.checked([0.0, lean]))
            np.testing.assert_allclose(found[0], true[0], rtol=1e-13, atol=2e-12)
            np.testing.assert_allclose(found[1], true[1], rtol=0, atol=2e-12)


@by_kernel
def test_what_nodes_cannot_do_is_handed_on(make):
    far, light = [[-80.0, -90.0]], [[0.05, 3.0]]
    for points, z in ((far, [0.0, 3.0]), (light, [-900.0, 0.0])):
        clusters = kdelab.Clusters.from_lists(points, [0.0], [0.1])
        _, found, true = both(clusters, make(0.1), clusters.checked(z))
        np.testing.assert_allclose(found[0], true[0], rtol=1e-13)
        np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-11)


@by_kernel
def test_a_background_that_ends_within_a_target(make):
    clusters = kdelab.Clusters.from_lists([[0.9], [-0.5, 0.2], [0.1, 1.3]], [0.8, -1.2, 1.05], [1.1, -0.9, 1.2])
    smooth, found, true = both(clusters, make(0.2), clusters.checked([0.0, 1.0, 0.0, 0.3, 0.1]), background=0.3)
    np.testing.assert_allclose(found[0], true[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-12)
    assert np.frombuffer(smooth.hard[0], np.bool_).tolist() == [True, True, False]


@by_kernel
def test_a_target_of_very_many_bandwidths(make):
    clusters = kdelab.Clusters.from_lists([[0.1, 0.3], [0.1]], [0.0, 0.05], [0.2, 0.1])
    for h in (1e-6, 1e-9):
        smooth, found, true = both(clusters, make(h), clusters.checked([0.0, 1.0, 0.0]))
        np.testing.assert_array_equal(found[0], true[0])
        np.testing.assert_array_equal(found[1], true[1])
        assert np.frombuffer(smooth.hard[0], np.bool_).all()


@by_kernel
@pytest.mark.parametrize("far", [3.0, 300.0, 1e4, 1e60])
def test_a_point_far_off_beside_near_ones_takes_no_other_way(make, far):
    points = [0.02, 0.05, 0.08]
    clusters = kdelab.Clusters.from_lists([[*points, far], [*points, -far]], [0.0, 0.0], [0.1, 0.1])
    smooth, found, true = both(clusters, make(0.1), clusters.checked(np.zeros(8)))
    np.testing.assert_allclose(found[0], true[0], rtol=0, atol=1e-13)
    np.testing.assert_allclose(found[1], true[1], rtol=0, atol=1e-13)
    assert smooth.hard is None
