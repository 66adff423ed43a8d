"""What engines have in common that are for most predictions: a robust one does the others."""

from abc import abstractmethod

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Engine, Wanted
from kdelab.loss.validate import Flags, Floats, read_only


class ForMost(Engine):
    """An engine for losses and gradients by logits of most predictions.

    Those that it finds hard, and all when derivatives by points and bandwidth are asked for, go through a robust
    engine, which is compiled when the first one comes.
    """

    hard: tuple[bytes, Engine] | None = None

    @abstractmethod
    def _evaluate_most(self, logits: Floats, hard: Flags, loss: Floats, gradient: Floats | None) -> None:
        """Fill what is asked for, and for which predictions it isn't good enough."""

    @abstractmethod
    def _robust(self, clusters: Clusters) -> Engine:
        """Return the robust engine of hard clusters."""

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        hard = np.ones(len(self.clusters), np.bool_)
        if wanted.by_point is None:
            self._evaluate_most(logits, hard, wanted.loss, wanted.gradient)
        if hard.any():
            self._evaluate_hard(hard, logits, wanted)

    def _evaluate_hard(self, hard: Flags, logits: Floats, wanted: Wanted) -> None:
        if self.hard is None or self.hard[0] != hard.tobytes():
            self.hard = hard.tobytes(), self._robust(self.clusters.take(hard))
        engine, rows = self.hard[1], self.clusters.rows(hard)
        z = read_only(logits[rows])
        if wanted.gradient is None:
            wanted.loss[hard] = engine.value(z)
        elif wanted.by_point is None or wanted.by_bandwidth is None:
            wanted.loss[hard], wanted.gradient[rows] = engine.value_and_grad(z)
        else:
            found = engine.value_and_grads(z)
            wanted.loss[hard], wanted.gradient[rows], wanted.by_point[rows], wanted.by_bandwidth[hard] = found
