"""Small inputs that once gave wrong numbers, each for its kind, against closed forms: see also `campaign`."""

import math

import brute
import numba
import numpy as np
import pytest
from mpmath import mp, mpf

import kdelab
from kdelab.loss.engines.quadrature import engine as quadrature
from kdelab.loss.engines.quadrature import integrate, panel
from kdelab.loss.engines.quadrature import terms as nodes


def one(points, lower, upper, *arguments, logits=None, **named):
    """Return the loss, and all gradients, of one cluster."""
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([points], [lower], [upper]), *arguments, **named)
    values, gradients = loss.value_and_grads(np.zeros(len(points)) if logits is None else logits)
    return values[0], gradients


def test_a_boxs_weight_at_its_own_edge_is_its_own():
    h, width, floor = 0.1, 0.1, 0.25
    _, gradients = one([0.3], 0.35, 0.45, kdelab.Box(h), background=0.5)
    step = math.log((0.5 / (2 * h) + floor) / floor)  # of log p, where the box ends at 0.4
    covered = 0.5 / (2 * h) / (0.5 / (2 * h) + floor) / 2  # mean of r
    assert gradients["points"][0] == pytest.approx(-step / width, rel=1e-12)
    assert gradients["log_bandwidth"][0] == pytest.approx(covered - h * step / width, rel=1e-12)


def test_a_box_that_ends_with_the_background_sees_it_on_one_side_only():
    _, gradients = one([0.5, 1.2], 0.8, 1.6, kdelab.Box(0.5), background=0.5)  # ends at 1; the other covers all
    weight = floor = 0.25
    right, left = math.log(2 * weight / weight), math.log((2 * weight + floor) / (weight + floor))
    assert gradients["points"][0] == pytest.approx(-(right + left) / 2 / 0.8, rel=1e-12)


@pytest.mark.parametrize("rule", [kdelab.Midpoint(10), kdelab.GaussLegendre(7)])
def test_a_fixed_rule_asks_for_the_background_at_each_node(rule):
    clusters = kdelab.Clusters.from_lists([[0.5]], [0.8], [1.6])
    loss = kdelab.CrossEntropy(clusters, kdelab.Gaussian(0.1), rule, background=0.5)
    if isinstance(rule, kdelab.Midpoint):
        nodes, weights = (2 * np.arange(10) + 1) / 10 - 1, np.full(10, 0.1)
    else:
        nodes, weights = np.polynomial.legendre.leggauss(7)
        weights = weights / 2
    at_nodes = loss.density(np.zeros(1), 1.2 + 0.4 * nodes)[0]
    assert loss.value_and_grad(np.zeros(1))[0][0] == pytest.approx(-weights @ np.log(at_nodes), rel=1e-13)


@pytest.mark.parametrize("kernel", [kdelab.Triangular(0.5), kdelab.Epanechnikov(0.5)], ids=repr)
@pytest.mark.parametrize(("light", "background"), [(48.0, 0.0), (0.0, 1e-300), (700.0, 0.0)])
def test_what_little_is_left_where_a_compact_kernel_ends_counts(kernel, light, background):
    points, logits = [0.0, 0.9], [0.0, -light]  # the heavy point ends at 0.5
    true = brute.integral(points, logits, 0.2, 0.7, kernel, background)
    value, gradients = one(points, 0.2, 0.7, kernel, logits=logits, background=background)
    assert value == pytest.approx(true.loss, rel=1e-13)
    np.testing.assert_allclose(gradients["points"] * 0.5, true.points, rtol=0, atol=2e-12 * true.steep)
    assert gradients["log_bandwidth"][0] == pytest.approx(true.log_bandwidth, abs=2e-12 * (1 + true.growing))


@pytest.mark.parametrize("shape", [0.05, 0.1, 0.2, 0.24, 0.5, 0.7, 1.5])
@pytest.mark.parametrize("inside", [0.5, 0.0, -1e-16, -1e-12, -1e-6, -0.01])
def test_a_point_moves_the_loss_by_the_densities_at_both_ends(shape, inside):
    """Of one point L(x) = -mean log K, so that h dL/dx = h (log K((b - x)/h) - log K((a - x)/h)) / (b - a)."""
    a, b, h = 0.3, 0.4, 0.1
    x = a + (inside if inside < 0 else inside * (b - a))
    _, gradients = one([x], a, b, kdelab.GeneralizedNormal(shape, h))
    with mp.workdps(40):
        beta = mpf(shape)
        at_ends = [-((abs(mpf(v) - mpf(x)) / mpf(h)) ** beta) for v in (a, b)]
        true = float((at_ends[1] - at_ends[0]) / (mpf(b) - mpf(a)))
        size = float((abs(at_ends[1]) + abs(at_ends[0])) / (mpf(b) - mpf(a)))
    assert gradients["points"][0] == pytest.approx(true, abs=4e-12 * size)


