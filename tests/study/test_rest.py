import math

import mpmath
import numpy as np
import pytest
from scipy.optimize import minimize

import kdelab
from kdelab.study import hard, rest, toy


@pytest.fixture
def batch():
    return toy.clusters(np.random.default_rng(8), 40, 12)


def test_an_em_step_never_raises_the_loss_and_ends_on_the_mean_responsibilities(batch):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Gaussian(0.2))
    z = batch.logits
    for _ in range(5):
        before, gradient = loss.value_and_grad(z)
        moved = rest.Rates(loss).em_step(z)
        weight = np.exp(batch.clusters.log_softmax(z))
        np.testing.assert_allclose(np.exp(batch.clusters.log_softmax(moved)), weight - gradient, atol=1e-14)
        assert (loss.value(moved) <= before + 1e-12).all()
        z = moved


def test_the_certificate_bounds_the_gap_and_closes(batch):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Laplace(0.15))
    best = rest.settle(loss, batch.clusters, batch.logits, steps=300)
    value, lowest = loss.value(batch.logits), loss.value(best)
    rates = rest.Rates(loss)
    at_best = rates.certificate(best)
    assert (value - lowest <= rates.certificate(batch.logits) + 1e-12).all()
    assert (at_best >= -1e-12).all()
    assert np.median(at_best) < 1e-2
    slow = rest.expectation_maximisation(loss, batch.logits, 100)
    assert (loss.value(slow) >= lowest - at_best - 1e-9).all()
    assert np.median(loss.value(slow) - lowest) < 0.02


@pytest.mark.parametrize("starving", [0.0, -30.0, -667.0, -700.0, -745.0, -1e4, -1e300])
@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.5), kdelab.Gaussian(0.3), kdelab.Cauchy(0.2)], ids=repr)
def test_the_certificate_of_a_starved_point_however_little_weight_it_has(kernel, starving):
    """One bin on the starved point: q = K(0) / (S K(0) + (1 - S) K(d)), in closed form."""
    clusters = kdelab.Clusters.from_lists([[0.0, 0.4]], [0.0], [0.0])
    near, far = np.exp(kernel.log([0.0, 0.4]))
    weight = math.exp(starving) / (1 + math.exp(starving))
    expected = math.log(near / (weight * near + (1 - weight) * far))
    found = rest.Rates(kdelab.CrossEntropy(clusters, kernel)).certificate([starving, 0.0])
    assert found == pytest.approx([expected], abs=1e-13)


@pytest.mark.parametrize("starving", [-40.0, -700.0, -2000.0])
@pytest.mark.parametrize("quadrature", ["auto", kdelab.GaussLegendre(24)], ids=repr)
def test_over_an_interval_a_starved_point_explains_what_the_other_does_not(quadrature, starving):
    """All weight on x_2: q_1 = mean K(x - x_1) / K(x - x_2), for the Gaussian exp of something linear in x."""
    h, (x1, x2), (a, b) = 0.2, (0.1, -0.3), (-0.1, 0.3)
    slope, at_0 = (x1 - x2) / h**2, (x2**2 - x1**2) / (2 * h**2)
    q = math.exp(at_0) * (math.exp(slope * b) - math.exp(slope * a)) / (slope * (b - a))
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([[x1, x2]], [a], [b]), kdelab.Gaussian(h), quadrature)
    assert rest.Rates(loss).certificate([starving, 0.0]) == pytest.approx([math.log(q)], rel=1e-12)
    assert rest.Rates(loss).em_step([starving, 0.0]) == pytest.approx([starving + math.log(q), 0.0], rel=1e-12)


@pytest.mark.parametrize("background", [0.0, 0.3])
def test_the_certificate_is_the_gradients_cluster_by_cluster(batch, background):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Triangular(2.5), background=background)
    weight = np.exp(batch.clusters.log_softmax(batch.logits))
    expected = np.log1p(batch.clusters.max(-loss.value_and_grad(batch.logits)[1] / weight))
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(rest.Rates(loss).certificate(batch.logits), expected, atol=1e-9)


def test_where_the_loss_is_infinite_so_is_the_certificate():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.1], [0.0]], [0.5, -0.1], [0.9, 0.1])
    found = rest.Rates(kdelab.CrossEntropy(clusters, kdelab.Box(0.2))).certificate(np.zeros(3))
    assert found.tolist() == [np.inf, 0.0]


def test_no_step_of_em_changes_no_weight(batch):
    loss = kdelab.CrossEntropy(batch.clusters, kdelab.Laplace(0.15))
    found = rest.expectation_maximisation(loss, batch.logits, 0).reshape(40, 12)
    logits = batch.logits.reshape(40, 12)
    np.testing.assert_allclose(found - logits, (found - logits)[:, :1] * np.ones(12), atol=1e-15)


def test_rates_need_a_loss():
    with pytest.raises(ValueError, match=r"^loss must be a kdelab CrossEntropy"):
        rest.Rates(kdelab.Laplace(0.1))


@pytest.mark.parametrize(("kernel", "limit"), [(kdelab.Laplace(0.3), 2), (kdelab.Gaussian(7.0), math.sqrt(12))])
def test_one_point_takes_all_up_to_the_known_width(kernel, limit):
    assert rest.one_point_limit(kernel) == pytest.approx(limit, rel=5e-3)


