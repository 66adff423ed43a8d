"""A kernel's mean over a target: against mpmath at 40 digits, scipy's distributions, and by its properties."""

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_under_test import ALL, named
from oracle import LOG_KERNELS
from scipy import stats

import kdelab
from kdelab.loss.kernels.base import Kernel
from kdelab.study import rivals
from kdelab.study.mass import log_mean

H = 0.125  # a power of two, so that what is asked of both is the same number
EPS = np.finfo(float).eps
NEAR = [0.0, 1e-9, 0.003, 0.3, 0.999, 1.0, 1.7, 5.0, 30.0]
FAR = [200.0, 750.0, 5e3, 1e8]
WIDE = [1e-17, 1e-9, 1e-3, 0.2, 0.97, 2.0, 7.0, 1e3]


def one(kernel, point, lower, upper):
    return float(log_mean(kernel, *(np.array([float(v)]) for v in (point, lower, upper)))[0])


def part(kernel, s, t):
    """The integral of K from s to t >= s >= 0, in bandwidths, by its antiderivative, at the digits that are set."""
    u, name, beta = mpmath.mpf, type(kernel).__name__, mpmath.mpf(getattr(kernel, "shape", 1.0))
    if kernel.support == 1:
        s, t = min(s, u(1)), min(t, u(1))
    whole = {
        "Laplace": lambda v: -mpmath.exp(-v) / 2,
        "Gaussian": lambda v: -mpmath.erfc(v / mpmath.sqrt(2)) / 2,
        "Cauchy": lambda v: -mpmath.atan(1 / v) / mpmath.pi if v else -u(1) / 2,
        "GeneralizedNormal": lambda v: -mpmath.gammainc(1 / beta, v**beta, regularized=True) / 2,
        "Logistic": lambda v: -1 / (1 + mpmath.exp(v)),
        "Box": lambda v: v / 2,
        "Triangular": lambda v: v - v * v / 2,
        "Epanechnikov": lambda v: (3 * v - v**3) / 4,
    }
    if name == "Huber":
        norm = mpmath.sqrt(2 * mpmath.pi) * mpmath.erf(mpmath.sqrt(u(1) / 2)) + 2 * mpmath.exp(-u(1) / 2)
        core = [mpmath.sqrt(mpmath.pi / 2) * mpmath.erf(min(v, u(1)) / mpmath.sqrt(2)) for v in (s, t)]
        tail = [-mpmath.exp(u(1) / 2 - max(v, u(1))) for v in (s, t)]
        return (core[1] - core[0] + tail[1] - tail[0]) / norm
    return whole[name](t) - whole[name](s)


def exactly(kernel, point, lower, upper):
    """log mean K_h in 40 digits, by the antiderivative with digits to spare for what cancels; -inf where K isn't."""
    with mpmath.workdps(65 + int(abs(np.log10(max(upper - lower, 1e-320))))):
        x, a, b, h = (mpmath.mpf(float(v)) for v in (point, lower, upper, kernel.bandwidth))
        if a == b:
            beta = mpmath.mpf(getattr(kernel, "shape", 1.0))
            return LOG_KERNELS[type(kernel).__name__](abs(a - x) / h, beta) - mpmath.log(h)
        s, t = sorted([(a - x) / h, (b - x) / h], key=abs)
        total = part(kernel, 0, abs(s)) + part(kernel, 0, abs(t)) if s * t < 0 else part(kernel, abs(s), abs(t))
        return mpmath.log(total / (b - a)) if total > 0 else -mpmath.inf


def assert_exact(kernel, point, lower, upper):
    mine, truth = one(kernel, point, lower, upper), exactly(kernel, point, lower, upper)
    if truth == -mpmath.inf:
        assert mine == -np.inf
        return
    away = max(lower - point, point - upper, 0.0) / kernel.bandwidth
    steep = float(kernel.slope(np.array([away]))[0]) * away  # what a rounded distance moves
    allowed = 40 * EPS * (1 + abs(float(truth)) + abs(steep))
    assert abs(float(mine - truth)) <= allowed, (mine, float(truth), away, (upper - lower) / kernel.bandwidth)


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("far", [NEAR, FAR], ids=["near", "far"])
def test_the_mean_over_a_target_beside_the_point_against_mpmath(make, far):
    kernel = make(H)
    for s in far:
        for w in WIDE:
            lower, upper = s * H, s * H + w * H
            assert_exact(kernel, 0.0, lower, upper)
            assert one(kernel, 0.0, lower, upper) == one(kernel, 0.0, -upper, -lower)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_the_mean_over_a_target_around_the_point_against_mpmath(make):
    kernel = make(H)
    for left in WIDE:
        for right in WIDE:
            assert_exact(kernel, 0.0, -left * H, right * H)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_a_narrow_target_is_the_density(make):
    kernel = make(H)
    points = np.linspace(-0.3, 0.3, 41)
    for width in (0.0, 1e-300, 1e-16):
        if width == 1e-16 and getattr(kernel, "shape", 1.0) < 1:
            continue  # a cusp falls within that already
        end = np.full_like(points, width)
        mean = log_mean(kernel, points, np.zeros_like(points), end)
        np.testing.assert_allclose(mean, kernel.log(points), rtol=1e-13, atol=1e-13)


