from fractions import Fraction as F
from functools import partial

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import wasserstein_distance

import kdelab
from kdelab.study import rivals

ALL = {
    "MeanSquaredError": rivals.MeanSquaredError,
    "SquaredDistance": rivals.SquaredDistance,
    "Wasserstein": rivals.Wasserstein,
    "CRPS": rivals.CRPS,
    "DensitySquaredError": rivals.DensitySquaredError,
    "Linear": rivals.Linear,
    "Power 1/2": partial(rivals.Power, alpha=0.5),
    "Power 0": rivals.Power,
    "Power -1/2": partial(rivals.Power, alpha=-0.5),
    "LogOfIntegral": rivals.LogOfIntegral,
}
KERNELS = [kdelab.Laplace(0.2), kdelab.Gaussian(0.3), kdelab.Cauchy(0.2)]


@pytest.fixture
def batch():
    rng = np.random.default_rng(5)
    points = [rng.uniform(-1, 1, k) for k in (1, 2, 7, 12)]
    lower = rng.uniform(-0.5, 0.3, 4)
    clusters = kdelab.Clusters.from_lists(points, lower, lower + rng.uniform(0.05, 0.6, 4))
    return clusters, rng.standard_normal(22)


def numeric(objective, logits, eps=1e-6):
    """Central differences of the sum of the values."""
    steps = np.eye(len(logits)) * eps
    return np.array([(objective(logits + s).sum() - objective(logits - s).sum()) / (2 * eps) for s in steps])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
@pytest.mark.parametrize("name", ALL)
def test_gradients_are_the_slopes_of_the_values(name, kernel, batch):
    clusters, logits = batch
    objective = ALL[name](clusters, kernel)
    value, gradient = objective.value_and_grad(logits)
    assert value.shape == (4,)
    np.testing.assert_allclose(gradient, numeric(lambda z: objective.value_and_grad(z)[0], logits), atol=2e-8)
    np.testing.assert_allclose(clusters.sum(gradient), 0, atol=1e-12)
    np.testing.assert_allclose(objective.value_and_grad(logits + 100)[0], value, rtol=1e-11)


def test_power_zero_is_the_cross_entropy_on_the_same_nodes(batch):
    clusters, logits = batch
    kernel = kdelab.Laplace(0.1)
    truth = kdelab.CrossEntropy(clusters, kernel, kdelab.GaussLegendre(16)).value_and_grad(logits)
    for mine, theirs in zip(rivals.Power(clusters, kernel).value_and_grad(logits), truth, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-13)


def test_log_of_integral_is_interval_censored_likelihood_and_below_the_cross_entropy(batch):
    clusters, logits = batch
    kernel = kdelab.Gaussian(0.3)
    value, _ = rivals.LogOfIntegral(clusters, kernel).value_and_grad(logits)
    for i, (_, lower, upper) in enumerate(clusters):
        mass = quad(lambda x, i=i: kdelab.CrossEntropy(clusters, kernel).density(logits, [x])[i, 0], lower, upper)[0]
        assert value[i] == pytest.approx(-np.log(mass / (upper - lower)), abs=1e-9)
    assert (value <= kdelab.CrossEntropy(clusters, kernel).value(logits) + 1e-12).all()


def weights(clusters, logits, i):
    rows = slice(*clusters.offsets[i : i + 2])
    z = np.exp(logits[rows])
    return clusters.points[rows], z / z.sum()


def test_wasserstein_agrees_with_scipy(batch):
    clusters, logits = batch
    value, _ = rivals.Wasserstein(clusters).value_and_grad(logits)
    for i, (_, lower, upper) in enumerate(clusters):
        x, weight = weights(clusters, logits, i)
        grid = lower + (np.arange(20000) + 0.5) / 20000 * (upper - lower)
        assert value[i] == pytest.approx(wasserstein_distance(x, grid, weight), abs=1e-6)


