"""What is compared with the peers: kdelab's own losses, and the limit that none of them can pass."""

import math
from typing import Any

import numpy as np

import kdelab
from benchmarks.cases import Batch, Evaluation

KERNELS = {"laplace": kdelab.Laplace, "gaussian": kdelab.Gaussian}


def _arguments(batch: Batch, kernel: str) -> tuple[Any, Any, Any]:
    n, k = batch.points.shape
    clusters = kdelab.Clusters(batch.points.ravel(), np.arange(n + 1) * k, batch.lower, batch.upper)
    return clusters, KERNELS[kernel](batch.bandwidth), batch.logits.ravel()


def prepared(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, prepared before: what training pays in every step."""
    clusters, chosen, logits = _arguments(batch, kernel)
    loss = kdelab.CrossEntropy(clusters, chosen)
    return lambda: loss.value_and_grad(logits)


def one_shot(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, preparation included."""
    clusters, chosen, logits = _arguments(batch, kernel)
    return lambda: kdelab.CrossEntropy(clusters, chosen).value_and_grad(logits)


def binned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy with the thread's binning, prepared."""
    clusters, chosen, logits = _arguments(batch, kernel)
    loss = kdelab.CrossEntropy(clusters, chosen, kdelab.Midpoint(bins))
    return lambda: loss.value_and_grad(logits)


def ragged(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, prepared, of the same points dealt to as many clusters of 1 to 2 k - 1: padded, twice the work."""
    clusters, chosen, logits = _arguments(batch, kernel)
    n, k = batch.points.shape
    half = np.random.default_rng(1).integers(1, 2 * k, n // 2)
    sizes = np.concatenate([half, 2 * k - half, np.full(n % 2, k)])
    dealt = kdelab.Clusters(clusters.points, np.concatenate([[0], np.cumsum(sizes)]), batch.lower, batch.upper)
    loss = kdelab.CrossEntropy(dealt, chosen)
    return lambda: loss.value_and_grad(logits)


def _one_exponential(exp: Any, batch: Batch) -> Evaluation:
    """No loss at all: one exponential and one pass over memory a point, the least that a softmax can cost."""
    import numba

    from kdelab.loss.runtime import MATH

    @numba.njit(parallel=True, error_model="numpy", fastmath=MATH)
    def exponentials(logits: Any, result: Any) -> None:
        for i in numba.prange(logits.shape[0]):
            for j in range(logits.shape[1]):
                result[i, j] = exp(logits[i, j])

    below, result = -np.abs(batch.logits), np.empty_like(batch.logits)

    def evaluate() -> tuple[Any, Any]:
        exponentials(below, result)
        return batch.lower, result

    return evaluate


def one_exponential(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Return the limit with our own exp, which vectorises."""
    from kdelab.loss.arithmetic import exp

    return _one_exponential(exp, batch)


def one_exponential_libm(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Return the limit with the C library's exp, one value at a time."""
    return _one_exponential(math.exp, batch)