SCIPY = {
    kdelab.Laplace: stats.laplace,
    kdelab.Gaussian: stats.norm,
    kdelab.Cauchy: stats.cauchy,
    kdelab.Logistic: stats.logistic,
    kdelab.Triangular: stats.triang(0.5, -1, 2),
    kdelab.Box: stats.uniform(-1, 2),
}


@pytest.mark.parametrize("kind", SCIPY, ids=lambda kind: kind.__name__)
def test_against_scipys_distributions(kind):
    rng = np.random.default_rng(3)
    lower = rng.uniform(-2, 2, 200)
    upper, points = lower + rng.uniform(0.1, 3, 200), rng.uniform(-2, 2, 200)
    mass = SCIPY[kind].cdf((upper - points) / H) - SCIPY[kind].cdf((lower - points) / H)
    seen = mass > 1e-3
    assert seen.sum() > 20
    mean = log_mean(kind(H), points, lower, upper)[seen]
    np.testing.assert_allclose(mean, np.log(mass[seen] / (upper - lower)[seen]), rtol=1e-11, atol=1e-11)


def test_generalized_normal_against_scipy():
    for shape in (0.5, 1.0, 2.0, 3.7):
        upper = np.linspace(0.1, 1.5, 30)
        mass = stats.gennorm.cdf(upper / H, shape) - stats.gennorm.cdf(-0.3, shape)
        mean = log_mean(kdelab.GeneralizedNormal(shape, H), np.zeros(30), np.full(30, -0.3 * H), upper)
        np.testing.assert_allclose(mean, np.log(mass / (upper + 0.3 * H)), rtol=1e-11)


@pytest.mark.parametrize("shape", [0.05, 0.3, 1.0, 2.0, 7.0, 50.0])
def test_every_shape_against_mpmath(shape):
    kernel = kdelab.GeneralizedNormal(shape, H)
    assert_exact(kernel, 0.0, 1e-288, 1.0)
    rng = np.random.default_rng(8)
    for _ in range(25):
        s, w = np.exp(rng.uniform(-8, 3 if shape < 5 else 0.5, 2))
        assert_exact(kernel, 0.0, s * H, (s + w) * H)


@pytest.mark.parametrize("make", ALL, ids=named)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_target_in_two_has_the_mass_of_both(make, data):
    kernel = make(H)
    place = st.floats(-3, 3).map(lambda v: round(v, 3))
    a, b, c = sorted(data.draw(st.tuples(place, place, place)))
    whole = np.exp(one(kernel, 0.1, a, c)) * (c - a)
    halves = np.exp(one(kernel, 0.1, a, b)) * (b - a) + np.exp(one(kernel, 0.1, b, c)) * (c - b)
    assert whole == pytest.approx(halves, rel=1e-10, abs=1e-300)
    assert 0 <= whole <= 1 + 1e-14


