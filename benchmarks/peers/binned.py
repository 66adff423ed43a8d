"""What all peers share: the kernels, the bins, and how a batch is cut."""

import math
from typing import Any

import numpy as np

THREADS = 2


def log_kernel(library: Any, kernel: str, u: Any) -> Any:
    """Return log(K_h(d) / K_h(0)), u = d / h."""
    return -library.abs(u) if kernel == "laplace" else -0.5 * u * u


def log_scale(kernel: str, bandwidth: float) -> float:
    """Return what is subtracted from it, -log K_h(0)."""
    return math.log(2 * bandwidth) if kernel == "laplace" else math.log(bandwidth * math.sqrt(2 * math.pi))


def bin_centres(bins: int, dtype: Any) -> Any:
    """Return the centres of equal bins of [0, 1]."""
    return ((np.arange(bins) + 0.5) / bins).astype(dtype)


def even(n: int, at_most: int) -> int:
    """Return the largest divisor of n that is at most ``at_most``, and at least 1."""
    return max(d for d in range(1, max(1, min(n, at_most)) + 1) if n % d == 0)
