"""What every engine offers: losses and gradients of a batch that it has prepared; and the arrays that it works on."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats, Integers


class Batch(NamedTuple):
    """The arrays of `Clusters`: points (total,), offsets (n + 1,), lower and upper (n,)."""

    points: Floats
    offsets: Integers
    lower: Floats
    upper: Floats

    @classmethod
    def of(cls, clusters: Clusters) -> Self:
        """Return the arrays of clusters."""
        return cls(clusters.points, clusters.offsets, clusters.lower, clusters.upper)


class Wanted(NamedTuple):
    """What is asked for, to be filled: loss (n,), gradient (total,), by_point (total,), by_bandwidth (n,); or None."""

    loss: Floats
    gradient: Floats | None = None
    by_point: Floats | None = None
    by_bandwidth: Floats | None = None


class Engine(ABC):
    """Losses and gradients of the batch ``clusters``."""

    clusters: Clusters

    def value(self, logits: Floats) -> Floats:
        """Return losses (n,)."""
        wanted = Wanted(np.empty(len(self.clusters)))
        self._evaluate(logits, wanted)
        return wanted.loss

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        loss, gradient = np.empty(len(self.clusters)), np.empty(len(logits))
        self._evaluate(logits, Wanted(loss, gradient))
        return loss, gradient

    def value_and_grads(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits (total,), points (total,) and log bandwidth (n,)."""
        n, total = len(self.clusters), len(logits)
        loss, gradient, by_point, by_bandwidth = np.empty(n), np.empty(total), np.empty(total), np.empty(n)
        self._evaluate(logits, Wanted(loss, gradient, by_point, by_bandwidth))
        return loss, gradient, by_point, by_bandwidth

    @abstractmethod
    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        """Fill what is asked for."""
