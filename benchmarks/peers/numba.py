"""numba: loops by hand."""

from typing import Any

import numba
import numpy as np

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import log_scale


def loops(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Write the loops of a C programmer, parallel over predictions, with fast-math."""

    @numba.njit(parallel=True, fastmath=True)
    def run(x: Any, z: Any, a: Any, b: Any, h: Any, bins: int, laplace: bool, loss: Any, gradient: Any) -> None:
        n, k = x.shape
        for i in numba.prange(n):
            t, log_S, r = np.empty_like(x[i]), np.empty_like(x[i]), np.zeros_like(x[i])
            top = z[i].max()
            total = h * 0
            for j in range(k):
                total += np.exp(z[i, j] - top)
            for j in range(k):
                log_S[j] = z[i, j] - top - np.log(total)
            mean = h * 0
            for q in range(bins):
                place = a[i] + (b[i] - a[i]) * ((q + 0.5) / bins)
                for j in range(k):
                    u = abs(place - x[i, j]) / h
                    t[j] = log_S[j] - (u if laplace else 0.5 * u * u)
                highest = t.max()
                p = h * 0
                for j in range(k):
                    t[j] = np.exp(t[j] - highest)
                    p += t[j]
                for j in range(k):
                    r[j] += t[j] / p
                mean += highest + np.log(p)
            loss[i] = -mean / bins
            for j in range(k):
                gradient[i, j] = np.exp(log_S[j]) - r[j] / bins

    loss, gradient = np.empty_like(batch.lower), np.empty_like(batch.points)
    h = batch.points.dtype.type(batch.bandwidth)
    constant = log_scale(kernel, batch.bandwidth)

    def evaluate() -> tuple[Any, Any]:
        run(batch.points, batch.logits, batch.lower, batch.upper, h, bins, kernel == "laplace", loss, gradient)
        return loss + constant, gradient

    return evaluate
