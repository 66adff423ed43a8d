"""CrossEntropy for every kernel: against the reference, against mpmath, and at the edges of its domain."""

import math
import subprocess
import sys

import mpmath
import numpy as np
import oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_under_test import ALL, named

import kdelab

H = 0.01
CASES = {
    "near": ([-0.22, 0.05, 0.31], [0.3, 2.0, 0.5], -0.1, 0.25, 0.2),
    "5000 bandwidths away": ([50 + 0.7 * H * i for i in range(5)], [0, 1, -1, 2, 0.5], 0, 2 * H, H),
    "5000 away on both sides": ([50.0, -50.0, 50.01, -50.02], [0, 1, -1, 2], -H, H, H),
    "ties": ([0.1, 0.1, 0.1, 0.2, 0.2], [0, 1, -1, 2, 3], 0, 0.3, 0.2),
    "on the target's edges": ([0, 0.3, 0.1], [0, 1, -1], 0, 0.3, 0.2),
    "one neighbour": ([0.1], [3], 0, 0.3, 0.25),
    "a == b": ([0.1, 0.2, 0.3], [3, 1, 0], 0.15, 0.15, 0.2),
    "a == b on a point": ([0.1, 0.2, 0.3], [3, 1, 0], 0.2, 0.2, 0.2),
    "logits of 1000": ([0.1, 0.2, 0.3, 0.15], [1000, -1000, 0, -1000], 0.05, 0.35, 0.2),
    "only the light one is near": ([0.1, 0.4], [-1000, 1000], 0.05, 0.15, 0.1),
    "uncovered gaps": ([0.1, 0.3, 0.5], [0, 1, 2], 0.0, 0.6, 0.05),
    "a light one fills the gap": ([0.1, 0.3, 0.5], [0, -1000, 2], 0.0, 0.6, 0.11),
}


def one(points, logits, lower, upper, kernel, quadrature="auto", background=0.0):
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([points], [lower], [upper]), kernel, quadrature, background)
    values, gradient = loss.value_and_grad(logits)
    return values[0], gradient


def close(loss, gradient, expected, expected_gradient, tolerance=1e-10):
    if math.isinf(expected):
        assert loss == math.inf
        scale = 1.0
    else:
        scale = max(1.0, abs(expected))
        assert abs(loss - expected) <= tolerance * scale
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=tolerance * scale)
    assert abs(gradient.sum()) <= 1e-12


# The reference takes its time over cusps, which are all alike.
SLOW = {
    "GeneralizedNormal0.5": ("near", "a == b", "uncovered gaps"),
    "GeneralizedNormal1.5": ("near", "a == b", "ties"),
}
WITH_BACKGROUND = {"near", "5000 bandwidths away", "a == b on a point", "uncovered gaps"}


COMBINATIONS = [
    pytest.param(make, case, background, id=f"{named(make)}-{case}-{background}")
    for make in ALL
    for case in SLOW.get(named(make), CASES)
    for background in ([0.0, 0.05] if case in WITH_BACKGROUND else [0.0])
]


@pytest.mark.parametrize(("make", "case", "background"), COMBINATIONS)
def test_against_the_reference(make, case, background):
    *arguments, h = CASES[case]
    kernel = make(h)
    loss, gradient = one(*arguments, kernel, kdelab.Adaptive(), background)
    expected = kdelab.reference.loss(*arguments, kernel, background)
    close(loss, gradient, expected, kdelab.reference.gradient(*arguments, kernel, background))


@pytest.mark.parametrize("make", ALL, ids=named)
def test_against_mpmath(make):
    *arguments, h = CASES["near"]
    kernel = make(2 * h)
    loss, gradient = oracle.any_kernel(*arguments, kernel)
    close(*one(*arguments, kernel, kdelab.Adaptive()), float(loss), np.array(gradient, dtype=float), 1e-12)


@pytest.mark.parametrize("case", ["5000 bandwidths away", "5000 away on both sides"])
def test_far_gaussian_against_mpmath(case):
    points, logits, lower, upper, h = CASES[case]
    kernel = kdelab.Gaussian(h)
    cuts = [i * 1e-3 * h for i in range(-3, 4)]  # where a cluster on both sides changes its mind
    loss, gradient = oracle.any_kernel(points, logits, lower, upper, kernel, cuts=cuts)
    close(*one(points, logits, lower, upper, kernel), float(loss), np.array(gradient, dtype=float))


