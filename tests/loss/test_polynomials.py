"""The engine of triangles and parabolas: what it does in O(k), and what it hands on to the robust engine."""

import brute
import numpy as np
import pytest

import kdelab
from kdelab.loss.engines.polynomials.engine import Polynomials
from kdelab.loss.engines.polynomials.robust import Robust

by_kernel = pytest.mark.parametrize("make", [kdelab.Triangular, kdelab.Epanechnikov])


def batch(seed, n=60, h=0.1, most=80):
    """Targets of 0.1 to 10 bandwidths, each with points all over it."""
    rng = np.random.default_rng(seed)
    sizes, width = rng.integers(1, most, n), h * np.exp(rng.uniform(np.log(0.1), np.log(10), n))
    lower = rng.uniform(-1, 1 - np.minimum(width, 1.9))
    whose = np.repeat(np.arange(n), sizes)
    points = (lower - 1.1 * h)[whose] + (width + 2.2 * h)[whose] * rng.random(len(whose))
    clusters = kdelab.Clusters(points, np.concatenate([[0], np.cumsum(sizes)]), lower, np.minimum(lower + width, 1.0))
    return clusters, 2 * rng.standard_normal(len(points))


def handed_on(engine):
    return [] if engine.hard is None else np.flatnonzero(np.frombuffer(engine.hard[0], bool)).tolist()


def both(clusters, kernel, z, background):
    engine = Polynomials(clusters, kernel, background)
    return engine, engine.value_and_grad(clusters.checked(z)), Robust(clusters, kernel, background)


