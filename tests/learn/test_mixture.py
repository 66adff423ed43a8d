"""Tails, quantiles, modes and draws of mixtures, against 40 digits, dense grids and statistics."""

import mpmath
import numpy as np
import pytest
from scipy import stats

import kdelab
from kdelab.learn.regressor.mixture import Mixture, root
from kdelab.learn.regressor.tails import NAMES, tail_of

KERNELS = [kind(1.0) for kind in NAMES.values()]
COMPACT = ("Box", "Triangular", "Epanechnikov")


def name(kernel):
    return type(kernel).__name__


def density(kernel, u):
    """K(u) in mpmath's numbers, for a bandwidth of 1."""
    u = abs(u)
    if name(kernel) in COMPACT:
        shapes = {"Box": mpmath.mpf(1) / 2, "Triangular": 1 - u, "Epanechnikov": mpmath.mpf(3) / 4 * (1 - u * u)}
        return shapes[name(kernel)] if u <= 1 else mpmath.mpf(0)
    norm = mpmath.sqrt(2 * mpmath.pi) * mpmath.erf(mpmath.sqrt(0.5)) + 2 * mpmath.exp(-0.5)
    return {
        "Laplace": lambda: mpmath.exp(-u) / 2,
        "Gaussian": lambda: mpmath.exp(-u * u / 2) / mpmath.sqrt(2 * mpmath.pi),
        "Cauchy": lambda: 1 / (mpmath.pi * (1 + u * u)),
        "Logistic": lambda: 1 / (4 * mpmath.cosh(u / 2) ** 2),
        "Huber": lambda: mpmath.exp(-u * u / 2 if u < 1 else 0.5 - u) / norm,
    }[name(kernel)]()


def tail(kernel, u):
    """P(U > u), u >= 0, in closed form."""
    if name(kernel) in COMPACT:
        room = max(1 - u, 0)
        return {"Box": room / 2, "Triangular": room**2 / 2, "Epanechnikov": room**2 * (2 + u) / 4}[name(kernel)]
    norm, bell = 1 / density(kernel, mpmath.mpf(0)), mpmath.sqrt(mpmath.pi / 2)
    return {
        "Laplace": lambda: mpmath.exp(-u) / 2,
        "Gaussian": lambda: mpmath.erfc(u / mpmath.sqrt(2)) / 2,
        "Cauchy": lambda: mpmath.mpf(1) / 2 - mpmath.atan(u) / mpmath.pi,
        "Logistic": lambda: 1 / (1 + mpmath.exp(u)),
        "Huber": lambda: (
            mpmath.exp(0.5 - u) / norm if u >= 1 else mpmath.mpf(1) / 2 - bell * mpmath.erf(u / mpmath.sqrt(2)) / norm
        ),
    }[name(kernel)]()


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_the_closed_forms_here_are_the_integrals_of_the_kernel(kernel):
    for u in map(mpmath.mpf, (0, 0.3, 0.9)):
        ends = [u, 1] if name(kernel) in COMPACT else [u, 1, 2, 4, 10, 30, mpmath.inf]
        assert abs(mpmath.quad(lambda v: density(kernel, v), ends) - tail(kernel, u)) < 1e-10


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_tails_have_all_digits_however_far_out(kernel):
    places = [0.0, 1e-9, 0.3, 0.999, 1.0, 1.5, 6.0, 30.0]
    found = tail_of(kernel).log(np.array(places))
    with mpmath.workdps(40):
        for u, log_tail in zip(places, found, strict=True):
            right = tail(kernel, mpmath.mpf(u))
            if right == 0:
                assert log_tail == -np.inf
            else:
                assert abs(log_tail - mpmath.log(right)) < 1e-13 * (1 + abs(log_tail)), u


@pytest.mark.parametrize("kernel", KERNELS, ids=name)
def test_the_inverse_of_a_tail_is_where_it_has_that_size(kernel):
    p = np.array([1e-300, 1e-30, 1e-9, 0.01, 0.2, 0.24, 0.26, 0.4, 0.5 - 1e-12, 0.5])
    u = tail_of(kernel).inverse(p)
    assert (u >= 0).all()
    assert u[-1] == pytest.approx(0, abs=1e-15)
    if name(kernel) in COMPACT:
        assert u[0] == pytest.approx(1, abs=2e-16)
        u, p = u[3:], p[3:]  # before that 1 - u has no digits left
    np.testing.assert_allclose(tail_of(kernel).log(u), np.log(p), rtol=1e-12, atol=1e-12)


def test_a_kernel_of_ones_own_has_no_tail_here():
    with pytest.raises(ValueError, match="kernel must be one of Laplace, "):
        tail_of(kdelab.GeneralizedNormal(1.5, 0.1))


def mixtures(kind, background=0.0, h=0.13):
    """Clusters of one, two, equal, many and far apart points."""
    rng = np.random.default_rng(3)
    points = [[0.2], [-0.5, 0.5], [0.1, 0.1, 0.1], rng.uniform(-1, 1, 30), [-1.0, 1.0, 0.97], rng.normal(0, 0.2, 9)]
    clusters = kdelab.Clusters.from_lists(points, np.zeros(6), np.zeros(6))
    logits = rng.normal(0, 2, len(clusters.points))
    logits[1:3] = [0.0, 40.0]  # nearly all in one
    return Mixture(clusters, logits, NAMES[kind](h), background)


