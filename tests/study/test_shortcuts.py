from fractions import Fraction as F

import numpy as np
import pytest
from scipy.integrate import quad

import kdelab
from kdelab.study import shortcuts

OWN_VALUE = [
    shortcuts.LogOfEach,
    shortcuts.LogOfKernels,
    shortcuts.WeightedLogOfEach,
    shortcuts.SoftLabels,
    shortcuts.NormalisedSoftLabels,
    shortcuts.MeanSoftLabels,
    shortcuts.OwnCluster,
    shortcuts.IndependentLogistic,
    shortcuts.OneSoftmax,
]
HELD = [shortcuts.FixedNormaliser, shortcuts.FixedResponsibilities, shortcuts.FixedRest]
REPAIRS = [shortcuts.FixedResponsibilities, shortcuts.FixedRest]
NODES = kdelab.GaussLegendre(16)


@pytest.fixture(params=[kdelab.Laplace(0.2), kdelab.Gaussian(0.3), kdelab.Cauchy(0.1)], ids=lambda k: type(k).__name__)
def kernel(request):
    return request.param


@pytest.fixture
def batch():
    rng = np.random.default_rng(3)
    points = [rng.uniform(-1, 1, k) for k in (1, 2, 7, 12)]
    lower = rng.uniform(-0.5, 0.3, 4)
    clusters = kdelab.Clusters.from_lists(points, lower, lower + rng.uniform(0.05, 0.6, 4))
    return clusters, rng.standard_normal(22)


def numeric(value, logits, eps=1e-6):
    steps = np.eye(len(logits)) * eps
    return np.array([(value(logits + s).sum() - value(logits - s).sum()) / (2 * eps) for s in steps])


@pytest.mark.parametrize("reading", OWN_VALUE)
def test_gradients_are_the_slopes_of_the_values(reading, kernel, batch):
    clusters, logits = batch
    objective = reading(clusters, kernel)
    _, gradient = objective.value_and_grad(logits)
    expected = numeric(lambda z: objective.value_and_grad(z)[0], logits)
    np.testing.assert_allclose(gradient, expected, atol=3e-7)


@pytest.mark.parametrize("reading", HELD)
def test_with_something_held_the_gradient_is_the_slope_of_the_rest(reading, kernel, batch):
    clusters, logits = batch
    objective = reading(clusters, kernel)
    value, gradient = objective.value_and_grad(logits)
    held = objective.held(logits)
    np.testing.assert_allclose(objective.value(logits, held), value, rtol=1e-14)
    np.testing.assert_allclose(gradient, numeric(lambda z: objective.value(z, held), logits), atol=3e-8)


@pytest.mark.parametrize("reading", REPAIRS)
def test_repairs_have_the_true_gradient(reading, kernel, batch):
    clusters, logits = batch
    truth = kdelab.CrossEntropy(clusters, kernel, NODES).value_and_grad(logits)[1]
    np.testing.assert_allclose(reading(clusters, kernel, NODES).value_and_grad(logits)[1], truth, atol=1e-13)


def test_values_of_the_repairs(kernel, batch):
    clusters, logits = batch
    loss = kdelab.CrossEntropy(clusters, kernel, NODES).value(logits)
    repair = shortcuts.FixedRest(clusters, kernel, NODES)
    np.testing.assert_allclose(repair.value_and_grad(logits)[0], clusters.sizes * loss, atol=1e-12)
    step = shortcuts.FixedResponsibilities(clusters, kernel, NODES)
    r = step.held(logits)
    entropy = step.shares @ -clusters.sum(r * np.log(r))
    np.testing.assert_allclose(step.value_and_grad(logits)[0], loss + entropy, atol=1e-12)


def test_the_rest_is_what_the_other_points_give_even_where_one_gives_nearly_all():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.9]], [0.0], [0.0])
    kernel = kdelab.Laplace(0.01)
    held = shortcuts.FixedRest(clusters, kernel).held(np.zeros(2))
    np.testing.assert_allclose(held[0], np.log(0.5) + kernel.log([0.9, 0.0]), rtol=1e-14)


def test_normalised_labels_are_true_while_weights_are_equal_and_not_after(kernel, batch):
    clusters, logits = batch
    for z, same in ((np.full_like(logits, 2.0), True), (logits, False)):
        truth = kdelab.CrossEntropy(clusters, kernel, NODES).value_and_grad(z)[1]
        reading = shortcuts.NormalisedSoftLabels(clusters, kernel, NODES).value_and_grad(z)[1]
        assert (abs(reading - truth).max() < 1e-13) == same


def test_mean_labels_are_the_shares_of_the_kernels_mass_on_the_target(kernel, batch):
    clusters, logits = batch
    reading = shortcuts.MeanSoftLabels(clusters, kernel, kdelab.Midpoint(4000))
    labels = clusters.softmax(logits) - reading.value_and_grad(logits)[1]
    for (x, a, b), part in zip(clusters, clusters.slices(), strict=True):
        mass = [quad(lambda t, x_=x_: np.exp(kernel.log(t - x_)), a, b, points=[x_], epsabs=1e-12)[0] for x_ in x]
        np.testing.assert_allclose(labels[part], mass / np.sum(mass), atol=1e-6)


