"""First derivatives are the engine's, those of the first the native ones: both modes, against differences."""

import jax
import numpy as np
import padded_cases
import pytest
from jax.test_util import check_grads
from kernels_under_test import named, sized

import kdelab
from kdelab.jax import cross_entropy

KERNELS = sized(0.1, 0.3)
by_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: named(lambda h: kernel))


def arguments(case, h=0.1):
    return *case[:4], h * np.linspace(0.9, 1.1, len(case.lower))


@pytest.fixture
def in_haste():
    """XLA compiles for longer than it computes here."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.mark.usefixtures("in_haste")
@pytest.mark.parametrize(
    ("kernel", "background"),
    [*((kernel, 0.1) for kernel in KERNELS), (kdelab.Laplace(0.1), 0.0)],
    ids=lambda one: named(lambda h: one) if isinstance(one, kdelab.loss.kernels.Kernel) else str(one),
)
def test_both_modes_agree_with_differences_to_the_second_order(kernel, background):
    case = padded_cases.near()

    def losses(*given):
        return cross_entropy(*given[:4], kernel, given[4], case.mask, background)

    given = arguments(case, kernel.bandwidth)
    check_grads(losses, given, order=2, modes=["fwd", "rev"], eps=1e-6, atol=1e-5, rtol=1e-5)


@by_kernel
def test_gradients_are_the_engine_s(kernel):
    case = padded_cases.recorded(40, 12)
    wrt = ("logits", "points", "lower", "upper", "log_bandwidth")
    values, true = kdelab.CrossEntropy(case.clusters, kernel).value_and_grads(case.flat(case.logits), wrt=wrt)
    h = np.full(len(case.lower), kernel.bandwidth)

    def total(*given):
        return cross_entropy(*given[:4], kernel, given[4], case.mask, reduction="sum")

    value, found = jax.value_and_grad(total, range(5))(*case[:4], h)
    assert value == pytest.approx(values.sum(), rel=1e-12)
    for name, one in zip(wrt, found, strict=True):
        flat = case.flat(np.asarray(one)) * (h if name == "log_bandwidth" else 1)
        np.testing.assert_allclose(flat, true[name], rtol=1e-10, atol=1e-10, err_msg=name)
        assert one.ndim != 2 or (np.asarray(one)[~case.mask] == 0).all()


@by_kernel
@pytest.mark.parametrize("background", [0.0, 0.1])
def test_native_first_derivatives_are_the_engine_s(kernel, background):
    case = padded_cases.near(n=8, k=5)

    def gradients(engine):
        def total(*given):
            return cross_entropy(*given[:4], kernel, given[4], case.mask, background, "sum", engine=engine)

        return jax.jit(jax.grad(total, range(5)))(*arguments(case, kernel.bandwidth))

    for engine, native in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(native, engine, rtol=1e-7, atol=1e-7)


def test_only_what_is_asked_for_is_computed(monkeypatch):
    asked = []
    monkeypatch.setattr("kdelab.jax.engine._evaluate", lambda kernel, background, by, given: asked.append(by) or [
        np.zeros(given.lower.shape), *(np.zeros(getattr(given, name).shape) for name in by)
    ])  # fmt: skip
    case, kernel = padded_cases.near(n=2, k=4), kdelab.Laplace(0.123)
    f = lambda z, a: cross_entropy(z, case.points, a, case.upper, kernel, reduction="sum")  # noqa: E731
    f(case.logits, case.lower)
    jax.grad(f)(case.logits, case.lower)
    jax.grad(f, 1)(case.logits, case.lower)
    jax.jit(jax.grad(f, (0, 1)))(case.logits, case.lower)
    jax.jvp(lambda z: f(z, case.lower), [case.logits], [case.logits])
    assert asked == [(), ("logits",), ("lower",), ("logits", "lower"), ("logits",)]
