"""What all peers share: the kernels, the bins, and how a batch is cut.

A kernel is written in the form that costs a peer least. Where its logarithm is what one has, p is summed in log space;
where it is algebraic or compact, p = sum_j S_j K directly, without a logarithm a pair.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.cases import BACKGROUND, COMPACT, SHAPE

THREADS = 2

Unit = Callable[[Any, Any], Any]
"""Takes a library (numpy, jax.numpy or torch) and u = d / h; gives K over its peak, or the logarithm of that."""


def _huber(xp: Any, u: Any) -> Any:
    away = xp.abs(u)
    core = xp.clip(away, 0.0, 1.0)
    return core * (0.5 * core - away)


def _generalized_normal(xp: Any, u: Any) -> Any:
    away = xp.abs(u)
    return -away * xp.sqrt(away)  # the power SHAPE, 1.5, of which a root is the fast form


def _logistic(xp: Any, u: Any) -> Any:
    tail = xp.exp(-xp.abs(u))
    half = 2.0 / (1.0 + tail)
    return tail * half * half


IN_LOGS: dict[str, Unit] = {
    "laplace": lambda xp, u: -xp.abs(u),
    "gaussian": lambda xp, u: -0.5 * u * u,
    "huber": _huber,
    "generalized normal": _generalized_normal,
}
DIRECT: dict[str, Unit] = {
    "logistic": _logistic,
    "cauchy": lambda xp, u: 1.0 / (1.0 + u * u),
    "box": lambda xp, u: xp.abs(u) <= 1.0,
    "triangular": lambda xp, u: xp.clip(1.0 - xp.abs(u), 0.0, 1.0),
    "epanechnikov": lambda xp, u: xp.clip(1.0 - u * u, 0.0, 1.0),
}
_PEAK = {
    "laplace": 1 / 2,
    "gaussian": 1 / math.sqrt(2 * math.pi),
    "huber": 1 / (math.sqrt(2 * math.pi) * math.erf(math.sqrt(0.5)) + 2 * math.exp(-0.5)),
    "generalized normal": SHAPE / (2 * math.gamma(1 / SHAPE)),
    "logistic": 1 / 4,
    "cauchy": 1 / math.pi,
    "box": 1 / 2,
    "triangular": 1.0,
    "epanechnikov": 3 / 4,
}


def peak(kernel: str, bandwidth: float) -> float:
    """Return K_h(0)."""
    return _PEAK[kernel] / bandwidth


def background(kernel: str) -> float:
    """Return the weight of the uniform density on [-1, 1] that is mixed into p."""
    return BACKGROUND if kernel in COMPACT else 0.0


def log_scale(kernel: str, bandwidth: float) -> float:
    """Return what log p is short of: -log of the peak, and of the weight that the background leaves."""
    return -math.log((1 - background(kernel)) * peak(kernel, bandwidth))


def floor(kernel: str, bandwidth: float) -> float:
    """Return the background in units of the scale: what is added to sum_j S_j K_h(d) / K_h(0)."""
    return 0.5 * background(kernel) * math.exp(log_scale(kernel, bandwidth))


def bin_centres(bins: int, dtype: Any) -> Any:
    """Return the centres of equal bins of [0, 1]."""
    return ((np.arange(bins) + 0.5) / bins).astype(dtype)


def even(n: int, at_most: int) -> int:
    """Return the largest divisor of n that is at most ``at_most``, and at least 1."""
    return max(d for d in range(1, max(1, min(n, at_most)) + 1) if n % d == 0)
