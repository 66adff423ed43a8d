"""Clusters: the neighbours of many predictions, ragged, in one flat array, with the target of each prediction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.validate import Floats, Integers, vector


@dataclass(frozen=True, eq=False)
class Clusters:
    """A batch of clusters, one a prediction.

    Parameters
    ----------
    points : array_like, (total,)
        The points x_j of all clusters, one cluster behind the other, in guess factors.
    offsets : array_like of int, (n + 1,)
        Cluster i is ``points[offsets[i]:offsets[i + 1]]``; it has at least one point.
    lower, upper : array_like, (n,)
        The target [a, b] of each prediction; ``lower == upper`` is one point, the thread's single bin.

    Raises
    ------
    ValueError
        If anything is not finite, a target has lower > upper, a cluster is empty, or lengths do not fit.
    """

    points: Floats
    offsets: Integers
    lower: Floats
    upper: Floats

    def __init__(self, points: ArrayLike, offsets: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> None:
        flat = vector("points", points)
        ends = vector("offsets", offsets).astype(np.int64)
        if not np.array_equal(ends, np.asarray(offsets)):
            raise ValueError("offsets must be whole numbers")
        if len(ends) == 0 or ends[0] != 0 or ends[-1] != len(flat):
            raise ValueError(f"offsets must start at 0 and end at the number of points, {len(flat)}, but "
                             f"{'there are none' if len(ends) == 0 else f'they run from {ends[0]} to {ends[-1]}'}")  # fmt: skip
        sizes = np.diff(ends)
        if (sizes < 1).any():
            first = int(np.argmax(sizes < 1))
            raise ValueError(f"offsets must increase, so that every cluster has a point, but cluster {first} has "
                             f"{sizes[first]}: offsets[{first}] is {ends[first]}, offsets[{first + 1}] is {ends[first + 1]}")  # fmt: skip
        left = vector("lower", lower, len(sizes), "one a cluster")
        right = vector("upper", upper, len(sizes), "one a cluster")
        if (left > right).any():
            first = int(np.argmax(left > right))
            raise ValueError(f"lower must not exceed upper, but in {int((left > right).sum())} targets it does: "
                             f"lower[{first}] is {left[first]}, upper[{first}] is {right[first]}")  # fmt: skip
        for name, value in (("points", flat), ("offsets", ends), ("lower", left), ("upper", right)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_lists(cls, points: Sequence[ArrayLike], lower: ArrayLike, upper: ArrayLike) -> "Clusters":
        """Build a batch from one array of points a prediction.

        Parameters
        ----------
        points : sequence of n one-dimensional arrays
        lower, upper : array_like, (n,)
        """
        parts = [vector(f"points[{i}]", part) for i, part in enumerate(points)]
        for i, part in enumerate(parts):
            if len(part) == 0:
                raise ValueError(f"points[{i}] is empty: a cluster has at least one point")
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
        return cls(np.concatenate(parts) if parts else np.empty(0), offsets, lower, upper)

    def __len__(self) -> int:
        return len(self.lower)

    @property
    def sizes(self) -> Integers:
        """The number of points of each cluster, (n,)."""
        return np.diff(self.offsets)

    def __iter__(self) -> Iterator[tuple[Floats, float, float]]:
        """Yield (points, lower, upper) of one cluster after the other, as views."""
        for i in range(len(self)):
            yield (
                self.points[self.offsets[i] : self.offsets[i + 1]],
                float(self.lower[i]),
                float(self.upper[i]),
            )

    def __repr__(self) -> str:
        sizes = self.sizes
        spread = f"{sizes.min()} to {sizes.max()}" if len(sizes) else "no"
        return f"Clusters({len(self)} predictions, {len(self.points)} points, {spread} a cluster)"
