"""kdelab.torch against the engine and mpmath: spread, recorded and extreme clusters, in both precisions."""

import copy
import gc
import pickle

import numpy as np
import oracle
import padded_cases
import pytest
import torch
from kernels_under_test import named, sized

import kdelab

KERNELS = sized(0.1, 0.3)
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: named(lambda h: kernel))
MOST = {torch.float64: 1e-10, torch.float32: 1e-4}


def found(case, kernel, dtype=torch.float64, engine=True, background=0.0):
    """Return losses and gradients by logits and by points as the engine orders them."""
    given = [torch.tensor(array, dtype=dtype, requires_grad=True) for array in case[:4]]
    mask = torch.tensor(case.mask)
    values = kdelab.torch.cross_entropy(*given, kernel, mask=mask, background=background, engine=engine)
    values.sum().backward()
    assert values.dtype == given[0].grad.dtype == dtype
    return values.detach().numpy(), given[0].grad.numpy()[case.mask], given[1].grad.numpy()[case.mask]


def true(case, kernel, background=0.0):
    loss = kdelab.CrossEntropy(case.clusters, kernel, background=background)
    values, gradients = loss.value_and_grads(case.flat(case.logits), wrt=("logits", "points"))
    return values, gradients["logits"], gradients["points"]


@by_kernel
@pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])
@pytest.mark.parametrize("dtype", list(MOST), ids=["float64", "float32"])
@pytest.mark.parametrize("bandwidths", [1, 10, 100])
def test_spread_clusters(kernel, engine, dtype, bandwidths):
    background = 0.1 if kernel.support < np.inf else 0.0
    case = padded_cases.spread(bandwidths, n=40, k=12)
    case = padded_cases.Case(*(array.astype(np.float32).astype(np.float64) for array in case[:4]), case.mask)
    values, by_logit, _ = found(case, kernel, dtype, engine, background)
    expected = true(case, kernel, background)
    finite = np.isfinite(expected[0])
    assert (np.isfinite(values) == finite).all()
    assert (np.abs(values - expected[0])[finite] <= MOST[dtype] * np.maximum(1, np.abs(expected[0][finite]))).all()
    np.testing.assert_allclose(by_logit, expected[1], rtol=0, atol=MOST[dtype])


@pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])
@pytest.mark.parametrize("dtype", list(MOST), ids=["float64", "float32"])
@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.1), kdelab.Gaussian(0.1), kdelab.Huber(0.05)])
def test_recorded_clusters(kernel, engine, dtype):
    case = padded_cases.recorded()
    values, by_logit, _ = found(case, kernel, dtype, engine)
    expected = true(case, kernel)
    np.testing.assert_allclose(values, expected[0], rtol=0, atol=MOST[dtype])
    np.testing.assert_allclose(by_logit, expected[1], rtol=0, atol=MOST[dtype])


EXTREMES = {
    "far on one side": ([-100.0, -100.1, -100.3], 0.0, 0.1),
    "far on both sides": ([-100.0, 100.02, 100.3], 0.0, 0.1),
    "ties": ([0.05, 0.05, 0.05], 0.0, 0.1),
    "ties at the ends": ([0.0, 0.0, 0.1], 0.0, 0.1),
    "one place": ([0.03, -0.2, 0.5], 0.1, 0.1),
    "nearly one place": ([0.03, -0.2, 0.5], 0.1, 0.1 + 1e-12),
    "wide": ([-30.0, 0.0, 31.0], -40.0, 50.0),
}


@pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])
@pytest.mark.parametrize("name", EXTREMES)
@pytest.mark.parametrize("logits", [[0.0, 0.0, 0.0], [3.0, -2.0, 0.5], [-600.0, 0.0, 500.0]], ids=str)
def test_extremes_against_mpmath(engine, name, logits):
    points, lower, upper = EXTREMES[name]
    mask = np.ones((1, 3), bool)
    case = padded_cases.Case(*(np.array([array]) for array in (logits, points, lower, upper)), mask)
    values, by_logit, by_point = found(case, kdelab.Laplace(0.1), engine=engine)
    loss, gradient, slopes = oracle.laplace(points, logits, lower, upper, 0.1)
    size = max(1.0, abs(float(loss)))
    assert values[0] == pytest.approx(float(loss), abs=1e-10 * size)
    np.testing.assert_allclose(by_logit, np.array(gradient, float), rtol=0, atol=1e-10 * size)
    if "ends" not in name:  # at a kink of the loss the engine gives the mean of both sides
        np.testing.assert_allclose(0.1 * by_point, 0.1 * np.array(slopes, float), rtol=0, atol=1e-9 * size)


