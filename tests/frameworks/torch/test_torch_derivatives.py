"""PyTorch's own checks of first and second derivatives, for every kernel and argument, by the engine and natively."""

import numpy as np
import padded_cases
import pytest
import torch
from kernels_under_test import named, sized

import kdelab

KERNELS = sized(0.3, 0.4)
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: named(lambda h: kernel))


def tensors(case, dtype=torch.float64, grad=True):
    return [torch.tensor(array, dtype=dtype, requires_grad=grad) for array in case[:4]]


def loss_of(kernel, case, background, engine):
    mask = torch.tensor(case.mask)

    def loss(logits, points, lower, upper, bandwidth):
        return kdelab.torch.cross_entropy(
            logits, points, lower, upper, kernel, bandwidth, mask, background, engine=engine
        )

    return loss


def bandwidth_of(kernel, each):
    h = 1.05 * kernel.bandwidth
    value = h * np.linspace(0.95, 1.05, 3) if each else h
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


@by_kernel
@pytest.mark.parametrize("background", [0.0, 0.2])
@pytest.mark.parametrize("each", [False, True], ids=["one bandwidth", "one each"])
def test_first_and_second_derivatives(kernel, background, each):
    case = padded_cases.near(width=0.2)
    given = [*tensors(case), bandwidth_of(kernel, each)]
    loss = loss_of(kernel, case, background, engine=True)
    assert torch.autograd.gradcheck(loss, given, fast_mode=True, atol=1e-6)
    assert torch.autograd.gradgradcheck(loss, given, fast_mode=True, atol=1e-5)


@by_kernel
@pytest.mark.parametrize("background", [0.0, 0.2])
def test_native_derivatives_are_the_engine_s(kernel, background):
    case = padded_cases.near(width=0.2, n=10, k=5)
    by = []
    for engine in (True, False):
        given = [*tensors(case), bandwidth_of(kernel, False)]
        loss_of(kernel, case, background, engine)(*given).sum().backward()
        by.append([one.grad for one in given])
    for one, other in zip(*by, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@by_kernel
def test_masked_entries_may_be_anything_and_get_no_gradient(kernel):
    case = padded_cases.near()
    found = []
    for rubbish in (0.0, np.nan, np.inf):
        logits, points = (np.where(case.mask, array, rubbish) for array in (case.logits, case.points))
        for engine in (True, False):
            given = [*tensors(case._replace(logits=logits, points=points)), bandwidth_of(kernel, False)]
            values = loss_of(kernel, case, 0.1, engine)(*given)
            gradients = torch.autograd.grad(values.sum(), given, create_graph=True)
            seconds = torch.autograd.grad(sum((one**2).sum() for one in gradients), given)
            for one in (*gradients[:2], *seconds[:2]):
                assert (one[~torch.tensor(case.mask)] == 0).all()
            found.append([values, *gradients, *seconds])
    for others in found[1:]:
        for one, other in zip(found[0], others, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-7, atol=1e-7)


def test_a_bandwidth_is_learned():
    """From far off, plain gradient descent on log h finds the bandwidth at which the mean loss is least."""
    case = padded_cases.spread(3, n=200)
    given, mask = tensors(case, grad=False), torch.tensor(case.mask)
    loss = kdelab.torch.CrossEntropyLoss(kdelab.Gaussian(1.0), learn_bandwidth=True).double()
    step = torch.optim.LBFGS(loss.parameters(), line_search_fn="strong_wolfe")

    def closure():
        step.zero_grad()
        mean = loss(*given, mask=mask)
        mean.backward()
        return mean

    least = min(float(step.step(closure)) for _ in range(3))
    tried = [kdelab.CrossEntropy(case.clusters, kdelab.Gaussian(h)).value(case.flat(case.logits)).mean()
             for h in np.geomspace(0.02, 2, 60)]  # fmt: skip
    assert least <= min(tried)
    assert least == pytest.approx(min(tried), abs=5e-3)
