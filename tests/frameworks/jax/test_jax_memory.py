"""No array of all kernel values, (n, k, nodes), comes to be, whatever is derived."""

from functools import partial

import jax
import numpy as np
import padded_cases
import pytest

import kdelab
from kdelab.jax import cross_entropy, native


def largest(jaxpr):
    """The size of the largest array in a program, and in those that it calls."""
    sizes = [one.aval.size for equation in jaxpr.eqns for one in equation.outvars]
    inner = [
        one for equation in jaxpr.eqns for one in jax.tree.leaves(list(equation.params.values()), is_leaf=_program)
    ]
    return max([*sizes, *(largest(getattr(one, "jaxpr", one)) for one in inner if _program(one))], default=0)


def _program(one):
    return hasattr(one, "eqns") or hasattr(getattr(one, "jaxpr", None), "eqns")


@pytest.mark.parametrize(
    ("kernel", "panels", "nodes"),
    [
        (kdelab.Laplace(0.1), None, 4 * 16),
        (kdelab.Gaussian(0.1), 33, 33 * 8),
        (kdelab.Epanechnikov(0.3), 4, 33 * 4 * 25),
    ],
    ids=repr,
)
def test_no_array_holds_all_kernel_values(kernel, panels, nodes, monkeypatch):
    monkeypatch.setattr(native, "CHUNK", 2**10)
    case = padded_cases.spread(3, n=20, k=16)

    def total(z, engine=False):
        return cross_entropy(z, *case[1:4], kernel, mask=case.mask, reduction="sum", panels=panels, engine=engine)

    def twice(z, engine):
        return jax.grad(lambda z: (jax.grad(total)(z, engine) ** 2).sum())(z)

    for f in (total, jax.grad(total), partial(twice, engine=False), partial(twice, engine=True)):
        assert largest(jax.make_jaxpr(f)(case.logits).jaxpr) <= 2 * 20 * nodes


def test_chunks_change_no_digit_to_speak_of(monkeypatch):
    case, kernel = padded_cases.spread(3, n=20, k=16), kdelab.Gaussian(0.1)
    rest = *map(np.asarray, case[1:4]), np.full(20, 0.1), case.mask

    def total(z):
        return native.losses(kernel, 0.1, 9, native.Padded(z, *rest)).sum()

    found = []
    for size in (2**30, 1000, 1):
        monkeypatch.setattr(native, "CHUNK", size)
        gradient = jax.grad(lambda z: total(z))  # a new one, so that JAX traces anew
        found.append(jax.jit(partial(jax.jvp, gradient))((case.logits,), (case.logits,)))
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-10, atol=1e-12)