def test_one_neighbour():
    case = padded_cases.Case(*(np.array(one) for one in ([[5.0]], [[0.3]], [0.0], [0.1])), np.ones((1, 1), bool))
    for engine in (True, False):
        values, by_logit, by_point = found(case, kdelab.Laplace(0.1), engine=engine)
        assert values[0] == pytest.approx(np.log(0.2) + 2.5)
        assert by_logit[0] == pytest.approx(0, abs=1e-15)
        assert by_point[0] == pytest.approx(10)


@pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])
def test_ragged_clusters_are_padded_ones(engine):
    case = padded_cases.spread(5)
    clusters, flat = case.clusters, torch.tensor(case.flat(case.logits), requires_grad=True)
    kernel = kdelab.Laplace(0.1)
    padded = found(case, kernel, engine=engine)
    offsets, points = torch.tensor(clusters.offsets), torch.tensor(clusters.points)
    lower, upper = torch.tensor(case.lower), torch.tensor(case.upper)
    upstream = torch.linspace(1, 2, len(lower), dtype=torch.float64)
    for given in ((clusters, None, None), (points, lower, upper)):
        values = kdelab.torch.cross_entropy(
            flat, *given, kernel, offsets=None if given[0] is clusters else offsets, engine=engine
        )
        np.testing.assert_allclose(values.detach(), padded[0], atol=1e-13)
        for again in (True, False):
            (gradient,) = torch.autograd.grad(values @ upstream, flat, create_graph=again, retain_graph=True)
            np.testing.assert_allclose(gradient.detach(), padded[1] * clusters.spread(upstream.numpy()), atol=1e-13)


def test_prepared_is_the_same():
    case = padded_cases.spread(5)
    given = [torch.tensor(array) for array in case[:4]]
    mask, kernel = torch.tensor(case.mask), kdelab.Laplace(0.1)
    prepared = kdelab.torch.CrossEntropy(*given[1:], kernel, mask, reduction="none")
    plain = kdelab.torch.cross_entropy(*given, kernel, mask=mask)
    torch.testing.assert_close(prepared(given[0]), plain, rtol=0, atol=0)
    ragged = kdelab.torch.CrossEntropy(case.clusters, None, None, kernel, reduction="mean")
    logits = torch.tensor(case.flat(case.logits), requires_grad=True)
    ragged(logits).backward()
    np.testing.assert_allclose(logits.grad, found(case, kernel)[1] / len(plain), atol=1e-15)
    assert prepared.float()(given[0].float()).dtype == torch.float32


def test_a_prepared_loss_is_copied_and_stored_whole():
    case = padded_cases.spread(5)
    loss = kdelab.torch.CrossEntropy(case.clusters, None, None, kdelab.Laplace(0.1))
    logits = torch.tensor(case.flat(case.logits))
    value = loss(logits)
    others = [copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))]
    del loss
    gc.collect()
    assert [other(logits) for other in others] == [value, value]


def test_logits_may_lie_in_memory_as_they_like():
    case = padded_cases.spread(5)
    given, mask = [torch.tensor(array) for array in case[:4]], torch.tensor(case.mask)
    plain = kdelab.torch.cross_entropy(*given, kdelab.Laplace(0.1), mask=mask)
    across = given[0].t().contiguous().t().requires_grad_(True)
    loss = torch.compile(kdelab.torch.cross_entropy, backend="aot_eager", fullgraph=True)
    values = loss(across, *given[1:], kdelab.Laplace(0.1), mask=mask)
    torch.testing.assert_close(values, plain, rtol=0, atol=0)
    values.sum().backward()
    np.testing.assert_allclose(across.grad.numpy()[case.mask], found(case, kdelab.Laplace(0.1))[1], atol=1e-15)
