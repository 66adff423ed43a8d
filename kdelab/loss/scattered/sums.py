"""What parts tell one another: sums of exponentials, kept as logarithms, to be merged in any order."""

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import HUGE, exp
from kdelab.loss.parts import Part
from kdelab.loss.ragged import finite
from kdelab.loss.runtime import compiled, scalar
from kdelab.loss.validate import Floats, Integers, one_form


class LogSums(NamedTuple):
    """Many sums of exponentials, each as its largest exponent and the sum divided by exp of that.

    Neither overflows nor underflows, however large the exponents. Merging is commutative, and associative up to
    rounding, with `empty` as its neutral element.
    """

    top: Floats
    scaled: Floats

    @classmethod
    def empty(cls, count: int) -> "LogSums":
        """Return ``count`` sums of nothing: log 0 each."""
        return cls(np.full(count, -np.inf), np.zeros(count))

    def merge(self, other: "LogSums") -> "LogSums":
        """Return the sums of both."""
        both = LogSums(np.empty(len(self.top)), np.empty(len(self.top)))
        _merge(*map(one_form, (*self, *other)), *both)
        return both

    def add(self, which: Integers, exponents: Floats) -> None:
        """Add exp(exponents[i]) to sum ``which[i]``, in place; one sum may be named many times."""
        _add(one_form(which, np.int64), one_form(exponents), *self)

    def log(self) -> Floats:
        """Return the logarithms of the sums; ``-inf`` for sums of nothing."""
        with np.errstate(divide="ignore"):
            return finite(self.top) + np.log(self.scaled)


@scalar
def add(i: int, exponent: float, top: Floats, scaled: Floats) -> None:
    """Add exp(exponent), which may be 0, to the i-th of `LogSums`."""
    before = max(top[i], -HUGE)
    apart = exp(-abs(before - exponent))
    scaled[i] = scaled[i] + apart if exponent <= before else scaled[i] * apart + 1.0
    top[i] = max(top[i], exponent)


@compiled
def _add(which: Integers, exponents: Floats, top: Floats, scaled: Floats) -> None:
    for j in range(which.size):
        add(which[j], exponents[j], top, scaled)


@compiled
def _merge(top: Floats, scaled: Floats, other: Floats, other_scaled: Floats, both: Floats, both_scaled: Floats) -> None:
    for i in range(top.size):
        both[i] = max(top[i], other[i])
        safe = max(both[i], -HUGE)
        both_scaled[i] = scaled[i] * exp(top[i] - safe) + other_scaled[i] * exp(other[i] - safe)


class Provenance(NamedTuple):
    """Which parts of which batch something was made from."""

    batch: str
    of: int
    parts: frozenset[int]

    @classmethod
    def one(cls, part: Part) -> "Provenance":
        """Return that of a single part."""
        return cls(part.batch, part.of, frozenset([part.number]))

    def merge(self, other: "Provenance") -> "Provenance":
        """Return the union, or raise a ValueError if the batches differ or a part is in both."""
        if (self.batch, self.of) != (other.batch, other.of):
            raise ValueError(f"other must be of the same batch, {self.batch} in {self.of} parts, "
                             f"not of {other.batch} in {other.of}")  # fmt: skip
        if both := self.parts & other.parts:
            raise ValueError(f"other must not hold a part again, but {listed(both)} in both")
        return self._replace(parts=self.parts | other.parts)

    def complete(self, name: str) -> None:
        """Raise a ValueError that speaks of the argument ``name`` unless every part is there."""
        if missing := set(range(self.of)) - self.parts:
            raise ValueError(f"{name} must hold all {self.of} parts of the batch, but {listed(missing)} missing")

    def same(self, name: str, batch: str, of: int) -> None:
        """Raise a ValueError that speaks of the argument ``name`` if this is another batch."""
        if (self.batch, self.of) != (batch, of):
            raise ValueError(f"{name} must belong to batch {batch} in {of} parts, not to {self.batch} in {self.of}")


def together(parts: Sequence[Part]) -> Provenance:
    """Return what the parts are parts of, or raise a ValueError unless they are all the parts of one batch."""
    if not parts:
        raise ValueError("parts must not be empty")
    provenance = reduce(Provenance.merge, map(Provenance.one, parts))
    provenance.complete("parts")
    return provenance


def listed(numbers: Iterable[int]) -> str:
    """Return "part 3 is" or "parts 3, 5 are"."""
    ordered = sorted(numbers)
    if len(ordered) == 1:
        return f"part {ordered[0]} is"
    return f"parts {', '.join(map(str, ordered[:5]))}{', ...' if len(ordered) > 5 else ''} are"
