"""The loss in array operations, with NumPy's: what PyTorch and JAX compute, against the engines, without either."""

from functools import partial

import numpy as np
import padded_cases
import pytest
from kernels_under_test import named, sized

import kdelab
from kdelab.loss.native import losses as native
from kdelab.loss.native import quadrature
from kdelab.loss.native.units import Padded


class Operations:
    """NumPy under the names that the native losses call."""

    def __getattr__(self, name):
        return getattr(np, name)

    def constant(self, values, like):
        return np.asarray(values, dtype=like.dtype)

    def held(self, x):
        return x


def losses(case, kernel, background=0.0, panels=64, bandwidth=None, dtype=np.float64):
    xp, n = Operations(), len(case.lower)
    h = np.full(n, kernel.bandwidth if bandwidth is None else bandwidth)
    padded = Padded(*(array.astype(dtype) for array in case[:4]), h.astype(dtype), case.mask)
    nodes, density = quadrature.nodes_of(kernel), partial(quadrature.log_density, xp, kernel)
    return native.losses(xp, padded, kernel, background, nodes, panels, density)


KERNELS = sized(0.1, 0.3)
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: named(lambda h: kernel))


@by_kernel
@pytest.mark.parametrize("background", [0.0, 0.2])
@pytest.mark.parametrize("width", [0.2, 1e-7, 0.0])
def test_near_clusters(kernel, background, width):
    case = padded_cases.near(n=20, k=6, width=width)
    true = kdelab.CrossEntropy(case.clusters, kernel, background=background).value(case.flat(case.logits))
    np.testing.assert_allclose(losses(case, kernel, background), true, rtol=0, atol=1e-10)


@by_kernel
def test_where_p_is_0_the_loss_is_infinite(kernel):
    case = padded_cases.near(n=20, k=6)._replace(upper=np.full(20, 0.99), lower=np.full(20, -0.99))
    true = kdelab.CrossEntropy(case.clusters, kernel).value(case.flat(case.logits))
    assert (np.isinf(true) == (kernel.support < np.inf)).all()
    found = losses(case, kernel, panels=256)
    assert (np.isinf(found) == np.isinf(true)).all()
    np.testing.assert_allclose(found[np.isfinite(true)], true[np.isfinite(true)], rtol=0, atol=1e-9)


@pytest.mark.parametrize("bandwidths", [1, 10, 100, 1e3])
def test_laplace_far_and_wide(bandwidths):
    case = padded_cases.spread(bandwidths)
    kernel = kdelab.Laplace(0.1)
    true = kdelab.CrossEntropy(case.clusters, kernel).value(case.flat(case.logits))
    np.testing.assert_allclose(losses(case, kernel), true, rtol=1e-13, atol=1e-11)
    alike = np.abs(losses(case, kernel, dtype=np.float32) - true)
    assert alike.max() < 1e-4 * max(1, bandwidths / 100)


def test_recorded_clusters_in_both_precisions():
    case = padded_cases.recorded()
    for kernel in (kdelab.Laplace(0.1), kdelab.Gaussian(0.1), kdelab.Logistic(0.05)):
        true = kdelab.CrossEntropy(case.clusters, kernel).value(case.flat(case.logits))
        np.testing.assert_allclose(losses(case, kernel, panels=128), true, rtol=0, atol=1e-10)
        np.testing.assert_allclose(losses(case, kernel, dtype=np.float32), true, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("per_bandwidth", "most"), [(1 / 3, 1e-10), (1 / 8, 1e-4)])
def test_so_many_panels_are_enough_for_a_gaussian(per_bandwidth, most):
    """W D / 3 for 1e-10, W D / 8 for 1e-4: width of the target times distance of the points, in bandwidths."""
    kernel = kdelab.Gaussian(0.1)
    for bandwidths in (3, 10, 30, 100):
        case = padded_cases.spread(bandwidths)
        width = (case.upper - case.lower).max() / 0.1
        reach = max(np.ptp(row[known]) for row, known in zip(case.points, case.mask, strict=True)) / 0.1
        found = losses(case, kernel, panels=int(np.ceil(per_bandwidth * width * reach)) + 1)
        true = kdelab.CrossEntropy(case.clusters, kernel).value(case.flat(case.logits))
        assert (np.abs(found - true) <= most * np.maximum(1, np.abs(true))).all()


def test_bandwidths_of_their_own():
    case = padded_cases.near(n=5)
    h = np.linspace(0.05, 0.4, 5)
    for kernel in (kdelab.Laplace(1.0), kdelab.Gaussian(1.0)):
        found = losses(case, kernel, 0.1, bandwidth=h)
        for i, one in enumerate(h):
            true = kdelab.CrossEntropy(case.clusters, type(kernel)(one), background=0.1).value(case.flat(case.logits))
            assert found[i] == pytest.approx(true[i], abs=1e-10)


def test_a_row_without_a_neighbour_costs_infinitely_much():
    case = padded_cases.near()
    case.mask[1] = False
    for kernel in (kdelab.Laplace(0.1), kdelab.Cauchy(0.1), kdelab.Box(0.3)):
        assert np.isinf(losses(case, kernel)).tolist() == [False, True, False]
