"""Gradients by the ends of targets, and the density in logarithms that they are made of."""

import math
from dataclasses import dataclass

import mpmath
import numpy as np
import oracle
import pytest
from kernels_under_test import ALL, named, sized
from test_own_kernel import Parabola, Sech, Uncompiled

import kdelab
from kdelab.loss.ends import by_ends
from kdelab.loss.engines.base import Engine

ENDS = ("lower", "upper")
H = 0.1
WIDTHS = [0.0, 1e-12, 1e-9, 1e-6, 1e-3, 0.03, 1.0, 30.0]  # in bandwidths
DENSE = np.linspace(-0.6, 1.0, 23) + 0.013 * np.sin(np.arange(23.0))  # so that compact kernels leave no gap


def one(points, logits, lower, upper, kernel, **more):
    """Return the loss, dL/da and dL/db of one prediction, and dL/dx."""
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([points], [lower], [upper]), kernel, **more)
    values, found = loss.value_and_grads(logits, (*ENDS, "points"))
    return values[0], found["lower"][0], found["upper"][0], found["points"]


def of_differences(clusters, kernel, logits, step=1e-6, **more):
    """Return dL/da and dL/db as differences."""
    found = []
    for end in (0, 1):
        moved = []
        for side in (1, -1):
            ends = [clusters.lower, clusters.upper]
            ends[end] = ends[end] + side * step
            moved.append(kdelab.CrossEntropy(clusters.aimed_at(*ends), kernel, **more).value(logits))
        found.append((moved[0] - moved[1]) / (2 * step))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS[1:])
@pytest.mark.parametrize("make", ALL, ids=named)
def test_they_are_those_of_40_digits_at_every_width(make, width):
    check_against_40_digits(make(H), width, 0.0)
    check_against_40_digits(make(H), width, 0.2)


@pytest.mark.parametrize("make", [kdelab.Laplace, kdelab.Gaussian, kdelab.Triangular])
def test_they_are_those_of_40_digits_where_targets_are_narrow(make):
    check_against_40_digits(make(H), 1e-9, 0.0)
    check_against_40_digits(make(H), 0.03, 0.2)


def check_against_40_digits(kernel, width, background):
    a, b = 0.0132, 0.0132 + min(width, 8.0 if kernel.support < np.inf else 30.0) * H
    points = DENSE if kernel.support < np.inf else [-0.35, -0.02, 0.01321, 0.2, 0.9]
    logits = np.cos(np.arange(len(points)) * 2.0)
    true = [float(v) for v in oracle.by_ends(points, logits, a, b, kernel, background)]
    _, *found, _ = one(points, logits, a, b, kernel, background=background)
    np.testing.assert_allclose(found, true, rtol=0, atol=1e-10 * max(1 / H, *np.abs(true)))


@pytest.mark.parametrize("kernel", [*sized(H, 7 * H), Sech(H), Parabola(7 * H)], ids=lambda k: named(lambda _: k))
def test_moving_points_and_target_together_changes_nothing(kernel):
    """Whatever the width: dL/da + dL/db + sum_j dL/dx_j = 0, and at a == b either is half of that."""
    random = np.random.default_rng(4)
    lower = random.uniform(-0.3, 0.3, 48)
    widths = np.repeat(WIDTHS, 6)
    clusters = kdelab.Clusters.from_padded(random.uniform(-0.4, 0.6, (48, 9)), lower, lower + widths * H)
    values, found = kdelab.CrossEntropy(clusters, kernel).value_and_grads(
        random.normal(size=432), ("points", *ENDS)
    )  # fmt: skip
    assert np.isfinite(values).sum() >= 40
    left = found["lower"] + found["upper"] + clusters.sum(found["points"])
    size = np.maximum(1 / kernel.bandwidth, np.abs(found["lower"]))
    assert (np.abs(left) / size).max() < 1e-10
    np.testing.assert_array_equal(found["lower"][widths == 0], found["upper"][widths == 0])


