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


class Results(NamedTuple):
    """What is filled: loss (n,), gradient (total,); by_point (total,) and by_bandwidth (n,) if they aren't empty."""

    loss: Floats
    gradient: Floats
    by_point: Floats
    by_bandwidth: Floats


class Engine(ABC):
    """Losses and gradients of the batch ``clusters``."""

    clusters: Clusters

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        results = Results(np.empty(len(self.clusters)), np.empty(len(logits)), np.empty(0), np.empty(0))
        self._evaluate(logits, results)
        return results.loss, results.gradient

    def value_and_grads(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits (total,), points (total,) and log bandwidth (n,)."""
        n, total = len(self.clusters), len(logits)
        results = Results(np.empty(n), np.empty(total), np.empty(total), np.empty(n))
        self._evaluate(logits, results)
        return results

    @abstractmethod
    def _evaluate(self, logits: Floats, results: Results) -> None:
        """Fill the results that aren't empty."""
