"""Which parameters of a distance are learned, and how they lie in the flat vector that an optimiser moves."""

from typing import NamedTuple

import numpy as np

from kdelab.learn.distance import LinearLogits, Parameters, PowerLogits
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.validate import Floats, Integers

UNLEARNED_SCALE = 4.0  # logits = -4 distance: about the best single scale on the recordings that ship
ALIKE = np.array([[UNLEARNED_SCALE], [1.0], [0.0]])  # weight, exponent and shift of every feature, before learning
BOUNDS = ((0.0, 200.0), (0.05, 5.0), (0.0, 2.0))
SHAPES = {"scale": (1, True), "linear": (1, False), "power": (3, False)}


class Form(NamedTuple):
    """A choice of free parameters: a flat vector is a table of `kinds` rows, a column a feature, or one for all.

    Attributes
    ----------
    kinds : int
        1: weights are learned; 3: exponents and shifts as well.
    tied : bool
        Whether all features share one.
    features : int
        How many features there are.
    """

    kinds: int
    tied: bool
    features: int

    @classmethod
    def named(cls, name: str, features: int) -> "Form":
        """Return a form.

        Parameters
        ----------
        name : str
            "scale": one common scale of unlearned weights; "linear": a weight a feature; "power": weight, exponent and
            shift a feature.
        features : int

        Raises
        ------
        ValueError
            If there is no such form.
        """
        if name not in tuple(SHAPES):
            raise ValueError(f"form: {name!r} given, allowed are {', '.join(SHAPES)}")
        return cls(*SHAPES[name], features)

    @property
    def start(self) -> Floats:
        """The flat vector of unlearned parameters: all features alike."""
        return np.repeat(ALIKE[: self.kinds], self._columns)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The bounds of the flat vector's entries."""
        return [pair for pair in BOUNDS[: self.kinds] for _ in range(self._columns)]

    def parameters(self, theta: Floats) -> Parameters:
        """Return the parameters that a flat vector stands for."""
        full = np.repeat(ALIKE, self.features, axis=1)
        full[: self.kinds] = theta.reshape(self.kinds, self._columns)
        return Parameters(*full)

    def pulled_back(self, slopes: Parameters) -> Floats:
        """Return the derivatives by the flat vector from those by the parameters."""
        free = np.array(slopes[: self.kinds])
        return (free.sum(axis=1) if self.tied else free).ravel()

    def unevenness(self, theta: Floats) -> tuple[float, Floats]:
        """Return how far the parameters are from all features alike, and the derivatives of that.

        The mean over features of ((v - mean v) / 4)^2, plus (a - 1)^2 + b^2 where those are learned.
        """
        away = theta.reshape(self.kinds, self._columns) - ALIKE[: self.kinds]
        away[0] = (away[0] - away[0].mean()) / UNLEARNED_SCALE
        slope = 2 * away / self.features
        slope[0] /= UNLEARNED_SCALE  # the mean's own derivative falls out: deviations sum to 0
        return float((away**2).sum() / self.features), slope.ravel()

    def logits(self, features: Floats, rows: Integers, found: Neighbourhood) -> LinearLogits | PowerLogits:
        """Return the logits of the neighbours of some rows, as a function of the parameters."""
        return (LinearLogits if self.kinds == 1 else PowerLogits)(features, rows, found)

    @property
    def _columns(self) -> int:
        return 1 if self.tied else self.features