@pytest.mark.parametrize("make", ALL, ids=named)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_rows_sum_to_zero_and_a_shift_of_the_logits_changes_nothing(make, data):
    size = data.draw(st.integers(1, 12))
    points = data.draw(st.lists(st.floats(-2, 2), min_size=size, max_size=size))
    logits = np.array(data.draw(st.lists(st.floats(-30, 30), min_size=size, max_size=size)))
    lower, width = data.draw(st.floats(-1, 1)), data.draw(st.sampled_from([0.0, 1e-9, 0.1, 1.0, 4.0]))
    clusters = kdelab.Clusters.from_lists([points], [lower], [lower + width])
    kernel = make(H)
    value, gradient = rivals.LogOfIntegral(clusters, kernel).value_and_grad(logits)
    again, same = rivals.LogOfIntegral(clusters, kernel).value_and_grad(logits + 64)
    assert abs(gradient.sum()) <= 1e-14 * size
    np.testing.assert_allclose(again, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(same, gradient, atol=1e-13)
    bound = kdelab.CrossEntropy(clusters, kernel).value(logits)
    assert (value <= bound + 1e-11 * (1 + abs(bound))).all()  # Jensen


@pytest.mark.parametrize("make", ALL, ids=named)
@pytest.mark.parametrize("far", [0.0, 700.0, 5e4])
def test_loss_and_gradient_against_mpmath(make, far):
    kernel = make(H)
    if kernel.support == 1 and far:
        pytest.skip("nothing of it is there")
    rng = np.random.default_rng(4)
    points, z = np.round(rng.uniform(-0.4, 0.4, 9), 3) + far * H, rng.normal(size=9)
    clusters = kdelab.Clusters.from_lists([points], [-0.1], [0.2])
    (value,), gradient = rivals.LogOfIntegral(clusters, kernel).value_and_grad(z)
    with mpmath.workdps(60):
        joint = [mpmath.mpf(v) + exactly(kernel, x, -0.1, 0.2) for v, x in zip(z, points, strict=True)]
        top = max(joint)
        terms, weights = [mpmath.exp(v - top) for v in joint], [mpmath.exp(mpmath.mpf(v)) for v in z]
        loss = mpmath.log(mpmath.fsum(weights)) - mpmath.log(mpmath.fsum(terms)) - top
        truth = [w / mpmath.fsum(weights) - t / mpmath.fsum(terms) for w, t in zip(weights, terms, strict=True)]
    steep = abs(float(kernel.slope(np.array([far + 3.0]))[0])) * (far + 3.0) if kernel.support > 1 else 1.0
    assert value == pytest.approx(float(loss), rel=1e-14, abs=1e-13)
    np.testing.assert_allclose(gradient, [float(g) for g in truth], atol=16 * EPS * (4 + steep))


def test_the_gradient_is_the_complex_steps():
    rng = np.random.default_rng(6)
    clusters = kdelab.Clusters.from_lists([rng.uniform(-1, 1, 7)], [-0.2], [0.5])
    loss, z = rivals.LogOfIntegral(clusters, kdelab.Gaussian(0.2)), rng.normal(size=7)
    mass = np.exp(loss.log_kernel[0])

    def value(logits):
        return -np.log((np.exp(logits) * mass).sum() / np.exp(logits).sum())

    steps = [value(z + 1e-30j * unit).imag / 1e-30 for unit in np.eye(7)]
    np.testing.assert_allclose(loss.value_and_grad(z)[1], steps, atol=1e-15)


def test_it_is_finite_where_a_box_reaches_a_part_of_the_target_alone():
    clusters = kdelab.Clusters.from_lists([[0.0, 0.3], [2.0]], [0.0, 0.0], [1.0, 1.0])
    value, gradient = rivals.LogOfIntegral(clusters, kdelab.Box(0.1)).value_and_grad(np.log([3.0, 1.0, 1.0]))
    assert value[0] == pytest.approx(-np.log(0.75 * 0.5 + 0.25))
    np.testing.assert_allclose(gradient[:2], [0.75 - 0.6, 0.25 - 0.4], atol=1e-15)
    assert value[1] == np.inf
    assert gradient[2] == 0
    assert kdelab.CrossEntropy(clusters, kdelab.Box(0.1)).value(np.zeros(3))[0] == np.inf


def test_a_kernel_of_ones_own_says_what_it_needs():
    class Own(kdelab.Gaussian):
        """Another name for the same."""

    clusters = kdelab.Clusters.from_lists([[0.0, 0.3]], [0.0], [0.2])
    with pytest.raises(ValueError, match=r"kernel must have a distribution function .* give quadrature"):
        rivals.LogOfIntegral(clusters, Own(0.1))
    by_nodes = rivals.LogOfIntegral(clusters, Own(0.1), kdelab.GaussLegendre(64)).value_and_grad([0.0, 1.0])
    exact = rivals.LogOfIntegral(clusters, kdelab.Gaussian(0.1)).value_and_grad([0.0, 1.0])
    for mine, theirs in zip(by_nodes, exact, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    with pytest.raises(ValueError, match="kernel must be"):
        log_mean("Laplace", np.zeros(1), np.zeros(1), np.ones(1))
    assert issubclass(Own, Kernel)
