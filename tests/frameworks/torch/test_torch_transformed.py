"""kdelab.torch under `torch.compile` and `torch.func`, and how large its tensors get."""

import padded_cases
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import kdelab

CASE = padded_cases.spread(5, n=16, k=6)
GIVEN = [torch.tensor(array) for array in CASE[:4]]
MASK = torch.tensor(CASE.mask)
KERNELS = [kdelab.Laplace(0.1), kdelab.Gaussian(0.1)]
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=["Laplace", "Gaussian"])
by_engine = pytest.mark.parametrize("engine", [True, False], ids=["engine", "native"])


def mean_of(kernel, engine, **options):
    def mean(logits, points, lower, upper, bandwidth=None):
        return kdelab.torch.cross_entropy(
            logits, points, lower, upper, kernel, bandwidth, MASK[: len(logits)], 0.0, "mean", engine=engine, **options
        )

    return mean


@by_kernel
def test_compiled_it_is_one_graph_with_the_same_numbers(kernel):
    mean = mean_of(kernel, True)
    given = [one.clone().requires_grad_(True) for one in (*GIVEN, torch.tensor(0.12, dtype=torch.float64))]
    eager = mean(*given)
    compiled = torch.compile(mean, fullgraph=True, dynamic=False)(*given)
    assert compiled.item() == eager.item()
    for one, other in zip(torch.autograd.grad(compiled, given), torch.autograd.grad(eager, given), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-14, atol=1e-15)


def test_natively_it_compiles_to_one_graph_too():
    mean = mean_of(kdelab.Gaussian(0.1), False, panels=64)
    logits = GIVEN[0].clone().requires_grad_(True)
    compiled = torch.compile(mean, fullgraph=True, dynamic=False, backend="aot_eager")(logits, *GIVEN[1:])
    eager = mean(logits, *GIVEN[1:])
    torch.testing.assert_close(compiled, eager, rtol=1e-13, atol=0)
    for one, other in zip(*(torch.autograd.grad(loss, logits) for loss in (compiled, eager)), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


def test_compiled_code_sees_errors_in_numbers():
    compiled = torch.compile(mean_of(KERNELS[0], True), backend="eager")
    with pytest.raises(ValueError, match="logits must be finite"):
        compiled(GIVEN[0] * float("nan"), *GIVEN[1:])


@by_kernel
@by_engine
def test_func_s_derivatives(kernel, engine):
    logits = GIVEN[0].clone().requires_grad_(True)
    mean = mean_of(kernel, engine)
    (gradient,) = torch.autograd.grad(mean(logits, *GIVEN[1:]), logits, create_graph=True)
    found = torch.func.grad(mean)(*GIVEN)
    torch.testing.assert_close(found, gradient, rtol=1e-9, atol=1e-12)

    def each(logits, points, lower, upper, mask):
        return kdelab.torch.cross_entropy(logits, points, lower, upper, kernel, mask=mask, engine=engine, panels=200)

    rows = torch.func.vmap(torch.func.grad(each))(*GIVEN, MASK)
    torch.testing.assert_close(rows / len(GIVEN[0]), gradient, rtol=1e-9, atol=1e-12)
    few = [one[:3] for one in GIVEN]
    hessian = torch.func.jacrev(torch.func.jacrev(mean_of(kernel, engine, panels=200)))(*few)
    twice = torch.autograd.functional.hessian(lambda z: mean(z, *few[1:]), few[0])
    torch.testing.assert_close(hessian, twice, rtol=1e-8, atol=1e-10)


@by_engine
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_vmap_over_bandwidths_of_one_batch(engine, background):
    tried = torch.tensor([0.05, 0.1, 0.3], dtype=torch.float64)

    def values(h):
        return kdelab.torch.cross_entropy(*GIVEN, kdelab.Gaussian(1.0), h, MASK, background, engine=engine, panels=300)

    together = torch.func.vmap(values)(tried)
    torch.testing.assert_close(together, torch.stack([values(h) for h in tried]), rtol=1e-9, atol=1e-11)


def test_forward_mode_natively():
    mean = mean_of(KERNELS[0], False)
    direction = torch.randn(GIVEN[0].shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, along = torch.func.jvp(lambda z: mean(z, *GIVEN[1:]), (GIVEN[0],), (direction,))
    torch.testing.assert_close(along, (torch.func.grad(mean)(*GIVEN) * direction).sum(), rtol=1e-10, atol=1e-12)


class Largest(TorchDispatchMode):
    """Remembers how many numbers the largest tensor has that any operation makes."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        made = function(*arguments, **(options or {}))
        for one in made if isinstance(made, (tuple, list)) else (made,):
            if isinstance(one, torch.Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@by_engine
@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.1), kdelab.Gaussian(0.1), kdelab.Cauchy(0.1)], ids=repr)
def test_no_tensor_of_all_kernel_values(kernel, engine):
    """None of (n, k, bins), not even of four bins; chunks of places of small batches apart."""
    n, k = 400, 700
    rng = torch.Generator().manual_seed(0)
    logits = torch.randn(n, k, generator=rng).requires_grad_(True)
    points, lower = torch.randn(n, k, generator=rng) / 3, torch.randn(n, generator=rng) / 3
    with Largest() as largest:
        kdelab.torch.cross_entropy(logits, points, lower, lower + 0.2, kernel, engine=engine, panels=2).sum().backward()
    assert largest.numbers < 4 * n * k
