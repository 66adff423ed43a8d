"""What every engine offers: losses and gradients of a batch that it has prepared."""

from abc import ABC, abstractmethod

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats


class Engine(ABC):
    """Losses and gradients of the batch ``clusters``."""

    clusters: Clusters

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        loss, gradient = np.empty(len(self.clusters)), np.empty(len(logits))
        self._evaluate(logits, loss, gradient, np.empty(0), np.empty(0))
        return loss, gradient

    def value_and_grads(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits (total,), points (total,) and log bandwidth (n,)."""
        loss, by_bandwidth = np.empty(len(self.clusters)), np.empty(len(self.clusters))
        gradient, by_point = np.empty(len(logits)), np.empty(len(logits))
        self._evaluate(logits, loss, gradient, by_point, by_bandwidth)
        return loss, gradient, by_point, by_bandwidth

    @abstractmethod
    def _evaluate(self, logits: Floats, loss: Floats, gradient: Floats, by_point: Floats, by_bandwidth: Floats) -> None:
        """Fill losses and gradients; the last two only if they aren't empty."""
