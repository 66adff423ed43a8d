"""JAX, jitted."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import DIRECT, IN_LOGS, THREADS, bin_centres, even, floor, log_scale


def _jitted(batch: Batch, kernel: str, bins: int, chunk: int, threads: int, in_logs: bool = True) -> Evaluation:
    jax.config.update("jax_enable_x64", True)
    places = jnp.asarray(bin_centres(bins, batch.points.dtype))
    h, constant, least = batch.bandwidth, log_scale(kernel, batch.bandwidth), floor(kernel, batch.bandwidth)

    def losses(z: Any, x: Any, a: Any, b: Any) -> Any:
        u = ((a[:, None] + (b - a)[:, None] * places)[:, :, None] - x[:, None, :]) / h
        if kernel in IN_LOGS and in_logs:
            log_p = jax.nn.logsumexp(jax.nn.log_softmax(z, axis=1)[:, None, :] + IN_LOGS[kernel](jnp, u), axis=2)
        else:
            S = jax.nn.softmax(z, axis=1)[:, None, :]
            K = jnp.exp(IN_LOGS[kernel](jnp, u)) if kernel in IN_LOGS else DIRECT[kernel](jnp, u)
            log_p = jnp.log((S * K).sum(axis=2) + max(least, float(jnp.finfo(z.dtype).tiny)))
        values = constant - log_p.mean(axis=1)
        return values.sum(), values

    grad = jax.value_and_grad(losses, has_aux=True)

    def whole(z: Any, x: Any, a: Any, b: Any) -> tuple[Any, Any]:
        if not chunk:
            (_, values), gradient = grad(z, x, a, b)
            return values, gradient
        k = z.shape[1]
        parts = (z.reshape(-1, chunk, k), x.reshape(-1, chunk, k), a.reshape(-1, chunk), b.reshape(-1, chunk))
        (_, values), gradient = jax.lax.map(lambda part: grad(*part), parts)
        return values.reshape(-1), gradient.reshape(-1, k)

    jitted = jax.jit(whole)
    n = len(batch.lower)
    halves = [
        tuple(jnp.asarray(array[i * n // threads : (i + 1) * n // threads]) for array in
              (batch.logits, batch.points, batch.lower, batch.upper))
        for i in range(threads)
    ]  # fmt: skip
    pool = ThreadPoolExecutor(threads)

    def evaluate() -> tuple[Any, Any]:
        done = list(pool.map(lambda half: jax.block_until_ready(jitted(*half)), halves))
        return np.concatenate([d[0] for d in done]), np.concatenate([d[1] for d in done])

    return evaluate


def plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """jax.jit of value_and_grad, whole arrays at once."""
    return _jitted(batch, kernel, bins, chunk=0, threads=1)


def tuned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """jax.jit, a lax.map over chunks of 4 MB (the best size tried), each half of the batch on a thread."""
    n, k = batch.points.shape
    return _jitted(batch, kernel, bins, chunk=even(n // THREADS, 2**19 // (bins * k)), threads=THREADS)


def direct(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """As tuned, and p without a logarithm a pair: faster, and deaf to clusters of which every kernel underflows."""
    n, k = batch.points.shape
    return _jitted(batch, kernel, bins, even(n // THREADS, 2**19 // (bins * k)), THREADS, in_logs=False)