@pytest.mark.parametrize("make", [kdelab.Laplace, kdelab.Gaussian, kdelab.Cauchy, kdelab.Box, kdelab.Triangular,
                                  kdelab.Epanechnikov, lambda h: kdelab.GeneralizedNormal(0.5, h)])  # fmt: skip
def test_scales_that_squares_would_overflow_are_refused(make):
    for h in (5e-324, 1e-160, 1e-155, 9e307):
        with pytest.raises(ValueError, match=r"bandwidth must lie between 1e-100 and 1e\+100, not"):
            make(h)


def test_shapes_that_no_float_resolves_are_refused():
    for shape in (1e-320, 0.01, 51.0, 1e300):
        with pytest.raises(ValueError, match=r"shape must lie between 0.05 and 50, not"):
            kdelab.GeneralizedNormal(shape, 0.1)


@pytest.mark.parametrize(("lower", "upper"), [(-1e300, 1e300), (0.0, 1e120)])
def test_places_that_lie_too_far_apart_are_refused(lower, upper):
    with pytest.raises(ValueError, match=r"points must lie within 1e\+100 bandwidths of everything else"):
        kdelab.CrossEntropy(kdelab.Clusters.from_lists([[0.0]], [lower], [upper]), kdelab.Laplace(0.1))


@pytest.mark.parametrize("h", [1e-100, 1e-60, 1e60, 1e100])
def test_the_outermost_bandwidths(h):
    """Points (0, 0.05, -0.3), logits (0, 1, 2), Laplace: far below all distances the nearest point counts alone."""
    value, gradients = one([0.0, 0.05, -0.3], -0.05, 0.1, kdelab.Laplace(h), logits=[0.0, 1.0, 2.0])
    # Cells of the three: [-0.05, 0.025] is nearest to 0, [0.025, 0.1] to 0.05; each a mean distance of its own.
    mean = ((0.05**2 + 0.025**2) / 2 + 2 * 0.025**2 / 2 + (0.05**2 - 0.025**2) / 2) / 0.15
    shares = np.exp([0.0, 1.0, 2.0]) / np.exp([0.0, 1.0, 2.0]).sum()
    if h < 1:
        assert value == pytest.approx(mean / h, rel=1e-13)
        np.testing.assert_allclose(gradients["logits"], shares - [0.5, 0.5, 0.0], atol=1e-15)
    else:
        assert value == pytest.approx(math.log(2) + math.log(h), rel=1e-13)
        np.testing.assert_allclose(gradients["logits"], 0.0, atol=1e-15)


@pytest.mark.parametrize("rule", ["auto", kdelab.Adaptive(), kdelab.Midpoint(3)], ids=repr)
def test_boxes_that_end_where_a_speck_of_a_target_begins_are_not_over_it(rule):
    points = [0.0, 0.0, -1.0, -1.0, -1.0, -1.0]
    assert one(points, 0.0, 1.46e-227, kdelab.Box(1.0), rule)[0] == pytest.approx(math.log(6), rel=1e-15)


@pytest.mark.parametrize(("kernel", "most"), [
    (kdelab.Gaussian(0.1), 4),
    *(pytest.param(kernel, most, marks=pytest.mark.slow) for kernel, most in (
        (kdelab.Laplace(0.1), 1), (kdelab.Cauchy(0.1), 4),
        (kdelab.GeneralizedNormal(0.3, 0.1), 9), (kdelab.GeneralizedNormal(1.5, 0.1), 3),
    )),
], ids=repr)  # fmt: skip
def test_smooth_panels_take_few_nodes(kernel, most, monkeypatch):
    """Nodes are counted, not seconds. A rule that sees a kink at a panel's end halves that panel 48 times."""
    places = []
    monkeypatch.setattr(quadrature, "integrate", quadrature.integrate.py_func)
    monkeypatch.setattr(integrate, "add_panel", integrate.add_panel.py_func)
    # What compiled code resolves by a kernel's type has no body in Python: these two call it as compiled code does.
    terms = numba.njit(lambda kernel, cluster, origin, y, out: nodes.terms(kernel, cluster, origin, y, out))
    slopes = numba.njit(lambda kernel, c, origin, y, middle, scale, r, out: nodes.slopes(
        kernel, c, origin, y, middle, scale, r, out))  # fmt: skip
    monkeypatch.setattr(panel, "terms", lambda *given: places.append(given[2] + given[3]) or terms(*given))
    monkeypatch.setattr(panel, "slopes", slopes)
    points, lower, upper = [-0.2, 0.05, 0.15, 0.6], 0.0, 0.2
    clusters = kdelab.Clusters.from_lists([points], [lower], [upper])
    engine = quadrature.ByQuadrature(clusters, kernel, kdelab.Adaptive(), background=0.1)
    panels = engine.panels.offsets[-1]
    engine.value_and_grads(np.zeros(4))
    assert 0 < len(places) <= most * 15 * panels
