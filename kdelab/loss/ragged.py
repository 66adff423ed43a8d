"""Ragged arrays: groups of different sizes, one behind the other in a flat array, and what is done with each."""

from collections.abc import Iterator
from typing import Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kdelab.loss.frozen import Frozen
from kdelab.loss.validate import Floats, Integers, generator, vector

Scalar = TypeVar("Scalar", bound=np.generic)


class Ragged(Frozen):
    """Groups of entries of flat arrays: group i is ``values[offsets[i]:offsets[i + 1]]``, and none is empty.

    Arrays may have axes before the flat one; everything is done along the last.
    """

    offsets: Integers

    @classmethod
    def of(cls, sizes: Integers) -> Self:
        """Return groups of these sizes, and nothing more."""
        return cls._with(offsets=offsets_of(sizes))

    @property
    def sizes(self) -> Integers:
        """The number of entries of each group, (n,)."""
        return np.diff(self.offsets)

    @property
    def owners(self) -> Integers:
        """The group of each entry, (total,)."""
        return self.spread(np.arange(len(self.offsets) - 1))

    def slices(self) -> Iterator[slice]:
        """Yield where each group's entries lie in flat arrays."""
        for first, last in zip(self.offsets[:-1].tolist(), self.offsets[1:].tolist(), strict=True):
            yield slice(first, last)

    def spread(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Repeat (..., n) for every entry of its group: (..., total)."""
        return np.repeat(values, self.sizes, axis=-1)

    def sum(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Sum (..., total) over each group: (..., n)."""
        return self._folded(np.add, values)

    def max(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return the greatest of each group's (..., total): (..., n)."""
        return self._folded(np.maximum, values)

    def min(self, values: NDArray[Scalar]) -> NDArray[Scalar]:
        """Return the least of each group's (..., total): (..., n)."""
        return self._folded(np.minimum, values)

    def log_sum(self, logs: Floats) -> Floats:
        """Return log sum exp over each group; ``-inf`` where all are."""
        top = finite(self.max(logs))
        with np.errstate(divide="ignore"):
            return top + np.log(self.sum(np.exp(logs - self.spread(top))))

    def log_softmax(self, logits: ArrayLike) -> Floats:
        """Return log S of the logits z, (total,): z_j less log sum exp z over its group.

        Raises
        ------
        ValueError
            If the logits aren't finite numbers, one an entry.
        """
        z = self.checked(logits)
        return z - self.spread(self.log_sum(z))

    def softmax(self, logits: ArrayLike) -> Floats:
        """Return the weights S = softmax(z) of each group, (total,); errors as in `log_softmax`."""
        return np.exp(self.log_softmax(logits))

    def checked(self, logits: ArrayLike) -> Floats:
        """Return logits as an array of finite numbers, one an entry; errors as in `log_softmax`."""
        return vector("logits", logits, int(self.offsets[-1]), "one a point")

    def _folded(self, fold: np.ufunc, values: NDArray[Scalar]) -> NDArray[Scalar]:
        if len(self.offsets) == 1:  # reduceat wants at least one group
            return np.empty((*values.shape[:-1], 0), values.dtype)
        return np.asarray(fold.reduceat(values, self.offsets[:-1], axis=-1))


def finite(logs: Floats) -> Floats:
    """Return 0 in place of -inf: to be subtracted from exponents that are -inf themselves."""
    return np.where(np.isfinite(logs), logs, 0.0)


def offsets_of(sizes: Integers) -> Integers:
    """Return where groups of these sizes begin, and where the last one ends, (n + 1,)."""
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def ranges(starts: Integers, sizes: Integers) -> Integers:
    """Return ``arange(starts[0], starts[0] + sizes[0])``, then the next, one behind the other."""
    behind = np.cumsum(sizes) - sizes
    return np.repeat(starts - behind, sizes) + np.arange(int(sizes.sum()))


def shuffled(rng: np.random.Generator, number: int) -> Integers:
    """Return the numbers 0 to ``number`` - 1 in random order.

    By raw 64-bit words of the bit generator, sorted: the one stream that NumPy promises to keep, so the same
    ``Generator(PCG64(seed))`` gives the same order on every platform and with every version.

    Raises
    ------
    ValueError
        If ``rng`` is not a ``numpy.random.Generator``.
    """
    return np.argsort(generator("rng", rng).bit_generator.random_raw(number), kind="stable")