@pytest.mark.parametrize("kernel", [*sized(H, 9 * H), Sech(H), Uncompiled(H)], ids=lambda k: named(lambda _: k))
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_they_are_what_differences_say_whatever_the_rule(kernel, background):
    clusters = kdelab.Clusters.from_lists([[-0.31, 0.1, 0.25], [0.9, 0.31]], [-0.1, 0.2], [0.2, 0.5])
    logits = [0.3, -0.2, 0.5, 0.0, 1.0]
    for rule in ("auto", kdelab.Midpoint(3), kdelab.GaussLegendre(4)):
        _, found = kdelab.CrossEntropy(clusters, kernel, rule, background).value_and_grads(logits, ENDS)
        expected = of_differences(clusters, kernel, logits, quadrature=rule, background=background)
        np.testing.assert_allclose([found[end] for end in ENDS], expected, rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class Cusped(kdelab.loss.kernels.base.Kernel):
    """Laplace's kernel, over arrays only."""

    kinks = (0.0,)

    def log_unit(self, u, xp=np):
        return -u - math.log(2)

    def slope(self, u, xp=np):
        return -xp.ones_like(u)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("own", "ours"), [(Cusped, kdelab.Laplace), (Parabola, kdelab.Epanechnikov)])
def test_a_kernel_over_arrays_has_the_same(own, ours, width):
    width = min(width, 3.0) * H
    for background in (0.0, 0.1):
        arguments = [-0.04, 0.0, 0.05, 0.2], [0.1, 0.5, -0.3, 0.0], 0.0, width
        _, a, b, _ = one(*arguments, own(3 * H), background=background)
        _, *expected, _ = one(*arguments, ours(3 * H), background=background)
        np.testing.assert_allclose([a, b], expected, rtol=1e-10, atol=1e-10 / H)


def test_at_a_kink_it_is_the_mean_of_both_sides():
    for at in (0.3, 0.3 + 1e-17):
        assert one([0.3], [0.0], at, 0.3, kdelab.Laplace(H))[1:3] == (0.0, 0.0)
    assert one([0.3, 0.3, 0.2], [0.0, 0.0, 0.0], 0.3, 0.3, kdelab.Laplace(H))[1] == pytest.approx(
        math.exp(-1) / (2 + math.exp(-1)) / H / 2, rel=1e-14
    )
    # A box ends at b: beyond it half of the weight is left.
    _, a, b, _ = one([0.0, 0.3], [0.0, 0.0], 0.25, 0.5, kdelab.Box(0.5))
    assert (a, b) == pytest.approx((0.0, math.log(2) / 2 / 0.25), abs=1e-14)
    for width in (0.25, 2.0**-30):
        _, a, b, _ = one([0.0], [0.0], 1.0 - width, 1.0, kdelab.Box(3.0), background=0.5)
        assert (a, b) == pytest.approx((0.0, math.log(4) / 2 / width), rel=1e-9, abs=1e-6)


def test_a_jump_of_the_density_inside_counts():
    for width in (1e-9, 1e-3, 0.2):
        a, b = 0.5 - width / 4, 0.5 + 3 * width / 4
        _, *found, _ = one([0.0, 0.3], [0.0, 0.0], a, b, kdelab.Box(0.5))
        jump = math.log(2) / width
        np.testing.assert_allclose(found, [0.75 * jump, 0.25 * jump], rtol=1e-6)


def test_where_a_step_outwards_makes_the_loss_infinite_or_it_is_so_already_it_is_0():
    loss, *found, _ = one([0.0], [0.0], 0.5, 2.0, kdelab.Triangular(1.0))
    assert (loss, *found) == (math.inf, 0.0, 0.0)
    loss, a, b, _ = one([0.0], [0.0], 0.5, 1.0, kdelab.Triangular(1.0))
    assert b == 0.0
    assert a == pytest.approx((loss + math.log(0.5)) / 0.5, rel=1e-13)
    assert one([0.0], [0.0], 1.0, 1.0, kdelab.Triangular(1.0))[1:3] == (0.0, 0.0)