def q_by_mpmath(log_kernel, x, width):
    half = mpmath.mpf(width) / 2
    cuts = sorted({-half, half, *(mpmath.mpf(c) for c in (0, x) if abs(c) < half)})
    return mpmath.quad(lambda t: mpmath.exp(log_kernel(t - x) - log_kernel(t)), cuts) / width


@pytest.mark.parametrize(
    ("log_kernel", "limit"),
    [(lambda u: -abs(u), 2), (lambda u: -u * u / 2, math.sqrt(12))],
    ids=["Laplace", "Gaussian"],
)
def test_no_rival_explains_more_up_to_the_limit_and_one_does_beyond(log_kernel, limit):
    """Notebook 14 proves it in a line each; here q(x) by quadrature, rivals within and outside of the target."""
    rivals = [mpmath.mpf(x) for x in ("0.01", "0.1", "0.5", "0.9", "1.5", "4")]
    for width in (0.3 * limit, limit):
        assert all(q_by_mpmath(log_kernel, x, width) <= 1 for x in rivals)
    assert max(q_by_mpmath(log_kernel, x, 1.02 * limit) for x in rivals) > 1


def test_one_point_limit_needs_a_tail():
    with pytest.raises(ValueError, match="kernel must have tails"):
        rest.one_point_limit(kdelab.Box(0.1))


def test_distances_and_coverage():
    clusters = kdelab.Clusters.from_lists([[-0.3, 0.5], [0.05, 0.1, 0.9], [0.4]], [0.0, 0.0, 0.4], [0.2, 0.2, 0.4])
    np.testing.assert_allclose(hard.distance_to_target(clusters), [0.3, 0.3, 0, 0, 0.7, 0], atol=1e-15)
    np.testing.assert_allclose(hard.nearest(clusters), [0.3, 0, 0], atol=1e-15)
    np.testing.assert_allclose(hard.covered(clusters, 0.05), [0, 0.75, 1], atol=1e-14)
    np.testing.assert_allclose(hard.covered(clusters, 0.31), [0.1, 1, 1], atol=1e-14)


def test_reached_is_between_nothing_and_all():
    clusters = kdelab.Clusters.from_lists([[0.1], [0.1], [30.0]], [0.1, 0.0, 0.0], [0.1, 0.2, 0.2])
    share = hard.reached(clusters, kdelab.Gaussian(0.1), np.zeros(3))
    assert share[0] == pytest.approx(1)
    assert 0.5 < share[1] < 1
    assert share[2] == 0


@pytest.mark.parametrize("background", [0.0, 0.2])
@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.15), kdelab.Gaussian(0.2), kdelab.Cauchy(0.1)], ids=repr)
def test_the_best_is_what_a_general_optimiser_finds_and_its_certificate_is_0(batch, kernel, background):
    loss = kdelab.CrossEntropy(batch.clusters.widened(2.0), kernel, kdelab.GaussLegendre(24), background)
    rates = rest.Rates(loss)
    best = rates.best()
    assert (rates.certificate(best) < 1e-8).all()
    assert (batch.clusters.max(best) == 0).all()
    slow = rest.expectation_maximisation(loss, best * 0, 300)
    assert (loss.value(best) <= loss.value(slow) + 1e-9).all()
    for one in range(3):
        points = slice(12 * one, 12 * one + 12)
        x, share = np.polynomial.legendre.leggauss(24)
        lower, upper = loss.clusters.lower[one], loss.clusters.upper[one]
        x = (lower + upper) / 2 + (upper - lower) / 2 * x
        matrix = (1 - background) * np.exp(kernel.log(x[:, None] - batch.clusters.points[points]))
        rest_of = background / 2 * (abs(x) <= 1)

        def value(S, matrix=matrix, rest_of=rest_of, share=share):
            return -(share / 2) @ np.log(matrix @ S + rest_of)

        size = matrix.shape[1]
        other = minimize(
            value,
            np.full(size, 1 / size),
            method="SLSQP",
            bounds=[(0, 1)] * size,
            constraints={"type": "eq", "fun": lambda S: S.sum() - 1},
            options={"ftol": 1e-12, "maxiter": 500},
        )
        assert loss.value(best)[one] == pytest.approx(other.fun, abs=2e-6)
        assert loss.value(best)[one] <= other.fun + 1e-9


def test_the_best_of_one_bin_is_the_nearest_point_and_of_a_symmetric_pair_the_half():
    clusters = kdelab.Clusters.from_lists([[0.3, 0.1, -0.2], [-0.5, 0.5], [0.0]], [0, -1, -2], [0, 1, 2])
    best = rest.Rates(kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1))).best()
    np.testing.assert_allclose(clusters.softmax(best), [0, 1, 0, 0.5, 0.5, 1], atol=1e-9)
    assert np.isfinite(best).all()


def test_there_is_no_best_where_every_loss_is_infinite():
    clusters = kdelab.Clusters.from_lists([[0.0], [0.0, 0.1]], [-0.1, 0.5], [0.1, 0.9])
    with pytest.raises(ValueError, match="loss must be finite for some weights, but no point of cluster 1"):
        rest.Rates(kdelab.CrossEntropy(clusters, kdelab.Box(0.2))).best()


@pytest.mark.parametrize(("name", "given"), [("tolerance", -1.0), ("steps", 0.5)])
def test_the_best_names_what_it_was_given_wrongly(batch, name, given):
    rates = rest.Rates(kdelab.CrossEntropy(batch.clusters, kdelab.Laplace(0.1)))
    with pytest.raises(ValueError, match=name):
        rates.best(**{name: given})