def test_wide_target_of_sharp_kernels():
    # 2000 bandwidths of target: log p is a chain of parabolas, each handing over to the next within h^2 / distance.
    points, logits, h = [-0.5, 0.5, 0.3, 0.31], [5.0, -5.0, 0.0, 1.0], 1e-3
    x, z = np.array(points), np.array(logits)
    changes = [
        (x[i] + x[j]) / 2 + h * h * (z[j] - z[i]) / (x[i] - x[j]) + step * h * h / abs(x[i] - x[j])
        for i in range(4) for j in range(i) for step in (-30, -3, 3, 30)
    ]  # fmt: skip
    loss, _ = oracle.any_kernel(points, logits, -1, 1, kdelab.Gaussian(h), cuts=changes)
    assert one(points, logits, -1, 1, kdelab.Gaussian(h))[0] == pytest.approx(float(loss), rel=1e-13)


@pytest.mark.parametrize("make", [kdelab.Cauchy, kdelab.Gaussian], ids=["Cauchy", "Gaussian"])
def test_narrow_peaks_in_wide_targets_are_seen(make):
    # A light point is a bump of a few bandwidths in heavier tails (Cauchy's own, or the background's).
    points, logits, kernel = [-0.9, 0.123456], [6.0, 0.0], make(1e-4)
    loss, gradient = one(points, logits, -1, 1, kernel, background=0.1)
    expected = kdelab.reference.loss(points, logits, -1, 1, kernel, 0.1)
    close(loss, gradient, expected, kdelab.reference.gradient(points, logits, -1, 1, kernel, 0.1))


@pytest.mark.parametrize("quadrature", ["auto", kdelab.Adaptive()])
def test_kinks_that_coincide_leave_no_gap(quadrature):
    x = np.arange(-3, 4) * 0.2  # boxes of half width 0.1 tile the axis, but for rounding
    assert one(x, np.zeros(7), -0.6, 0.6, kdelab.Box(0.1), quadrature)[0] == pytest.approx(-math.log(1 / 1.4))
    loss, gradient = one(x, np.zeros(7), -0.6, 0.6, kdelab.Triangular(0.1), quadrature)  # p touches 0 in between
    assert loss == pytest.approx(1 - math.log(10 / 7), abs=1e-11)
    assert abs(gradient.sum()) < 1e-14


def test_a_gap_that_rounding_opens_is_none_wherever_the_target_begins():
    x = [0.1, 0.1 + 0.2]  # 0.30000000000000004: the boxes have 3e-17 between them
    assert one(x, [0, 0], 0.0, 0.4, kdelab.Box(0.1))[0] == pytest.approx(-math.log(2.5))
    assert one(x, [0, 0], 0.0, 0.4, kdelab.Triangular(0.1))[0] == pytest.approx(1 - math.log(5))


@pytest.mark.parametrize("quadrature", ["auto", kdelab.Adaptive(), kdelab.Midpoint(64), kdelab.GaussLegendre(64)])
@pytest.mark.parametrize("make", [kdelab.Box, kdelab.Triangular, kdelab.Epanechnikov])
def test_uncovered_target(make, quadrature):
    loss, gradient = one([-0.5, 0.5], [0, 1], -0.1, 0.1, make(0.1), quadrature)
    assert loss == math.inf
    assert (gradient == 0).all()  # nothing is known: r counts as 0
    loss, gradient = one([-0.2, 0.5], [0, 0], -0.3, 0.1, make(0.1), quadrature)
    assert loss == math.inf
    np.testing.assert_allclose(gradient, [0.25 - 0.5, 0.25], atol=1e-12)


@pytest.mark.parametrize("make", ALL, ids=named)
def test_midpoint_is_the_threads_binning(make):
    *arguments, h = CASES["near"]
    points, logits, lower, upper = arguments
    kernel, bins = make(2 * h), 7
    centres = lower + (upper - lower) * (np.arange(bins) + 0.5) / bins
    by_bin = [kdelab.reference.loss(points, logits, c, c, kernel) for c in centres]
    gradients = [kdelab.reference.gradient(points, logits, c, c, kernel) for c in centres]
    close(*one(*arguments, kernel, kdelab.Midpoint(bins)), np.mean(by_bin), np.mean(gradients, axis=0), 1e-13)