@by_kernel
@pytest.mark.parametrize("h", [3.0, 0.1, 1e-3])
@pytest.mark.parametrize(("background", "most"), [(0.05, 80), (1e-12, 80), (0.05, 2000)])
def test_moments_agree_with_panel_by_panel_and_hand_on_only_what_is_narrow(make, h, background, most):
    clusters, z = batch(1, 60 if most < 2000 else 3, h if h < 1 else 0.1, most)
    if h > 1:  # targets far narrower than the kernel, between whose edges there may be nothing
        clusters = kdelab.Clusters(clusters.points * 4, clusters.offsets, clusters.lower, clusters.upper)
    engine, (loss, gradient), robust = both(clusters, make(h), z, background)
    assert handed_on(engine) == np.flatnonzero(clusters.upper - clusters.lower < h / 32).tolist()
    true_loss, true_gradient = robust.value_and_grad(clusters.checked(z))
    np.testing.assert_allclose(loss, true_loss, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(gradient, true_gradient, rtol=0, atol=1e-13)
    np.testing.assert_allclose(np.add.reduceat(gradient, clusters.offsets[:-1]), 0, atol=1e-14)
    np.testing.assert_array_equal(engine.value(clusters.checked(z)), loss)


@by_kernel
@pytest.mark.parametrize("light", [30.0, 100.0, 200.0])
def test_a_light_point_does_not_drown_where_heavy_ones_have_ended(make, light):
    rng = np.random.default_rng(2)
    heavy = rng.uniform(0.0, 0.1, 7)
    points, z = [*heavy, 0.3, 0.35], [*rng.standard_normal(7), -light, -light]
    clusters = kdelab.Clusters.from_lists([points], [0.05], [0.4])
    kernel = make(0.15)
    engine, (loss, gradient), _ = both(clusters, kernel, z, 0.0)
    assert not handed_on(engine)
    true = brute.integral(points, z, 0.05, 0.4, kernel)
    assert loss[0] == pytest.approx(true.loss, rel=1e-14)
    np.testing.assert_allclose(gradient, true.logits, rtol=0, atol=1e-14)


@by_kernel
@pytest.mark.parametrize("sixteenths", [1, 2, 3, 4])
def test_edges_that_coincide(make, sixteenths):
    rng, h = np.random.default_rng(sixteenths), sixteenths / 16
    for _ in range(10):
        a, b = np.sort(rng.choice(np.arange(-16, 17), 2, replace=False)) / 16
        points = np.array([a - h, a, a + h, a + 2 * h, b - h, b, b + h, *(rng.integers(-20, 21, 5) / 16)])
        z = rng.standard_normal(len(points))
        engine, (loss, gradient), _ = both(kdelab.Clusters.from_lists([points], [a], [b]), make(h), z, 0.1)
        assert not handed_on(engine)
        true = brute.integral(points, z, a, b, make(h), 0.1)
        assert loss[0] == pytest.approx(true.loss, abs=1e-14)
        np.testing.assert_allclose(gradient, true.logits, rtol=0, atol=1e-14)


@by_kernel
def test_what_is_too_hard_is_handed_on_and_the_rest_is_not(make):
    kernel = make(0.1)
    cases = {
        "plain": ([0.0, 0.1], [0.0, 0.0], 0.0, 0.1),
        "one bin": ([0.0, 0.1], [0.0, 0.0], 0.05, 0.05),
        "narrow": ([0.0, 0.1], [0.0, 0.0], 0.05, 0.0501),
        "light alone": ([0.0, 0.15], [0.0, -300.0], 0.05, 0.2),
        "logits apart": ([0.0, 0.0, 0.02], [1000.0, -1000.0, 0.0], -0.05, 0.05),
        "gap": ([0.0, 0.3], [0.0, 0.0], 0.05, 0.25),
        "one edge where p is 0": ([0.0, 0.2], [0.0, 0.0], 0.05, 0.15),
        "outside": ([0.5], [0.0], 0.0, 0.1),
    }
    points, logits, lower, upper = zip(*cases.values(), strict=True)
    clusters, z = kdelab.Clusters.from_lists(points, lower, upper), np.concatenate(logits)
    engine, (loss, gradient), _ = both(clusters, kernel, z, 0.0)
    assert {list(cases)[i] for i in handed_on(engine)} == {*cases} - {"plain", "logits apart"}
    for i, part in enumerate(clusters.slices()):
        true = brute.integral(points[i], logits[i], lower[i], upper[i], kernel)
        assert loss[i] == pytest.approx(true.loss, rel=1e-13)
        np.testing.assert_allclose(gradient[part], true.logits, rtol=0, atol=1e-13)


@by_kernel
@pytest.mark.parametrize("side", [-1, 1])
def test_a_background_that_lights_a_part_of_the_target_is_handed_on_and_what_lies_beyond_is_dark(make, side):
    targets = np.array([[0.9, 1.1], [1.0, 1.2], [0.8, 1.0], [1.1, 1.3]])
    lower, upper = np.sort(side * targets, axis=1).T
    points, z = side * np.array([0.85, 0.95, 1.05, 1.15, 1.25]), np.arange(5.0)
    clusters = kdelab.Clusters.from_lists([points] * 4, lower, upper)
    engine, (loss, gradient), _ = both(clusters, make(0.15), np.tile(z, 4), 0.3)
    assert handed_on(engine) == [0]
    for i, part in enumerate(clusters.slices()):
        true = brute.integral(points, z, lower[i], upper[i], make(0.15), 0.3)
        assert loss[i] == pytest.approx(true.loss, abs=1e-13)
        np.testing.assert_allclose(gradient[part], true.logits, rtol=0, atol=1e-13)


@by_kernel
def test_a_cluster_alone_has_the_same_numbers_as_in_a_batch(make):
    clusters, z = batch(3)
    loss, gradient = Polynomials(clusters, make(0.1), 0.05).value_and_grad(clusters.checked(z))
    for i, part in enumerate(clusters.slices()):
        one = clusters.take([i])
        alone = Polynomials(one, make(0.1), 0.05).value_and_grad(one.checked(z[part]))
        assert alone[0][0] == loss[i]
        np.testing.assert_array_equal(alone[1], gradient[part])
