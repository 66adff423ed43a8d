"""Losses and gradients where it is hard: against the engine and mpmath, in both precisions, by both paths."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import padded_cases
import pytest
from kernels_under_test import named, sized

import kdelab
from kdelab.jax import cross_entropy

KERNELS = sized(0.1, 0.3)
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: named(lambda h: kernel))
BOTH = pytest.mark.parametrize("engine", [True, False])


def with_gradient(case, kernel, dtype=np.float64, **more):
    """Losses and gradients by logits, in NumPy's, masked entries left out."""
    z, x, a, b = (jnp.asarray(one, dtype) for one in case[:4])

    def total(z):
        found = cross_entropy(z, x, a, b, kernel, mask=case.mask, **more)
        return found.sum(), found

    (_, values), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(z)
    assert values.dtype == gradient.dtype == dtype
    return np.asarray(values), case.flat(np.asarray(gradient))


@by_kernel
def test_recorded_clusters_in_both_precisions(kernel):
    case = padded_cases.recorded(200, 30)
    true = kdelab.CrossEntropy(case.clusters, kernel).value_and_grad(case.flat(case.logits))
    known = np.isfinite(true[0])
    for dtype, within in ((np.float64, 1e-10), (np.float32, 1e-4)):
        values, gradient = with_gradient(case, kernel, dtype)
        np.testing.assert_allclose(values[known], true[0][known], rtol=within, atol=within)
        assert (np.isinf(values) == ~known).mean() > 0.99  # in float32 another point may reach the end of a target
        np.testing.assert_allclose(gradient, true[1], rtol=0, atol=1e-10 if within < 1e-5 else 2e-3)


@BOTH
@pytest.mark.parametrize("bandwidths", [1, 10, 100])
def test_laplace_far_and_wide(bandwidths, engine):
    case, kernel = padded_cases.spread(bandwidths), kdelab.Laplace(0.1)
    true = kdelab.CrossEntropy(case.clusters, kernel).value_and_grad(case.flat(case.logits))
    for dtype, within in ((np.float64, 1e-10), (np.float32, 1e-4)):
        for found, one in zip(with_gradient(case, kernel, dtype, engine=engine), true, strict=True):
            np.testing.assert_allclose(found, one, rtol=within, atol=within)


