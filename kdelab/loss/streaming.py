"""Batches far larger than memory: one step at a time, nothing kept."""

from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from kdelab.extras import tqdm
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.rules import Rule
from kdelab.loss.validate import Floats, Integers, count, vector


def iter_value_and_grad(
    batches: Iterable[tuple[Clusters, ArrayLike]],
    kernel: Kernel,
    quadrature: Rule | Literal["auto"] = "auto",
    background: float = 0.0,
    points: int = 1 << 18,
    progress: bool = True,
    total: int | None = None,
) -> Iterator[tuple[Floats, Floats]]:
    """Yield losses and gradient of one batch after the other, in memory that doesn't grow with their number or size.

    Parameters
    ----------
    batches : iterable of (Clusters, logits)
        Read one at a time: a generator that loads them from disk will do. One big batch that fits is fine too.
    kernel, quadrature, background
        As in `CrossEntropy`.
    points : int
        A batch is worked through in steps of so many points at most (one prediction at least), since what a loss
        prepares takes more room than its points do.
    progress : bool
        Whether to draw a bar, counting predictions, on standard error.
    total : int, optional
        The number of predictions to come, if it is known, for the bar.

    Yields
    ------
    values : (n,)
    gradient : (total,)
        For each batch what ``CrossEntropy(clusters, ...).value_and_grad(logits)`` returns, to the last digit: each
        prediction is computed for itself. In float64, whatever the logits are.

    Raises
    ------
    ValueError
        If a batch isn't a pair of Clusters and one logit a point.
    """
    size = count("points", points)
    if not isinstance(batches, Iterable):
        raise ValueError(f"batches must be an iterable of pairs of Clusters and logits, not {batches!r}")
    if total is None and isinstance(batches, (list, tuple)):
        total = sum(len(_pair(i, batch)[0]) for i, batch in enumerate(batches))
    with tqdm(total=total, unit=" predictions", disable=not progress) as bar:
        for i, batch in enumerate(batches):
            clusters, logits = _pair(i, batch)
            z = vector(f"logits of batches[{i}]", logits, len(clusters.points), "one a point")
            values, gradient = np.empty(len(clusters)), np.empty(len(z))
            for which in _steps(clusters.offsets, size):
                some = clusters.take(which)
                rows = clusters.rows(which)
                loss = CrossEntropy(some, kernel, quadrature, background)
                values[which], gradient[rows] = loss.value_and_grad(z[rows])
                bar.update(len(some))
            yield values, gradient


def _pair(i: int, batch: Any) -> tuple[Clusters, ArrayLike]:
    if not isinstance(batch, (tuple, list)) or len(batch) != 2 or not isinstance(batch[0], Clusters):
        found = batch[0] if isinstance(batch, (tuple, list)) and len(batch) == 2 else batch
        raise ValueError(f"batches[{i}] must be a pair of kdelab.Clusters and logits, not {type(found).__name__}")
    return batch[0], batch[1]


def _steps(offsets: Integers, size: int) -> Iterator[slice]:
    """Yield slices of predictions with at most ``size`` points each, or one prediction where that has more."""
    first, n = 0, len(offsets) - 1
    while first < n:
        last = int(np.searchsorted(offsets, offsets[first] + size, side="right")) - 1
        yield slice(first, max(first + 1, last))
        first = max(first + 1, last)
