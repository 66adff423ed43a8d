"""jit, vmap, grad and what is made of them, in any order."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import padded_cases
import pytest

import kdelab
from kdelab.jax import cross_entropy
from kdelab.jax import engine as engine_of_jax

CASE = padded_cases.near(n=4, k=5)
KERNEL = kdelab.Laplace(0.1)


def losses(logits, bandwidth=None, **more):
    return cross_entropy(logits, CASE.points, CASE.lower, CASE.upper, KERNEL, bandwidth, CASE.mask, **more)


def total(logits, bandwidth=None, **more):
    return losses(logits, bandwidth, reduction="sum", **more)


def close(one, other, within=1e-12):
    np.testing.assert_allclose(one, other, rtol=within, atol=within)


def test_jit_changes_no_digit():
    assert (jax.jit(losses)(CASE.logits) == losses(CASE.logits)).all()
    assert (jax.jit(jax.grad(total))(CASE.logits) == jax.grad(total)(CASE.logits)).all()


def test_vmap_is_a_loop():
    many = jnp.stack([CASE.logits, 2 * CASE.logits, CASE.logits - 1])
    bandwidths = jnp.array([0.1, 0.2, 0.3])
    close(jax.vmap(losses)(many), jnp.stack([losses(one) for one in many]))
    close(jax.vmap(losses)(many, bandwidths), jnp.stack([losses(*one) for one in zip(many, bandwidths, strict=True)]))
    close(jax.vmap(losses, (None, 0))(many[0], bandwidths), jnp.stack([losses(many[0], one) for one in bandwidths]))
    for engine in (True, False):
        grad = jax.grad(partial(total, background=0.1, engine=engine), (0, 1))
        each = [grad(*one) for one in zip(many, bandwidths, strict=True)]
        for one, rows in zip(jax.jit(jax.vmap(grad))(many, bandwidths), zip(*each, strict=True), strict=True):
            close(one, jnp.stack(rows))


def test_vmap_over_predictions_is_the_batch():
    each = jax.vmap(lambda z, x, a, b, mask: cross_entropy(z, x, a, b, KERNEL, mask=mask))
    close(each(*CASE), losses(CASE.logits))


def test_each_loss_depends_on_its_own_row_alone():
    jacobian = jax.jacrev(losses)(CASE.logits)
    close(jax.jacfwd(losses)(CASE.logits), jacobian)
    close(jnp.einsum("iik->ik", jacobian), jax.grad(total)(CASE.logits))
    assert jnp.count_nonzero(jacobian) == CASE.mask.sum()


def test_hessians_of_both_kinds_are_symmetric_and_those_of_differences():
    hessian = jax.hessian(total)(CASE.logits)
    close(hessian, hessian.transpose(2, 3, 0, 1))
    close(jax.jacrev(jax.jacrev(total))(CASE.logits), hessian)
    step = 1e-5 * np.eye(CASE.logits.size).reshape(-1, *CASE.logits.shape)
    gradient = jax.vmap(jax.grad(total))
    differences = (gradient(CASE.logits + step) - gradient(CASE.logits - step)) / 2e-5
    close(differences.reshape(hessian.shape), hessian, 1e-8)


def test_a_third_derivative_is_native_as_well():
    def along(t, engine):
        z = CASE.logits * t
        return cross_entropy(z, *CASE[1:4], kdelab.Gaussian(0.1), mask=CASE.mask, reduction="sum", engine=engine)

    third = [jax.grad(jax.grad(jax.grad(lambda t: along(t, engine))))(1.0) for engine in (True, False)]  # noqa: B023
    close(*third, 1e-9)


def test_a_gradient_through_a_step_of_training():
    def after(rate):
        return total(CASE.logits - rate * jax.grad(total)(CASE.logits))

    difference = (after(0.1 + 1e-6) - after(0.1 - 1e-6)) / 2e-6
    assert jax.jit(jax.grad(after))(0.1) == pytest.approx(difference, rel=1e-6)


def test_reductions_and_axes_before_k():
    each = losses(CASE.logits)
    assert total(CASE.logits) == each.sum()
    assert losses(CASE.logits, reduction="mean") == each.mean()
    z, x, a, b, mask = (one.reshape(2, 2, *one.shape[1:]) for one in CASE)
    assert (cross_entropy(z, x, a, b, KERNEL, mask=mask) == each.reshape(2, 2)).all()
    one = cross_entropy(CASE.logits[1], CASE.points[1], CASE.lower[1], CASE.upper[1], KERNEL)
    assert one == each[1]
    assert one.shape == ()


def test_ragged_clusters_by_offsets_or_as_kdelab_s():
    clusters, flat = CASE.clusters, CASE.flat(CASE.logits)
    true, gradient = kdelab.CrossEntropy(clusters, KERNEL).value_and_grad(flat)
    by_offsets = cross_entropy(flat, clusters.points, clusters.lower, clusters.upper, KERNEL, offsets=clusters.offsets)
    close(by_offsets, true)
    close(cross_entropy(flat, clusters, None, None, KERNEL), true)
    found = jax.jit(jax.grad(lambda z: cross_entropy(z, clusters, None, None, KERNEL, reduction="sum")))(flat)
    close(found, gradient)


def test_a_bandwidth_is_learned():
    def at(log_h):
        h = jnp.exp(log_h)
        return cross_entropy(*CASE[:4], kdelab.Gaussian(1.0), h, CASE.mask, reduction="sum")

    slope, bend = (jax.jit(one) for one in (jax.grad(at), jax.grad(jax.grad(at))))
    log_h = -1.0
    for _ in range(20):
        log_h = log_h - np.clip(slope(log_h) / abs(bend(log_h)), -0.3, 0.3)
    assert abs(slope(log_h)) < 1e-10
    assert at(log_h) < min(at(log_h - 0.1), at(log_h + 0.1))


@pytest.mark.parametrize("background", [0.0, 0.1])
def test_where_there_are_other_devices_a_cpu_still_has_the_engine(background, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    called, evaluate = [], engine_of_jax._evaluate
    monkeypatch.setattr(engine_of_jax, "_evaluate", lambda *given: called.append(1) or evaluate(*given))
    kernel = kdelab.Cauchy(0.1234)  # a new one, so that JAX traces anew

    def f(z, engine=True):
        return cross_entropy(z, *CASE[1:4], kernel, mask=CASE.mask, background=background, engine=engine).sum()

    many = jnp.stack([CASE.logits, CASE.logits + 1])
    for derived in (f, jax.grad(f)):
        close(jax.jit(jax.vmap(derived))(many), jnp.stack([derived(one) for one in many]))
        close(derived(CASE.logits), derived(CASE.logits, engine=False), 1e-9)
    assert len(called) == 8


def test_a_kernel_of_one_s_own_needs_no_operations_of_jax():
    class Own(kdelab.Laplace):
        def log_unit(self, u, xp=np):
            return np.negative(np.asarray(u)) - np.log(2)

    own, own_kernel = Own(0.1), cross_entropy(*CASE[:4], Own(0.1), mask=CASE.mask)
    close(own_kernel, losses(CASE.logits), 1e-10)
    gradient = jax.grad(lambda z: cross_entropy(z, *CASE[1:4], own, mask=CASE.mask, reduction="sum"))(CASE.logits)
    close(gradient, jax.grad(total)(CASE.logits), 1e-10)
