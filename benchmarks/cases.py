"""Synthetic predictions that look like a gun's: targets of 0.02 to 0.3 guess factors, neighbours near and far."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

BANDWIDTH = 0.1
KERNELS = (
    "laplace", "gaussian", "huber", "logistic", "cauchy", "generalized normal", "box", "triangular", "epanechnikov",
)  # fmt: skip
SHAPE = 1.5  # of the generalised normal kernel
COMPACT = ("box", "triangular", "epanechnikov")
BACKGROUND = 0.05  # mixed into p under a compact kernel, for all: a bin without a neighbour would cost infinitely much

Evaluation = Callable[[], tuple[Any, Any]]
"""Computes losses and gradient of a batch anew."""

Method = Callable[["Batch", str, int], Evaluation]
"""Takes a batch, a kernel's name (of `KERNELS`) and the number of bins; prepares what needs preparing."""


class Batch(NamedTuple):
    """Rectangular: points and logits (n, k), targets (n,)."""

    points: Any
    logits: Any
    lower: Any
    upper: Any
    bandwidth: float

    def cast(self, dtype: str) -> "Batch":
        """Return the batch in another precision."""
        points, logits, lower, upper = (array.astype(dtype) for array in self[:4])
        return Batch(points, logits, lower, upper, self.bandwidth)


def batch(n: int, k: int, bandwidth: float = BANDWIDTH, seed: int = 0) -> Batch:
    """Draw n predictions of k points: in each, some share of them near the target, the others anywhere."""
    random = np.random.default_rng(seed)
    width = np.exp(random.uniform(np.log(0.02), np.log(0.3), n))
    centre = random.uniform(-0.85, 0.85, n)
    points = random.uniform(-1, 1, (n, k))
    near = random.random((n, k)) < random.beta(0.7, 0.7, (n, 1))
    points[near] = (centre[:, None] + 0.12 * random.standard_normal((n, k)))[near]
    logits = 2 * random.standard_normal((n, k))
    return Batch(np.clip(points, -1, 1), logits, centre - width / 2, centre + width / 2, bandwidth)
