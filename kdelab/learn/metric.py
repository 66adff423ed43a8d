"""A learned distance, as it is kept: ranges that scale features, and weights apart from their common scale."""

from typing import NamedTuple

import numpy as np

from kdelab.learn.distance import Parameters
from kdelab.loss.validate import Floats


class Metric(NamedTuple):
    """What tells how far samples are from one another: logit = -scale * sum_f w_f abs(t_f(i) - t_f(j)).

    Attributes
    ----------
    ranges : dict
        (low, high) that scales each feature to [0, 1].
    scale : float
    weights, exponents, shifts : array (features,)
        w, a and b; t = (1e-4 + b + x)^a.
    """

    ranges: dict[str, tuple[float, float]]
    scale: float
    weights: Floats
    exponents: Floats
    shifts: Floats

    @classmethod
    def of(cls, ranges: dict[str, tuple[float, float]], parameters: Parameters) -> "Metric":
        """Return the metric of parameters: the weights' mean is their scale, since those two can't be learned apart."""
        scale = float(parameters.weights.mean()) or 1.0
        return cls(dict(ranges), scale, parameters.weights / scale, parameters.exponents, parameters.shifts)

    @property
    def parameters(self) -> Parameters:
        """The parameters, whose weights include the scale."""
        return Parameters(self.scale * self.weights, self.exponents, self.shifts)

    @property
    def is_finite(self) -> bool:
        """Whether no distance can overflow."""
        with np.errstate(over="ignore", invalid="ignore"):
            ends = self.parameters.positions(np.array([[0.0], [1.0]]).repeat(len(self.weights), axis=1))
            return bool(np.isfinite(np.abs(np.diff(ends, axis=0)).sum()))