def test_mean_labels_are_true_at_equal_weights_beside_the_target_and_else_to_first_order_in_its_width():
    laplace, (x, z) = kdelab.Laplace(0.2), ([0.3, 0.4, 0.75], np.zeros(3))

    def off(kernel, half):
        clusters = kdelab.Clusters.from_lists([x], [-half], [half])
        truth = kdelab.CrossEntropy(clusters, kernel, NODES).value_and_grad(z)[1]
        return abs(shortcuts.MeanSoftLabels(clusters, kernel, NODES).value_and_grad(z)[1] - truth).max()

    assert off(laplace, 0.25) < 1e-13
    gaussian = kdelab.Gaussian(0.2)
    assert off(gaussian, 0.1) / off(gaussian, 0.05) == pytest.approx(4, rel=0.1)


def test_log_of_kernels_bounds_the_loss(kernel, batch):
    clusters, logits = batch
    loss = kdelab.CrossEntropy(clusters, kernel, NODES).value(logits)
    assert (shortcuts.LogOfKernels(clusters, kernel, NODES).value_and_grad(logits)[0] >= loss - 1e-13).all()


def test_the_two_point_case_against_exact_fractions():
    """S = (2/3, 1/3), K = (1, 1/2), one bin: the smallest case that tells the readings apart."""
    weight, k = (F(2, 3), F(1, 3)), (F(1), F(1, 2))
    p = sum(s * x for s, x in zip(weight, k, strict=True))
    exact = {
        "truth": weight[0] - weight[0] * k[0] / p,
        "LogOfEach": 2 * weight[0] - 1,
        "SoftLabels": weight[0] * sum(k) - k[0],
        "NormalisedSoftLabels": weight[0] - k[0] / sum(k),
        "FixedNormaliser": F(-1),
        "OwnCluster": F(0),
        "IndependentLogistic": weight[0] - k[0],
    }
    assert [exact[name] for name in ("truth", "LogOfEach", "SoftLabels")] == [F(-2, 15), F(1, 3), F(0)]
    clusters = kdelab.Clusters.from_lists([[0.0, np.log(2)]], [0.0], [0.0])
    kernel = kdelab.Laplace(1.0)  # K(0) = 1/2, K(log 2) = 1/4: half of (1, 1/2), which only unnormalised labels feel
    logits = np.log([2.0, 1.0])
    measured = {
        name: getattr(shortcuts, name)(clusters, kernel).value_and_grad(logits)[1][0]
        for name in exact
        if name != "truth"
    }
    measured["truth"] = kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits)[1][0]
    for name, expected in exact.items():
        assert measured[name] == pytest.approx(float(expected), abs=1e-15), name
    third = shortcuts.LogOfKernels(clusters, kernel).value_and_grad(logits)[1][0]
    assert third == pytest.approx(-2 / 9 * np.log(2), abs=1e-15)


def test_one_softmax_is_the_truth_for_one_cluster_and_couples_several(kernel, batch):
    clusters, logits = batch
    alone = clusters.take([3])
    z = logits[clusters.rows([3])]
    truth = kdelab.CrossEntropy(alone, kernel, NODES).value_and_grad(z)
    for mine, theirs in zip(shortcuts.OneSoftmax(alone, kernel, NODES).value_and_grad(z), truth, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-13)
    _, gradient = shortcuts.OneSoftmax(clusters, kernel, NODES).value_and_grad(logits)
    assert abs(clusters.sum(gradient)).max() > 0.1


def test_compact_kernels_leave_bins_that_nobody_reaches():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.5], [0.0, 0.02]], [0.2, -0.01], [0.3, 0.01])
    kernel = kdelab.Box(0.05)
    for reading in (shortcuts.NormalisedSoftLabels, shortcuts.MeanSoftLabels, shortcuts.SoftLabels, *REPAIRS):
        _, gradient = reading(clusters, kernel).value_and_grad([0.3, -0.2, 0.1, 0.4])
        np.testing.assert_allclose(gradient[:2], 0, atol=1e-15)
        assert np.isfinite(gradient).all()
    assert shortcuts.FixedResponsibilities(clusters, kernel).value_and_grad(np.zeros(4))[0][0] == np.inf
    with pytest.raises(ValueError, match="kernel must have tails"):
        shortcuts.LogOfKernels(clusters, kernel)


def test_extreme_logits_and_distances_stay_finite(kernel):
    clusters = kdelab.Clusters.from_lists([[30.0, 40.0, 41.0]], [-0.1], [0.1])
    for reading in (*OWN_VALUE, *HELD):
        value, gradient = reading(clusters, kernel).value_and_grad([500.0, 0.0, -500.0])
        assert np.isfinite(value).all(), reading
        assert np.isfinite(gradient).all(), reading
