"""The steps in JAX."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

import kdelab
from benchmarks.peers.binned import IN_LOGS, bin_centres, log_scale
from benchmarks.steps.problem import BANDWIDTH, RATE, Case, problem

jax.config.update("jax_enable_x64", True)


def logits_of(model: str, weights: list[Any], query: Any, neighbours: Any) -> Any:
    """Return the logits: minus the distance of features, weighted, or of embeddings."""
    if model == "linear":
        return -(jnp.abs(query[:, None] - neighbours) @ weights[0])
    first, second = weights
    embedded = [jnp.tanh(given @ first) @ second for given in (query, neighbours)]
    return -jnp.abs(embedded[0][:, None] - embedded[1]).sum(-1)


def losses_of(case: Case) -> Callable[..., Any]:
    """Return the loss of a case, of logits, points and targets."""
    if case.loss == "none":
        return lambda z, x, a, b: z
    if case.loss == "exact":
        kernel = {"laplace": kdelab.Laplace, "gaussian": kdelab.Gaussian}[case.kernel](BANDWIDTH)
        return lambda z, x, a, b: kdelab.jax.cross_entropy(z, x, a, b, kernel)
    places = jnp.asarray(bin_centres(case.bins, case.dtype))
    log_K, constant = IN_LOGS[case.kernel], log_scale(case.kernel, BANDWIDTH)

    def binned(z: Any, x: Any, a: Any, b: Any) -> Any:
        u = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / BANDWIDTH
        if case.direct:
            p = (jax.nn.softmax(z, axis=1)[:, None, :] * jnp.exp(log_K(jnp, u))).sum(axis=2)
            return constant - jnp.log(p + jnp.finfo(z.dtype).tiny).mean(axis=1)
        terms = jax.nn.log_softmax(z, axis=1)[:, None, :] + log_K(jnp, u)
        return constant - jax.nn.logsumexp(terms, axis=2).mean(axis=1)

    return binned


def step_of(case: Case) -> Callable[[], float]:
    """Return a step: forward, loss, backward, and one of gradient descent."""
    given = problem(case.dtype)
    x, a, b = (jnp.asarray(array) for array in (given.batch.points, given.batch.lower, given.batch.upper))
    query, neighbours = jnp.asarray(given.query), jnp.asarray(given.neighbours)
    state = [jnp.asarray(array) for array in given.weights[case.model]]
    losses = losses_of(case)

    def forward(weights: list[Any], query: Any, neighbours: Any, x: Any, a: Any, b: Any) -> Any:
        return losses(logits_of(case.model, weights, query, neighbours), x, a, b).mean()

    def descended(weights: list[Any], *data: Any) -> tuple[Any, list[Any]]:
        loss, gradients = jax.value_and_grad(forward)(weights, *data)
        return loss, [weight - RATE * gradient for weight, gradient in zip(weights, gradients, strict=True)]

    run = jax.jit(descended) if case.compiled else descended

    def step() -> float:
        loss, state[:] = run(state, query, neighbours, x, a, b)
        jax.block_until_ready(state)
        return float(loss)

    return step
