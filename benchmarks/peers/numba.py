"""numba: loops by hand."""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from benchmarks.cases import Batch, Evaluation
from benchmarks.peers.binned import IN_LOGS, bin_centres, floor, log_scale


def _unit(kernel: str, number: Any) -> Callable[[Any], Any]:
    """Return what binned.py says of a kernel, of one number u >= 0; typed constants keep float32 what it is."""
    half, one, nothing = number(0.5), number(1.0), number(0.0)

    def huber(u: Any) -> Any:
        core = min(u, one)
        return core * (half * core - u)

    def logistic(u: Any) -> Any:
        tail = np.exp(-u)
        root = one / (one + tail)
        return tail * root * root / (half * half)

    units: dict[str, Callable[[Any], Any]] = {
        "laplace": lambda u: -u,
        "gaussian": lambda u: -half * u * u,
        "huber": huber,
        "generalized normal": lambda u: -u * np.sqrt(u),
        "logistic": logistic,
        "cauchy": lambda u: one / (one + u * u),
        "box": lambda u: one if u <= one else nothing,
        "triangular": lambda u: max(one - u, nothing),
        "epanechnikov": lambda u: max(one - u * u, nothing),
    }
    compiled: Callable[[Any], Any] = numba.njit(fastmath=True)(units[kernel])
    return compiled


def loops(batch: Batch, kernel: str, bins: int) -> Evaluation:
    """Write the loops of a C programmer, parallel over predictions, with fast-math."""
    number = batch.points.dtype.type
    one = number(1.0)
    unit = _unit(kernel, number)

    @numba.njit(fastmath=True)
    def in_logs(S: Any, x: Any, place: Any, h: Any, t: Any, least: Any) -> tuple[Any, Any]:
        for j in range(len(x)):
            t[j] = S[j] + unit(abs(place - x[j]) / h)
        highest = t.max()
        p = h * 0
        for j in range(len(x)):
            t[j] = np.exp(t[j] - highest)
            p += t[j]
        return p, highest + np.log(p)

    @numba.njit(fastmath=True)
    def direct(S: Any, x: Any, place: Any, h: Any, t: Any, least: Any) -> tuple[Any, Any]:
        p = least
        for j in range(len(x)):
            t[j] = S[j] * unit(abs(place - x[j]) / h)
            p += t[j]
        return p, np.log(p)

    logs = kernel in IN_LOGS
    mixture = in_logs if logs else direct

    @numba.njit(fastmath=True)
    def prediction(x: Any, z: Any, a: Any, b: Any, h: Any, places: Any, least: Any, gradient: Any) -> Any:
        k, top, total = len(x), z.max(), h * 0
        S, given, t, r = np.empty_like(x), np.empty_like(x), np.empty_like(x), np.zeros_like(x)
        for j in range(k):
            S[j] = np.exp(z[j] - top)
            total += S[j]
        for j in range(k):
            S[j] /= total
            given[j] = np.log(S[j]) if logs else S[j]
        mean, share = h * 0, h * 0
        for q in range(len(places)):
            p, log_p = mixture(given, x, a + (b - a) * places[q], h, t, least)
            each = one / p
            for j in range(k):
                r[j] += t[j] * each
            mean += log_p
        for j in range(k):
            share += r[j]
        for j in range(k):
            gradient[j] = (S[j] * share - r[j]) / len(places)
        return -mean / len(places)

    @numba.njit(parallel=True, fastmath=True)
    def run(x: Any, z: Any, a: Any, b: Any, h: Any, places: Any, least: Any, loss: Any, gradient: Any) -> None:
        for i in numba.prange(len(x)):
            loss[i] = prediction(x[i], z[i], a[i], b[i], h, places, least, gradient[i])

    loss, gradient = np.empty_like(batch.lower), np.empty_like(batch.points)
    h, least = number(batch.bandwidth), number(floor(kernel, batch.bandwidth))
    places, constant = bin_centres(bins, number), log_scale(kernel, batch.bandwidth)

    def evaluate() -> tuple[Any, Any]:
        run(batch.points, batch.logits, batch.lower, batch.upper, h, places, least, loss, gradient)
        return loss + constant, gradient

    return evaluate