@pytest.mark.parametrize("away", [1e3, 1e8])
@pytest.mark.parametrize("width", WIDTHS)
def test_far_clusters_are_as_good_as_near_ones(away, width):
    w, x, logits = width * H, away * H, [0.0, 0.0]
    _, *found, _ = one([x, x], logits, 0.0, w, kdelab.Laplace(H))
    np.testing.assert_allclose(found, [-0.5 / H, -0.5 / H], rtol=1e-10)
    _, *found, _ = one([x, x], logits, 0.0, w, kdelab.Gaussian(H))  # s = (x_1 - x) / h^2, linear
    np.testing.assert_allclose(found, [-(x / 2 - w / 6) / H**2, -(x / 2 - w / 3) / H**2], rtol=1e-10)
    if width:  # each side has its half of the target, but for a place or so in between
        _, *found, _ = one([w / 2 + x, w / 2 - x], logits, 0.0, w, kdelab.Laplace(H))
        true = oracle.by_ends([w / 2 + x, w / 2 - x], logits, 0.0, w, kdelab.Laplace(H), cuts=[w / 2])
        np.testing.assert_allclose(found, np.array(true, float), rtol=0, atol=1e-10 / H)
    _, a, b, dx = one([w / 2 + x, w / 2 - x], logits, 0.0, w, kdelab.Gaussian(H))
    assert a + b == pytest.approx(-dx.sum(), abs=1e-10 * max(1 / H, abs(a)))


def test_only_what_is_asked_for_is_computed(monkeypatch):
    clusters = kdelab.Clusters.from_lists([[0.1, 0.2]], [0.0], [0.1])
    loss = kdelab.CrossEntropy(clusters, kdelab.Laplace(H))
    everything = loss.value_and_grads([0.0, 0.0], ("logits", "points", "log_bandwidth", *ENDS))[1]
    monkeypatch.setattr(Engine, "value_and_grads", None)
    for wrt in (("logits", "lower"), ("upper",), ENDS):
        found = loss.value_and_grads([0.0, 0.0], wrt, weights=[2.0])[1]
        assert list(found) == list(wrt)
        for name in wrt:
            np.testing.assert_allclose(found[name], 2.0 * everything[name], rtol=1e-14)
    monkeypatch.setattr(Engine, "value_and_grad", None)
    loss.value_and_grads([0.0, 0.0], ENDS)


def test_none_where_there_is_no_prediction():
    nothing = kdelab.Clusters.from_lists([], [], [])
    found = by_ends(nothing, kdelab.Box(1.0), kdelab.Adaptive(), 0.1, nothing.checked([]), np.empty(0))
    assert [len(each) for each in found] == [0, 0]


@pytest.mark.parametrize("kernel", [*sized(H, 7 * H), Uncompiled(H)], ids=lambda k: named(lambda _: k))
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_log_density_is_the_logarithm_of_the_density(kernel, background):
    clusters = kdelab.Clusters.from_lists([[-0.31, 0.1, 0.25], [0.9, 0.31]], [-0.1, 0.2], [0.2, 0.5])
    loss, logits, x = (
        kdelab.CrossEntropy(clusters, kernel, background=background),
        [0.3, -0.2, 0.5, 0.0, 1.0],
        [0.2, 0.6],
    )
    at_places = kdelab.CrossEntropy(clusters.aimed_at([0.2, 0.6], [0.2, 0.6]), kernel, background=background)
    found = loss.log_density(logits, x)
    np.testing.assert_allclose(np.diag(found), -at_places.value(logits), rtol=1e-13)
    np.testing.assert_array_equal(loss.density(logits, x), np.exp(found))


def test_log_density_is_exact_where_the_density_underflows():
    for away in (1e3, 1e8):
        x = np.array([0.0, 0.07])
        points = np.array([away * H, away * H + 0.03, -away * H])
        logits = np.array([0.3, 0.5, -0.2])
        clusters = kdelab.Clusters.from_lists([points], [0.0], [0.1])
        for make in (kdelab.Laplace, kdelab.Gaussian, kdelab.Cauchy, kdelab.Huber, kdelab.Logistic):
            found = kdelab.CrossEntropy(clusters, make(H)).log_density(logits, x)[0]
            for place, value in zip(x, found, strict=True):
                with mpmath.workdps(40):
                    true = oracle.any_kernel(points, logits, place, place, make(H))[0]
                assert value == pytest.approx(-float(true), rel=1e-14)
    covered = kdelab.CrossEntropy(kdelab.Clusters.from_lists([[0.0]], [0.0], [0.1]), kdelab.Box(0.5))
    assert covered.log_density([0.0], [0.5, 0.6]).tolist() == [[0.0, -math.inf]]
    walled = kdelab.CrossEntropy(covered.clusters, kdelab.Box(0.5), background=0.5)
    assert walled.log_density([0.0], [1.0, 1.1]).tolist() == [[math.log(0.25), -math.inf]]