def test_crps_is_the_integrated_squared_difference_of_distribution_functions(batch):
    clusters, logits = batch
    value, _ = rivals.CRPS(clusters).value_and_grad(logits)
    grid = np.linspace(-2, 2, 40001)
    for i, (_, lower, upper) in enumerate(clusters):
        x, weight = weights(clusters, logits, i)
        below = (weight * (grid[:, None] >= x)).sum(1)
        reached = np.clip((grid - lower) / (upper - lower), 0, 1)
        # the mean over t of (F - 1{x >= t})^2 is F^2 - 2 F u + u, u the share of the target passed
        assert value[i] == pytest.approx(np.trapezoid(below**2 - 2 * below * reached + reached, grid), abs=2e-4)


def test_density_squared_error_is_the_integral(batch):
    clusters, logits = batch
    for kernel in (kdelab.Gaussian(0.3), kdelab.Laplace(0.3)):
        value, _ = rivals.DensitySquaredError(clusters, kernel, kdelab.GaussLegendre(200)).value_and_grad(logits)
        density = kdelab.CrossEntropy(clusters, kernel)
        grid = np.linspace(-12, 12, 400001)
        p = density.density(logits, grid)
        for i, (_, lower, upper) in enumerate(clusters):
            inside = np.trapezoid(
                density.density(logits, np.linspace(lower, upper, 20001))[i], dx=(upper - lower) / 20000
            )
            expected = np.trapezoid(p[i] ** 2, grid) - 2 * inside / (upper - lower) + 1 / (upper - lower)
            assert value[i] == pytest.approx(expected, abs=1e-5)


def test_linear_gradient_of_the_two_point_case_in_fractions():
    weight, kernel = (F(2, 3), F(1, 3)), (F(1), F(1, 2))
    p = sum(s * k for s, k in zip(weight, kernel, strict=True))
    expected = [s * (p - k) for s, k in zip(weight, kernel, strict=True)]
    assert expected[0] == F(-1, 9)
    # Laplace of bandwidth 1: K(log 2) is half of K(0), and both are scaled by 1/2.
    clusters = kdelab.Clusters.from_lists([[0.0, np.log(2)]], [0.0], [0.0])
    _, gradient = rivals.Linear(clusters, kdelab.Laplace(1.0)).value_and_grad(np.log([2.0, 1.0]))
    np.testing.assert_allclose(gradient, [float(g) / 2 for g in expected], rtol=1e-14)


@pytest.mark.parametrize("name", ["Wasserstein", "CRPS", "Linear", "LogOfIntegral", "MeanSquaredError"])
def test_one_point_targets_are_allowed(name):
    clusters = kdelab.Clusters.from_lists([[0.3, -0.2, 0.5]], [0.1], [0.1])
    objective = ALL[name](clusters, kdelab.Laplace(0.1))
    _, gradient = objective.value_and_grad(np.zeros(3))
    np.testing.assert_allclose(gradient, numeric(lambda z: objective.value_and_grad(z)[0], np.zeros(3)), atol=1e-8)


def test_errors_name_the_argument(batch):
    clusters, _ = batch
    with pytest.raises(ValueError, match="alpha must be finite"):
        rivals.Power(clusters, KERNELS[0], alpha=np.nan)
    with pytest.raises(ValueError, match="kernel must have a closed form of its overlap"):
        rivals.DensitySquaredError(clusters, kdelab.Epanechnikov(0.1))
    with pytest.raises(ValueError, match="lower == upper"):
        rivals.DensitySquaredError(kdelab.Clusters.from_lists([[0.0]], [0.1], [0.1]), KERNELS[0])
    with pytest.raises(ValueError, match="logits has 3 entries"):
        rivals.CRPS(clusters).value_and_grad(np.zeros(3))
    with pytest.raises(ValueError, match="quadrature must be"):
        rivals.Power(clusters, KERNELS[0], kdelab.Adaptive())
