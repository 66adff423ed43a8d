"""NumPy: the gradient by hand, softmax(z) - mean over bins of softmax(z + log K), or the same from K itself."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import DIRECT, IN_LOGS, THREADS, bin_centres, floor, log_scale


def _part(batch: Batch, part: slice, kernel: str, bins: int) -> tuple[Any, Any]:
    """Loss and gradient by hand, S times the mean share of all less the mean share of the point."""
    x, z, a, b, h = batch.points[part], batch.logits[part], batch.lower[part], batch.upper[part], batch.bandwidth
    places = a[:, None] + (b - a)[:, None] * bin_centres(bins, x.dtype)
    w = np.exp(z - z.max(1, keepdims=True))
    S = w / w.sum(1, keepdims=True)
    u = (places[:, :, None] - x[:, None, :]) / x.dtype.type(h)
    if kernel in DIRECT:
        K = DIRECT[kernel](np, u).astype(x.dtype, copy=False)
        p = (K @ S[:, :, None])[:, :, 0]
        p += x.dtype.type(floor(kernel, h))
        shares = S * ((1 / p)[:, None, :] @ K)[:, 0] / bins
        return log_scale(kernel, h) - np.log(p).mean(1), S * shares.sum(1, keepdims=True) - shares
    t = IN_LOGS[kernel](np, u)
    t += np.log(S)[:, None, :]
    top = t.max(2, keepdims=True)
    t -= top
    np.exp(t, out=t)
    p = t.sum(2, keepdims=True)
    loss = log_scale(kernel, h) - (top + np.log(p))[:, :, 0].mean(1)
    t /= p
    return loss, S - t.mean(1)


def plain(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Whole arrays at once."""
    return lambda: _part(batch, slice(None), kernel, bins)


def tuned(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Chunks that fit the second-level cache, two threads."""
    n, k = batch.points.shape
    step = max(1, 2**15 // (k * bins))
    loss, gradient = np.empty_like(batch.lower), np.empty_like(batch.points)

    def part(first: int) -> None:
        chunk = slice(first, min(first + step, n))
        loss[chunk], gradient[chunk] = _part(batch, chunk, kernel, bins)

    def evaluate() -> tuple[Any, Any]:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(part, range(0, n, step), chunksize=8))
        return loss, gradient

    return evaluate