def test_gauss_legendre_nodes():
    *arguments, h = CASES["near"]
    x, w = np.polynomial.legendre.leggauss(5)
    nodes = 0.075 + 0.175 * x
    by_node = [kdelab.reference.loss(*arguments[:2], t, t, kdelab.Gaussian(h)) for t in nodes]
    loss, _ = one(*arguments, kdelab.Gaussian(h), kdelab.GaussLegendre(5))
    assert loss == pytest.approx(np.dot(w / 2, by_node), abs=1e-14)


@settings(max_examples=40)
@given(st.data())
def test_engines_agree(data):
    """Any cluster, any kernel: adaptive, exact where there is one, and the reference."""
    # (Sharper kernels change hands within so little that the reference, whose nodes shun the ends, overlooks it.)
    kernel = data.draw(st.sampled_from(ALL))(data.draw(st.sampled_from([0.3, 3.0])))
    k = data.draw(st.integers(1, 6))
    grid = st.integers(-20, 20).map(lambda i: i / 20)
    points = data.draw(st.lists(grid | st.floats(-1, 1), min_size=k, max_size=k))
    logits = data.draw(st.lists(st.floats(-5, 5) | st.sampled_from([-1000.0, 1000.0]), min_size=k, max_size=k))
    lower, upper = sorted(data.draw(st.tuples(grid | st.floats(-1, 1), grid | st.floats(-1, 1))))
    expected = kdelab.reference.loss(points, logits, lower, upper, kernel)
    expected_gradient = kdelab.reference.gradient(points, logits, lower, upper, kernel)
    for quadrature in ("auto", kdelab.Adaptive()):
        close(*one(points, logits, lower, upper, kernel, quadrature), expected, expected_gradient)


def test_density_integrates_to_one_and_shows_the_background():
    clusters = kdelab.Clusters.from_lists([[0.1, -0.4], [0.7]], [0, 0], [0.1, 0.1])
    x = np.linspace(-1, 1, 20001)
    for make in ALL:
        kernel = make(0.01)
        for background in (0.0, 0.3):
            loss = kdelab.CrossEntropy(clusters, kernel, background=background)
            p = loss.density([1.0, 2.0, 0.0], x)
            assert p.shape == (2, len(x))
            S = np.exp([1.0, 2.0]) / np.exp([1.0, 2.0]).sum()
            mixed = (1 - background) * (S @ np.exp(kernel.log(x - np.array([[0.1], [-0.4]])))) + background / 2
            cancelled = 1e-300 if np.isinf(kernel.support) else 1e-14  # the oracle near a compact kernel's end
            np.testing.assert_allclose(p[0], mixed, rtol=1e-12, atol=cancelled)
            each = loss.density([1.0, 2.0, 0.0], [[0.1], [0.7]])
            assert each.shape == (2, 1)
            assert each[1, 0] == pytest.approx((1 - background) * math.exp(kernel.log(0.0)) + background / 2)


def test_values_alone():
    *arguments, h = CASES["near"]
    points, logits, lower, upper = arguments
    for make in ALL:
        loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([points], [lower], [upper]), make(h))
        assert loss.value(logits)[0] == loss.value_and_grad(logits)[0][0]


def test_ragged_batch_is_the_sum_of_its_parts():
    r = np.random.default_rng(7)
    sizes = [1, 200, 3, 1, 50]
    points = [r.uniform(-1, 1, k) for k in sizes]
    lower = r.uniform(-0.9, 0.5, 5)
    upper = lower + np.array([0.0, 0.1, 0.3, 0.01, 0.2])
    logits = r.standard_normal(sum(sizes))
    for make in ALL:
        batch = kdelab.Clusters.from_lists(points, lower, upper)
        values, gradient = kdelab.CrossEntropy(batch, make(0.1)).value_and_grad(logits)
        for i, (x, a, b) in enumerate(batch):
            part = slice(batch.offsets[i], batch.offsets[i + 1])
            value, own = one(x, logits[part], a, b, make(0.1))
            assert value == values[i]
            assert np.array_equal(own, gradient[part])


