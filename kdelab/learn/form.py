"""Which parameters of a distance are learned, and how they lie in the flat vector that an optimiser moves.

Weights alone are moved as they are.  Powers are moved in coordinates that are about alike steep, or an optimiser would
need hundreds of steps more: with t(x) = (1e-4 + b + x)^a

- u = v (t(1) - t(0)), how many logits apart samples are that differ by a feature's whole range: v where a = 1,
- 2 log a,
- log(1 + 1000 b): near b = 0 a little shift does much to a power below 1.
"""

from typing import NamedTuple

import numpy as np

from kdelab.learn.distance import EPSILON, LinearLogits, Parameters, PowerLogits
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.validate import Floats, Integers

UNLEARNED_SCALE = 4.0  # logits = -4 distance: about the best single scale on the recordings that ship
ALIKE = np.array([[UNLEARNED_SCALE], [1.0], [0.0]])  # weight, exponent and shift of every feature, before learning
BOUNDS = np.array([[0.0, 200.0], [0.05, 5.0], [0.0, 2.0]])  # of v, or u, and of a and b
STRETCH, GRAIN = 2.0, 1e-3  # of the coordinates of exponents and shifts
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
        return np.repeat(_coordinates(ALIKE)[: self.kinds], self._columns)

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The bounds of the flat vector's entries."""
        return [(low, high) for low, high in _coordinates(BOUNDS)[: self.kinds] for _ in range(self._columns)]

    def parameters(self, theta: Floats) -> Parameters:
        """Return the parameters that a flat vector stands for."""
        full = np.repeat(ALIKE, self.features, axis=1)
        full[: self.kinds] = theta.reshape(self.kinds, self._columns)
        if self.kinds == 1:
            return Parameters(*full)
        exponents, shifts = np.exp(full[1] / STRETCH), GRAIN * np.expm1(full[2])
        return Parameters(full[0] / _span(exponents, shifts)[0], exponents, shifts)

    def pulled_back(self, theta: Floats, slopes: Parameters | Floats) -> Floats:
        """Return the derivatives by the flat vector from those by the parameters that it stands for."""
        free = np.array(slopes[: self.kinds])
        if self.kinds > 1:
            weights, exponents, shifts = self.parameters(theta)
            span, by_exponent, by_shift = _span(exponents, shifts)
            free[0] /= span
            free[1] = (free[1] - free[0] * weights * by_exponent) * exponents / STRETCH
            free[2] = (free[2] - free[0] * weights * by_shift) * (shifts + GRAIN)
        return (free.sum(axis=1) if self.tied else free).ravel()

    def unevenness(self, theta: Floats) -> tuple[float, Floats]:
        """Return how far the parameters are from all features alike, and the derivatives of that by the flat vector.

        The mean over features of ((v - mean v) / 4)^2, plus (a - 1)^2 + b^2 where those are learned.
        """
        away = np.array(self.parameters(theta)[: self.kinds])[:, : self._columns] - ALIKE[: self.kinds]
        away[0] = (away[0] - away[0].mean()) / UNLEARNED_SCALE
        slope = 2 * away / self.features
        slope[0] /= UNLEARNED_SCALE  # the mean's own derivative falls out: deviations sum to 0
        return float((away**2).sum() / self.features), self.pulled_back(theta, slope)

    def logits(self, features: Floats, rows: Integers, found: Neighbourhood) -> LinearLogits | PowerLogits:
        """Return the logits of the neighbours of some rows, as a function of the parameters."""
        return (LinearLogits if self.kinds == 1 else PowerLogits)(features, rows, found)

    @property
    def _columns(self) -> int:
        return 1 if self.tied else self.features


def _coordinates(table: Floats) -> Floats:
    """Return u, exponents and shifts as they are moved."""
    spans, exponents, shifts = table
    return np.array([spans, STRETCH * np.log(exponents), np.log1p(shifts / GRAIN)])


def _span(exponents: Floats, shifts: Floats) -> tuple[Floats, Floats, Floats]:
    """Return t(1) - t(0), and its derivatives by exponents and shifts."""
    low, high = EPSILON + shifts, EPSILON + shifts + 1.0
    t_low, t_high = low**exponents, high**exponents
    span = np.where(exponents == 1.0, 1.0, t_high - t_low)  # a = 1: what it is without rounding
    by_exponent, by_shift = t_high * np.log(high) - t_low * np.log(low), exponents * (t_high / high - t_low / low)
    return span, by_exponent, by_shift
