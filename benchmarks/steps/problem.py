"""What is trained: neighbours' features to logits, by a linear model or a small network; and how cases are named."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.cases import BANDWIDTH, Batch, batch

N, K, FEATURES, HIDDEN, EMBEDDED = 1024, 100, 14, 32, 8
RATE = 1e-3
EXACT = 0
BINS = (EXACT, 16, 64)


@dataclass(frozen=True)
class Case:
    """One step to time: with so many bins, or with the exact loss."""

    framework: str
    kernel: str
    model: str
    dtype: str
    compiled: bool
    bins: int
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
    """Return all cases of a framework: bins both ways, with and without logarithms a pair."""
    return [
        Case(framework, kernel, model, dtype, compiled, bins, direct)
        for kernel in ("laplace", "gaussian")
        for model in ("linear", "network")
        for dtype in ("float32", "float64")
        for compiled in (False, True)
        for bins in BINS
        for direct in ((False,) if bins == EXACT else (False, True))
    ]


__all__ = ["BANDWIDTH", "BINS", "EXACT", "RATE", "Case", "Problem", "cases", "problem"]