@BOTH
@pytest.mark.parametrize(
    ("points", "lower", "upper"),
    [
        ([[100.0, 100.1, 100.3]], [0.0], [0.2]),  # 1,000 bandwidths away
        ([[0.1, 0.1, 0.1]], [0.0], [0.2]),  # ties
        ([[0.0, 0.2, 0.1]], [0.0], [0.2]),  # right on the ends
        ([[-0.3, 0.1, 0.2]], [0.05], [0.05]),  # a == b
        ([[0.4]], [0.0], [0.2]),  # one neighbour
        ([[-50.0, 0.1, 70.0]], [0.0], [1e-9]),
    ],
)
def test_extremes_of_laplace_are_mpmath_s(points, lower, upper, engine):
    x, a, b = np.array(points), np.array(lower), np.array(upper)
    z = np.linspace(-3, 2, x.size).reshape(x.shape)
    loss, gradient, slopes = oracle.laplace(x[0], z[0], a[0], b[0], 0.1)

    def total(z, x):
        return cross_entropy(z, x, a, b, kdelab.Laplace(0.1), reduction="sum", engine=engine)

    value, (by_logit, by_point) = jax.value_and_grad(total, (0, 1))(z, x)
    np.testing.assert_allclose(value, float(loss), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(by_logit[0], [float(one) for one in gradient], atol=1e-10)
    np.testing.assert_allclose(by_point[0], [float(one) for one in slopes], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("kernel", "engine"),
    [*((kernel, True) for kernel in KERNELS), *((kind(0.1), False) for kind in (kdelab.Laplace, kdelab.Gaussian))],
    ids=str,
)
def test_what_is_masked_may_be_anything_and_gets_no_gradient(kernel, engine):
    case = padded_cases.near(n=4, k=5)
    true = with_gradient(case, kernel, engine=engine)
    for junk in (np.nan, np.inf, 1e300):
        logits, points = (np.where(case.mask, one, junk) for one in case[:2])
        found = with_gradient(case._replace(logits=logits, points=points), kernel, engine=engine)
        assert all((one == other).all() for one, other in zip(found, true, strict=True))


@BOTH
def test_a_row_that_is_wrong_spoils_no_other_where_nothing_can_be_looked_at(engine):
    case, kernel = padded_cases.near(n=6, k=4), kdelab.Gaussian(0.1)
    z, x, a, b, mask, h = *(one.copy() for one in case), np.full(6, 0.1)
    mask[0], z[1, 2], x[2, 1], a[3], h[4] = False, np.nan, np.inf, b[3] + 1, -1.0
    mask[1:5] = True

    def total(*given):
        found = cross_entropy(*given[:4], kernel, given[4], mask=given[5], engine=engine)
        return jnp.where(jnp.isfinite(found), found, 0.0).sum(), found

    (_, values), gradients = jax.jit(jax.value_and_grad(total, range(5), has_aux=True))(z, x, a, b, h, mask)
    assert np.isinf(values[0])
    assert np.isnan(values[1:5]).all()
    alone = [one[5:] for one in (z, x, a, b, h, mask)]
    (_, value), true = jax.jit(jax.value_and_grad(total, range(5), has_aux=True))(*alone)
    np.testing.assert_allclose(values[5:], value, rtol=1e-14)
    for found, one in zip(gradients, true, strict=True):
        assert np.isfinite(found).all()
        assert (np.asarray(found)[:5] == 0).all()
        np.testing.assert_allclose(found[5:], one, rtol=1e-12, atol=1e-14)


@BOTH
def test_where_p_is_0_the_loss_is_infinite_and_gradients_are_not(engine):
    kernel, points = kdelab.Box(0.1), jnp.array([[0.0, 0.05], [5.0, 6.0]])

    def total(z):
        found = cross_entropy(z, points, jnp.zeros(2), jnp.full(2, 0.1), kernel, engine=engine)
        return found.sum(), found

    (_, values), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(jnp.array([[0.0, 1.0], [2.0, 3.0]]))
    assert np.isinf(values).tolist() == [False, True]
    assert np.isfinite(gradient).all()


def test_a_bandwidth_a_prediction_is_many_kernels():
    case = padded_cases.near(n=4, k=5)
    h = np.array([0.05, 0.1, 0.2, 0.4])
    for background in (0.0, 0.1):
        for kernel in (kdelab.Laplace(7.0), kdelab.Logistic(7.0)):
            found = cross_entropy(*case[:4], kernel, h, case.mask, background)
            for i, one in enumerate(h):
                loss = kdelab.CrossEntropy(case.clusters, type(kernel)(one), background=background)
                assert found[i] == pytest.approx(loss.value(case.flat(case.logits))[i], rel=1e-12)


def test_no_predictions_have_no_losses():
    empty = cross_entropy(np.empty((0, 3)), np.empty((0, 3)), np.empty(0), np.empty(0), kdelab.Laplace(0.1), 0.1)
    assert empty.shape == (0,)


def test_the_example_in_jax_s_own_float32():
    script = """
import jax, jax.numpy as jnp, kdelab
points, lower, upper = (jnp.array(x) for x in ([[-0.3, 0.1, 0.2]], [0.0], [0.2]))
kernel = kdelab.Laplace(bandwidth=0.1)
def total(logits):
    return kdelab.jax.cross_entropy(logits, points, lower, upper, kernel, reduction="sum")
for total in (total, jax.jit(total)):
    gradient = jax.grad(total)(jnp.zeros((1, 3)))
    print(*(f"{one:.3f}" for one in gradient[0]), gradient.dtype, total(jnp.zeros((1, 3))).dtype)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said == "0.309 -0.265 -0.044 float32 float32\n" * 2
