"""What is trained: neighbours' features to logits, by a linear model or a small network; and how cases are named."""

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.cases import BANDWIDTH, Batch, batch

N, K, FEATURES, HIDDEN, EMBEDDED = 1024, 100, 14, 32, 8
RATE = 1e-3
KERNELS, MODELS, DTYPES = ("laplace", "gaussian"), ("linear", "network"), ("float32", "float64")
BINS = (16, 64)


@dataclass(frozen=True)
class Case:
    """One step to time, with one of the losses: "none", the mean logit in its place, "exact", "prepared" or "bins"."""

    framework: str
    kernel: str
    model: str
    dtype: str
    compiled: bool
    loss: str
    bins: int = 0
    direct: bool = False

    @property
    def cell(self) -> tuple[str, str, str, str, bool]:
        """What is compared within."""
        return self.framework, self.kernel, self.model, self.dtype, self.compiled


class Problem(NamedTuple):
    """Points and targets, and features of predictions (n, f) and of their neighbours (n, k, f)."""

    batch: Batch
    query: np.ndarray
    neighbours: np.ndarray
    weights: dict[str, list[np.ndarray]]


def problem(dtype: str) -> Problem:
    """Draw the problem; its models start at small random weights."""
    random = np.random.default_rng(0)
    query, neighbours = random.random((N, FEATURES)), random.random((N, K, FEATURES))
    layers = [(FEATURES, HIDDEN), (HIDDEN, EMBEDDED)]
    weights = {
        "linear": [np.ones(FEATURES)],
        "network": [random.standard_normal(shape) / shape[0] ** 0.5 for shape in layers],
    }
    return Problem(
        batch(N, K).cast(dtype), query.astype(dtype), neighbours.astype(dtype),
        {name: [array.astype(dtype) for array in arrays] for name, arrays in weights.items()},
    )  # fmt: skip


def cases(framework: str) -> list[Case]:
    """Return all cases of a framework: bins both ways, with and without logarithms a pair; JAX prepares nothing."""
    losses = ["none", "exact"] if framework == "jax" else ["none", "exact", "prepared"]
    found = []
    for cell in itertools.product(KERNELS, MODELS, DTYPES, (False, True)):
        found += [Case(framework, *cell, loss) for loss in losses]
        found += [Case(framework, *cell, "bins", bins, direct) for bins in BINS for direct in (False, True)]
    return found


__all__ = ["BANDWIDTH", "BINS", "DTYPES", "KERNELS", "MODELS", "RATE", "Case", "Problem", "cases", "problem"]
