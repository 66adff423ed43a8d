"""The loss of samples among their neighbours, at the bandwidth that suits them best."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from scipy.optimize import minimize_scalar

from kdelab.learn.memory import Neighbourhood
from kdelab.learn.regressor.samples import Samples
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats, Integers

LEAST, START, MOST = 1e-6, 0.25, 4.0  # where targets span 2
_HIGH = 1e100


class Losses:
    """Prepares the cross-entropy of samples, given their neighbours: an objective of `kdelab.learn.fit.Examples`.

    Parameters
    ----------
    samples : Samples
    kernel : type of Kernel
    background : float
    bandwidth : float or None
        None: each time, that of the least mean loss at the logits with which the neighbours were found.

    Attributes
    ----------
    bandwidth : float
        The last one.
    """

    def __init__(self, samples: Samples, kernel: type[Kernel], background: float, bandwidth: float | None) -> None:
        self._samples, self._kernel, self._background = samples, kernel, background
        self._learned = bandwidth is None
        self.bandwidth = START if bandwidth is None else bandwidth
        self._found: Neighbourhood | None = None

    def __call__(self, rows: Integers, found: Neighbourhood) -> "Weighted":
        """Return the losses of some rows."""
        samples = self._samples
        clusters = Clusters(samples.points[found.rows], found.offsets, samples.lower[rows], samples.upper[rows])
        log_weights = samples.log_weights[found.rows]

        def at(bandwidth: float) -> Weighted:
            return Weighted(CrossEntropy(clusters, self._kernel(bandwidth), background=self._background), log_weights)

        if self._learned and found is not self._found:
            weights = samples.weights[rows] / samples.weights[rows].sum()
            logits = log_weights - found.distances
            self.bandwidth = least(lambda h: float(weights @ at(h).loss.value(logits)), self.bandwidth)
            self._found = found
        return at(self.bandwidth)


class Weighted:
    """A loss whose neighbours count in proportion to their weights, besides their logits."""

    def __init__(self, loss: CrossEntropy, log_weights: Floats) -> None:
        self.loss, self._log_weights = loss, log_weights

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and the gradient of their sum (total,)."""
        return self.loss.value_and_grad(logits + self._log_weights)


def least(loss: Callable[[float], float], start: float) -> float:
    """Return the bandwidth of least loss, to a hundredth: downhill from a start by factors of two, then by Brent.

    The loss may be infinite below some bandwidth. Of several valleys it is the one below the start: at 0 there is
    another where targets are equal.
    """
    at = cache(lambda power: loss(start * 2.0**power))
    here = 0
    while at(here) == math.inf and start * 2.0**here < MOST:
        here += 1
    step = -1 if at(here - 1) < at(here) else 1
    while at(here + step) < at(here) and LEAST <= start * 2.0 ** (here + step) <= MOST:
        here += step
    ends = (math.log(start) + (here - 1) * math.log(2), math.log(start) + (here + 1) * math.log(2))
    options: Any = {"xatol": 0.01}

    def at_log(log_h: float) -> float:
        return min(loss(math.exp(log_h)), _HIGH)  # parabolas through infinite values would be NaN

    found: Any = minimize_scalar(at_log, bounds=ends, method="bounded", options=options)
    best, value = math.exp(float(found.x)), float(found.fun)
    return min(max(best if value < at(here) else start * 2.0**here, LEAST), MOST)
