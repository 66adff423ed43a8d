"""What is compared with the peers: kdelab's own losses, and the limit that none of them can pass."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import kdelab
from benchmarks.cases import BACKGROUND, COMPACT, SHAPE, Batch, Evaluation
from kdelab.loss.kernels import Kernel

KERNELS: dict[str, Callable[[float], Kernel]] = {
    "laplace": kdelab.Laplace,
    "gaussian": kdelab.Gaussian,
    "huber": kdelab.Huber,
    "logistic": kdelab.Logistic,
    "cauchy": kdelab.Cauchy,
    "generalized normal": partial(kdelab.GeneralizedNormal, SHAPE),
    "box": kdelab.Box,
    "triangular": kdelab.Triangular,
    "epanechnikov": kdelab.Epanechnikov,
}


def _clusters(batch: Batch) -> kdelab.Clusters:
    n, k = batch.points.shape
    return kdelab.Clusters(batch.points.ravel(), np.arange(n + 1) * k, batch.lower, batch.upper)


def _loss(clusters: kdelab.Clusters, batch: Batch, kernel: str, quadrature: Any = "auto") -> kdelab.CrossEntropy:
    background = BACKGROUND if kernel in COMPACT else 0.0
    return kdelab.CrossEntropy(clusters, KERNELS[kernel](batch.bandwidth), quadrature, background)


def prepared(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, prepared before: what training pays in every step."""
    loss, logits = _loss(_clusters(batch), batch, kernel), batch.logits.ravel()
    return lambda: loss.value_and_grad(logits)


def one_shot(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, preparation included."""
    clusters, logits = _clusters(batch), batch.logits.ravel()
    return lambda: _loss(clusters, batch, kernel).value_and_grad(logits)


def binned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy with the thread's binning, prepared."""
    loss, logits = _loss(_clusters(batch), batch, kernel, kdelab.Midpoint(bins)), batch.logits.ravel()
    return lambda: loss.value_and_grad(logits)


def ragged(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """CrossEntropy, prepared, of the same points dealt to as many clusters of 1 to 2 k - 1: padded, twice the work."""
    n, k = batch.points.shape
    half = np.random.default_rng(1).integers(1, 2 * k, n // 2)
    sizes = np.concatenate([half, 2 * k - half, np.full(n % 2, k)])
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    dealt = kdelab.Clusters(batch.points.ravel(), offsets, batch.lower, batch.upper)
    loss, logits = _loss(dealt, batch, kernel), batch.logits.ravel()
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