def test_adding_a_constant_to_the_logits_changes_nothing():
    *arguments, h = CASES["near"]
    points, logits, lower, upper = arguments
    for make in ALL:
        loss, gradient = one(points, logits, lower, upper, make(h))
        shifted, same = one(points, np.add(logits, 1024), lower, upper, make(h))
        assert shifted == pytest.approx(loss, abs=1e-12) or loss == shifted == math.inf
        np.testing.assert_allclose(same, gradient, atol=1e-12)


CLUSTERS = kdelab.Clusters.from_lists([[0.1, 0.2]], [0.0], [0.1])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("clusters", {"clusters": [[0.1, 0.2]]}),
        ("kernel", {"kernel": "Laplace"}),
        ("kernel", {"kernel": kdelab.Laplace}),
        ("quadrature", {"quadrature": "exact"}),
        ("quadrature", {"quadrature": kdelab.Adaptive}),
        ("quadrature", {"kernel": kdelab.Gaussian(1), "quadrature": kdelab.Exact()}),
        ("quadrature", {"background": 0.1, "quadrature": kdelab.Exact()}),
        ("background", {"background": -0.1}),
        ("background", {"background": 1.0}),
        ("background", {"background": math.nan}),
    ],
)
def test_bad_arguments_are_named(name, arguments):
    with pytest.raises(ValueError, match=f"^{name}"):
        kdelab.CrossEntropy(**({"clusters": CLUSTERS, "kernel": kdelab.Laplace(0.1)} | arguments))


@pytest.mark.parametrize("logits", [[0.0], [0.0, 1.0, 2.0], [0.0, math.nan], [0.0, math.inf], [[0.0, 1.0]], "two"])
def test_bad_logits_are_named(logits):
    loss = kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1))
    for method in (loss.value_and_grad, loss.value, lambda z: loss.density(z, [0.0])):
        with pytest.raises(ValueError, match=r"^logits"):
            method(logits)


@pytest.mark.parametrize("x", [[math.nan], np.zeros((2, 3)), np.zeros((1, 1, 1)), "here"])
def test_bad_places_are_named(x):
    with pytest.raises(ValueError, match=r"^x "):
        kdelab.CrossEntropy(CLUSTERS, kdelab.Laplace(0.1)).density([0.0, 0.0], x)


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("tolerance", lambda: kdelab.Adaptive(0)),
        ("tolerance", lambda: kdelab.Adaptive(math.nan)),
        ("bins", lambda: kdelab.Midpoint(0)),
        ("bins", lambda: kdelab.Midpoint(2.5)),
        ("nodes", lambda: kdelab.GaussLegendre(True)),
    ],
)
def test_bad_rules_are_named(name, make):
    with pytest.raises(ValueError, match=f"^{name}"):
        make()


@pytest.mark.parametrize("make", ALL, ids=named)
def test_extremes_never_give_nan(make):
    for h in (1e-6, 1.0, 1e6):
        for arguments in (
            ([1e8 * h, 1e8 * h + h], [0, 1], 0, h),
            ([1e8 * h, -1e8 * h], [1000, -1000], -h, h),
            ([0.3], [0], 0.3, np.nextafter(0.3, 1)),
            ([0.3, 0.3 + 1e-12 * h], [0, 1], 0.3 - h / 2, 0.3 + h / 2),
        ):
            loss, gradient = one(*arguments, make(h))
            assert not math.isnan(loss)
            assert np.isfinite(gradient).all()
            assert abs(gradient.sum()) <= 1e-12


def test_import_is_light():
    code = "import sys, kdelab; print([m for m in ('numba', 'numpy', 'pandas', 'matplotlib') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_oracle_closed_form_against_its_quadrature():
    for points, logits, lower, upper in (CASES["near"][:4], CASES["ties"][:4], CASES["one neighbour"][:4]):
        loss, gradient, _ = oracle.laplace(points, logits, lower, upper, 0.13)
        by_quad, by_quad_gradient = oracle.any_kernel(points, logits, lower, upper, kdelab.Laplace(0.13))
        assert mpmath.almosteq(loss, by_quad, 1e-18)
        assert all(mpmath.almosteq(p, q, 1e-18, 1e-18) for p, q in zip(gradient, by_quad_gradient, strict=True))