def below(mixture, i, x):
    """P(X <= x) of one cluster, in mpmath's numbers."""
    part = slice(mixture.clusters.offsets[i], mixture.clusters.offsets[i + 1])
    z = [mpmath.mpf(float(v)) for v in mixture.logits[part]]
    weights = [mpmath.exp(v) for v in z]
    h, total = mpmath.mpf(mixture.kernel.bandwidth), mpmath.mpf(0)
    unit = type(mixture.kernel)(1.0)
    for w, point in zip(weights, mixture.clusters.points[part], strict=True):
        u = (x - mpmath.mpf(float(point))) / h
        total += w / sum(weights) * (tail(unit, -u) if u < 0 else 1 - tail(unit, u))
    b = mpmath.mpf(mixture.background)
    return (1 - b) * total + b * min(max((x + 1) / 2, 0), 1)


@pytest.mark.parametrize("background", [0.0, 0.1])
@pytest.mark.parametrize("kind", NAMES)
def test_quantiles_have_that_much_below_them_to_the_last_digits(kind, background):
    mixture = mixtures(kind, background)
    for level in (1e-9, 0.05, 0.5, 0.8):
        found = mixture.quantile(level)
        for i in (0, 1, 4):
            with mpmath.workdps(30):
                x = mpmath.mpf(float(found[i]))
                step = mpmath.mpf(4e-15 * (1 + abs(float(x))))
                assert below(mixture, i, x - step) <= level * (1 + 1e-15), (i, level)
                assert below(mixture, i, x + step) >= level * (1 - 1e-15), (i, level)


@pytest.mark.parametrize("kind", NAMES)
def test_an_interval_leaves_as_much_on_either_side_however_little(kind):
    mixture = mixtures(kind)
    for beyond in (1e-200, 1e-12, 0.05, 0.5):
        lower, upper = mixture.interval(beyond).T
        mirrored = mixture._mirrored().interval(beyond)
        np.testing.assert_array_equal(mirrored, np.stack([-upper, -lower], axis=1))
        assert np.isfinite(lower).all()
        assert (lower <= upper + 1e-12).all()
        if kind not in ("box", "triangular", "epanechnikov"):
            np.testing.assert_allclose(mixture.log_below(lower), np.log(beyond), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("background", [0.0, 0.2])
@pytest.mark.parametrize("kind", NAMES)
def test_no_place_of_a_dense_grid_is_higher_than_the_mode(kind, background):
    mixture = mixtures(kind, background)
    grid = np.linspace(-1.2, 1.2, 4001)
    modes = mixture.mode()
    highest = mixture.log_density(np.tile(grid, (6, 1))).max(axis=1)
    assert (mixture.log_density(modes[:, None])[:, 0] >= highest - 1e-12).all()


def test_a_mode_between_points_is_climbed_to_the_top():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.1, 0.13]], [0.0], [0.0])
    mixture = Mixture(clusters, np.array([0.3, 0.0, 0.1]), kdelab.Gaussian(0.3))
    x = mixture.mode()
    assert abs(mixture._slope(x)[0]) < 1e-14
    assert mixture.log_density(np.array([[x[0] - 1e-3, x[0], x[0] + 1e-3]])).argmax() == 1


def test_the_mode_of_boxes_is_the_middle_of_where_most_overlap():
    clusters = kdelab.Clusters.from_lists([[-0.5, 0.0, 0.3, 0.4]], [0.0], [0.0])
    mixture = Mixture(clusters, np.zeros(4), kdelab.Box(0.25))
    assert mixture.mode()[0] == pytest.approx(0.2)  # 0, 0.3 and 0.4 from 0.15 to 0.25


@pytest.mark.parametrize("kind", NAMES)
def test_draws_are_of_the_density(kind):
    mixture = mixtures(kind, background=0.3)
    drawn = mixture.sample(np.random.RandomState(0), 4000)
    assert drawn.shape == (6, 4000)
    for i in range(6):
        one = Mixture(mixture.clusters.take([i]), mixture.logits[mixture.clusters.rows([i])], mixture.kernel, 0.3)
        uniform = [np.exp(one.log_below(np.array([x])))[0] for x in drawn[i, :800]]
        assert stats.kstest(uniform, "uniform").pvalue > 1e-3


def test_a_mean_is_that_of_draws_where_there_is_one():
    mixture = mixtures("gaussian", background=0.3)
    drawn = mixture.sample(np.random.RandomState(1), 20_000)
    error = drawn.std(axis=1) / np.sqrt(drawn.shape[1])
    assert (np.abs(drawn.mean(axis=1) - mixture.mean()) < 5 * error).all()


def test_a_root_is_found_where_functions_are_steep_flat_or_infinite():
    places = np.array([-0.7, 0.0, 1e-9, 0.3, 5.0])

    def f(x):
        with np.errstate(divide="ignore"):
            return np.array([
                np.arctan(1e6 * (x[0] - places[0])), (x[1] - places[1]) ** 3, x[2] - places[2],
                np.log(np.maximum(x[3], 0.0)) - np.log(0.3), np.expm1(x[4] - places[4]),
            ])  # fmt: skip

    found = root(f, np.full(5, -8.0), np.full(5, 9.0), 1e-9)
    np.testing.assert_allclose(found[[0, 2, 3, 4]], places[[0, 2, 3, 4]], rtol=1e-14, atol=1e-20)
    assert abs(found[1]) < 1e-5
