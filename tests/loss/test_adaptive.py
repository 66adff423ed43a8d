"""Adaptive quadrature where a fixed rule fails, and the gradients by points and bandwidth of every kernel."""

import functools

import numpy as np
import oracle
import pytest
from kernels_under_test import ALL, named

import kdelab


def random_batch(seed, n=60, k=25):
    random = np.random.default_rng(seed)
    width = np.exp(random.uniform(np.log(0.02), np.log(0.3), n))
    centre = random.uniform(-0.8, 0.8, n)
    points = np.where(
        random.random((n, k)) < 0.5,
        centre[:, None] + 0.12 * random.standard_normal((n, k)),
        random.uniform(-1, 1, (n, k)),
    )
    clusters = kdelab.Clusters(points.ravel(), np.arange(n + 1) * k, centre - width / 2, centre + width / 2)
    return clusters, 2 * random.standard_normal(n * k)


def test_two_balanced_points_defeat_a_fixed_rule():
    # Two Gaussians at distance D have zeros at pi h^2 / D from the axis, where their weights balance.
    h, points, logits = 0.01, [-0.2, 0.203], [0.0, 0.0]
    clusters = kdelab.Clusters.from_lists([points], [-0.1], [0.1])
    change = 0.0015
    cuts = [change + step * h * h / 0.403 for step in (-40, -10, -3, 0, 3, 10, 40)]
    exact, gradient = oracle.any_kernel(points, logits, -0.1, 0.1, kdelab.Gaussian(h), cuts=cuts)
    values, found = kdelab.CrossEntropy(clusters, kdelab.Gaussian(h)).value_and_grad(logits)
    assert values[0] == pytest.approx(float(exact), rel=1e-13)
    assert found[0] == pytest.approx(float(gradient[0]), abs=1e-12)
    fixed = kdelab.CrossEntropy(clusters, kdelab.Gaussian(h), kdelab.GaussLegendre(32)).value_and_grad(logits)[1]
    assert abs(fixed[0] - found[0]) > 1e-3


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("bandwidth", [0.02, 0.1])
def test_tolerance_is_kept(make, bandwidth):
    """On every cluster of a batch, in the loss and in every entry of the gradient."""
    clusters, logits = random_batch(1)
    kernel = make(bandwidth if np.isinf(make(1.0).support) else 10 * bandwidth)
    best, best_gradient = kdelab.CrossEntropy(clusters, kernel, kdelab.Adaptive(1e-14)).value_and_grad(logits)
    for tolerance in (1e-6, 1e-9, 1e-12):
        values, gradient = kdelab.CrossEntropy(clusters, kernel, kdelab.Adaptive(tolerance)).value_and_grad(logits)
        covered = np.isfinite(best)
        assert np.array_equal(covered, np.isfinite(values))
        allowed = np.maximum(tolerance, 1e-13 * np.maximum(1, np.abs(best[covered])))
        assert (np.abs(values - best)[covered] <= allowed).all()
        assert np.abs(gradient - best_gradient).max() <= max(tolerance, 1e-13)


@pytest.mark.parametrize("rule", ["auto", kdelab.Adaptive(), kdelab.Midpoint(8), kdelab.GaussLegendre(8)], ids=repr)
@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_target_too_narrow_to_divide_by_is_a_point(make, rule):
    narrow, point = (
        kdelab.CrossEntropy(kdelab.Clusters.from_lists([[0.0, 0.1]], [0.0], [b]), make(0.2), rule).value_and_grads(
            [0.0, 1.0]
        )
        for b in (2.2e-311, 0.0)
    )
    assert narrow[0] == point[0]
    for name, gradient in point[1].items():
        np.testing.assert_array_equal(narrow[1][name], gradient, name)


def rebuilt(clusters, points):
    return kdelab.Clusters(points, clusters.offsets, clusters.lower, clusters.upper)


@pytest.mark.parametrize("background", [0.0, 0.1])
@pytest.mark.parametrize("make", ALL, ids=named)
def test_gradients_by_points_and_bandwidth(make, background):
    """Against central differences of the loss, whose values are tested elsewhere."""
    clusters, logits = random_batch(2, n=12, k=8)
    if np.isfinite(make(1.0).support):
        make = functools.partial(lambda make, h: make(8 * h), make)
    h, step = 0.1, 2e-6
    loss = kdelab.CrossEntropy(clusters, make(h), background=background)
    values, gradients = loss.value_and_grads(logits)
    assert np.array_equal(gradients["logits"], loss.value_and_grad(logits)[1]) or np.allclose(
        gradients["logits"], loss.value_and_grad(logits)[1], rtol=0, atol=1e-13
    )
    covered = np.isfinite(values)
    assert covered.any()

    def values_at(points, bandwidth):
        return kdelab.CrossEntropy(rebuilt(clusters, points), make(bandwidth), background=background).value(logits)

    with np.errstate(invalid="ignore"):
        numeric = (values_at(clusters.points, h * np.exp(step)) - values_at(clusters.points, h * np.exp(-step))) / (
            2 * step
        )
        np.testing.assert_allclose(gradients["log_bandwidth"][covered], numeric[covered], rtol=1e-6, atol=2e-7)
        for j in range(8):  # the j-th point of every cluster at once
            chosen = clusters.offsets[:-1] + j
            moved = np.zeros(len(clusters.points))
            moved[chosen] = step
            numeric = (values_at(clusters.points + moved, h) - values_at(clusters.points - moved, h)) / (2 * step)
            np.testing.assert_allclose(gradients["points"][chosen][covered], numeric[covered], rtol=1e-6, atol=2e-7)


def test_gradients_by_name():
    clusters, logits = random_batch(3, n=3, k=4)
    for kernel in (kdelab.Laplace(0.1), kdelab.Gaussian(0.1), kdelab.Box(2.0)):
        loss = kdelab.CrossEntropy(clusters, kernel)
        values, gradients = loss.value_and_grads(logits, wrt="points")
        assert list(gradients) == ["points"]
        assert gradients["points"].shape == (12,)
        same, gradients = loss.value_and_grads(logits, wrt=("log_bandwidth", "logits"))
        assert list(gradients) == ["log_bandwidth", "logits"]
        assert gradients["log_bandwidth"].shape == (3,)
        np.testing.assert_allclose(values, same, rtol=1e-14)
        np.testing.assert_allclose(
            gradients["logits"], loss.value_and_grads(logits, wrt="logits")[1]["logits"], atol=1e-14
        )
        with pytest.raises(ValueError, match=r"^wrt may name logits, .*, upper, not 'bandwidth'"):
            loss.value_and_grads(logits, wrt=["bandwidth"])


def test_prepared_values_change_nothing(monkeypatch):
    clusters, logits = random_batch(4)
    for make in ALL:
        for quadrature in (kdelab.Adaptive(), kdelab.Midpoint(20), kdelab.GaussLegendre(20)):
            kernel = make(0.1 if np.isinf(make(1.0).support) else 1.0)
            with monkeypatch.context() as patch:
                patch.setattr("kdelab.loss.engines.quadrature.engine.PREPARED", 0)
                values, gradient = kdelab.CrossEntropy(clusters, kernel, quadrature).value_and_grad(logits)
            same, again = kdelab.CrossEntropy(clusters, kernel, quadrature).value_and_grad(logits)
            np.testing.assert_allclose(values, same, rtol=1e-13, atol=1e-15)
            np.testing.assert_allclose(gradient, again, rtol=0, atol=1e-13)
