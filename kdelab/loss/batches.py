"""What comes out when a batch of clusters is cut: batches of whole predictions, and parts that cut clusters apart.

Shuffling draws raw 64-bit words of the bit generator and sorts by them. That stream is the one thing NumPy promises to
keep, so the same ``Generator(PCG64(seed))`` gives the same batches on every platform and with every version.
"""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kdelab.loss.validate import Floats, Integers, vector

if TYPE_CHECKING:
    from kdelab.loss.clusters import Clusters


class Batch(NamedTuple):
    """Some whole predictions of a larger batch, and where they came from.

    ``logits[batch.rows]`` are the logits that go with ``batch.clusters``, and ``gradient[batch.rows] = ...`` puts
    their gradient back.
    """

    clusters: "Clusters"
    predictions: Integers
    rows: Integers | slice


@dataclass(frozen=True, eq=False)
class Part:
    """Some points of a batch, torn out of their clusters: one of the parts that together hold every point once.

    Parameters
    ----------
    points : (m,) array
        Points in guess factors, in the order of their predictions; there may be none.
    prediction : (m,) array of int
        The prediction each point belongs to, not decreasing.
    rows : (m,) array of int
        The position of each point in the flat arrays of the whole batch.
    lower, upper : (n,) arrays
        The targets of all predictions of the whole batch.
    number, of : int
        This is part ``number`` (from 0) of ``of``.
    batch : str
        Names the batch and the way it was cut; parts with different names do not belong together.

    Raises
    ------
    ValueError
        If lengths differ, a prediction is out of range or out of order, or ``number`` is not below ``of``.
    """

    points: Floats
    prediction: Integers
    rows: Integers
    lower: Floats
    upper: Floats
    number: int
    of: int
    batch: str

    def __post_init__(self) -> None:
        m, n = len(self.points), len(self.lower)
        vector("points", self.points)
        for name, length in (("prediction", m), ("rows", m), ("upper", n)):
            if len(getattr(self, name)) != length:
                raise ValueError(f"{name} has {len(getattr(self, name))} entries where {length} are needed")
        if m and (self.prediction[0] < 0 or self.prediction[-1] >= n or (np.diff(self.prediction) < 0).any()):
            raise ValueError(
                f"prediction must not decrease and must lie between 0 and {n - 1}, the last of {n} targets"
            )
        if not 0 <= self.number < self.of:
            raise ValueError(f"number must lie between 0 and {self.of - 1}, since there are {self.of} parts, "
                             f"but it is {self.number}")  # fmt: skip

    def __len__(self) -> int:
        return len(self.points)

    @property
    def alone(self) -> Batch:
        """The part taken for a batch of its own: each prediction with those of its points that are here.

        This is what training on shuffled points would see. Its softmax runs over the points that happen to be
        together, so its gradient is not the gradient (notebook 11).
        """
        from kdelab.loss.clusters import Clusters

        predictions, first = np.unique(self.prediction, return_index=True)
        offsets = np.append(first, len(self)).astype(np.int64)
        clusters = Clusters(self.points, offsets, self.lower[predictions], self.upper[predictions])
        return Batch(clusters, predictions, self.rows)


def cut(clusters: "Clusters", assignment: Integers, parts: int) -> list[Part]:
    """Return ``parts`` parts of a batch, point i in part ``assignment[i]``; see `Clusters.cut`."""
    prediction = np.repeat(np.arange(len(clusters)), clusters.sizes)
    digest = hashlib.blake2b(str(parts).encode(), digest_size=8)
    for array in (clusters.points, clusters.offsets, clusters.lower, clusters.upper, assignment):
        digest.update(np.ascontiguousarray(array).data)
    batch = digest.hexdigest()
    order = np.argsort(assignment, kind="stable")
    ends = np.searchsorted(assignment, np.arange(parts + 1), sorter=order)
    made = []
    for number in range(parts):
        rows = order[ends[number] : ends[number + 1]]
        made.append(
            Part(clusters.points[rows], prediction[rows], rows, clusters.lower, clusters.upper, number, parts, batch)
        )
    return made


def shuffled(rng: np.random.Generator, count: int) -> Integers:
    """Return the numbers 0 to ``count`` - 1 in random order.

    Raises
    ------
    ValueError
        If ``rng`` is not a ``numpy.random.Generator``.
    """
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy.random.Generator, numpy.random.Generator(numpy.random.PCG64(seed)) say, "
                         f"not {rng!r}")  # fmt: skip
    return np.argsort(rng.bit_generator.random_raw(count), kind="stable")


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Return ``arange(starts[0], starts[0] + sizes[0])``, then the next, one behind the other."""
    behind = np.cumsum(sizes) - sizes
    return np.repeat(starts - behind, sizes) + np.arange(int(sizes.sum()))
