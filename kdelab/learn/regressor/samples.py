"""Samples of a regression as the learner takes them: scaled, equal ones merged, in an order that isn't the user's."""

from typing import NamedTuple, Self

import numpy as np

from kdelab.loss.ragged import shuffled
from kdelab.loss.validate import Floats, Integers


class Span(NamedTuple):
    """What one or several columns span, to scale them by; a constant one has a width of 1."""

    low: Floats
    width: Floats

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Return what columns, or one, span; ValueError if a float can't hold it, or there is none."""
        if len(values) == 0:
            raise ValueError("sample_weight must leave a sample, but all weights are zero")
        with np.errstate(over="ignore"):
            width = np.ptp(values, axis=0)
        if not np.isfinite(width).all():
            raise ValueError("X and y must not span more than a float can hold")
        return cls(values.min(axis=0), np.where(width > 0, width, 1.0))

    def scaled(self, values: Floats) -> Floats:
        """Return values in units of the width, from the low end on."""
        with np.errstate(over="ignore"):
            return (values - self.low) / self.width

    def clipped(self, values: Floats) -> Floats:
        """Return the same within [0, 1]."""
        return np.clip(self.scaled(values), 0.0, 1.0)

    @property
    def unit(self) -> float:
        """What 1 on the scale from -1 to 1 comes to, of a single column."""
        return float(self.width) / 2

    def centred(self, values: Floats) -> Floats:
        """Return values on the scale on which the span is [-1, 1]."""
        return 2 * self.scaled(values) - 1

    def back(self, centred: Floats) -> Floats:
        """Return values from that scale."""
        return self.low + (1 + centred) * self.unit


class Samples(NamedTuple):
    """What is learned from: no two samples are equal in everything.

    Attributes
    ----------
    features : array (n, features)
    lower, upper : array (n,)
        The target of each.
    weights : array (n,)
        How many samples, or how much, each stands for.
    group : array of int (n,)
        Samples of one group don't learn from one another.
    """

    features: Floats
    lower: Floats
    upper: Floats
    weights: Floats
    group: Integers

    @classmethod
    def merged(cls, features: Floats, lower: Floats, upper: Floats, weights: Floats, group: Integers | None) -> Self:
        """Return the samples that are there: those of equal features, target and group as one, their weights added up.

        Without groups each is a group of its own. Their order depends neither on that of the rows, nor on what they
        are: of equally near ones the lower row counts, and none shall be preferred.

        Raises
        ------
        ValueError
            If none has another to learn from.
        """
        groups = np.zeros(len(features), dtype=np.int64) if group is None else group
        table = np.column_stack([features, lower, upper, groups])
        order = np.lexsort((weights, *table.T[::-1]))
        ordered = table[order]
        starts = np.flatnonzero(np.append(True, (ordered[1:] != ordered[:-1]).any(axis=1)))
        n = len(starts)
        if n < 2 or (group is not None and len(np.unique(group)) < 2):
            what = "group" if n > 1 else "sample"
            advice = "leave groups out, or give more" if n > 1 else "give more that differ"
            raise ValueError(f"X and y hold 1 {what} of positive weight, but each is predicted from others: {advice}")
        mixed = shuffled(np.random.Generator(np.random.PCG64(0)), n)
        first, total = order[starts][mixed], np.add.reduceat(weights[order], starts)[mixed]
        own = np.arange(n) if group is None else np.unique(group[first], return_inverse=True)[1]
        return cls(features[first], lower[first], upper[first], total, own)

    @property
    def log_weights(self) -> Floats:
        """What each adds to its logit as a neighbour: 0 for the heaviest."""
        return np.log(self.weights) - np.log(self.weights.max())

    @property
    def points(self) -> Floats:
        """The middle of each target."""
        return (self.lower + self.upper) / 2
