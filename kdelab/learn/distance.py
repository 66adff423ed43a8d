"""From features to logits and back: the chain rule between the loss's gradient and a gun's weights.

Feature f of wave q becomes t_f(q) = (1e-4 + b_f + x_f(q))^a_f, BeepBoop's form, and the logit of neighbour j of
prediction i is z = -sum_f v_f abs(t_f(i) - t_f(j)): minus the Manhattan distance.  With a = 1 that is the plain
weighted distance, whatever b is.  v is scale times weight: those two can't be learned apart.
"""

from typing import NamedTuple

import numpy as np

from kdelab.learn.memory import UNLEARNED_SCALE, Neighbourhood
from kdelab.loss.frozen import Frozen
from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Integers, integers, one_form, vector

EPSILON = 1e-4  # keeps a feature of 0 differentiable under a power below 1
FORMS = ("scale", "linear", "power")
BOUNDS = {"weight": (0.0, 200.0), "exponent": (0.05, 5.0), "offset": (0.0, 2.0)}


class Parameters(NamedTuple):
    """What a gun learns, one entry a feature each; the weights include the scale of the distance."""

    weights: Floats
    exponents: Floats
    offsets: Floats

    def transformed(self, features: Floats) -> Floats:
        """Return t = (1e-4 + b + x)^a, unweighted, in the shape of the features (waves, features)."""
        if (self.exponents == 1).all():
            return features
        # a = 1: b cancels in every difference, so leave it out, and the rounding with it
        return np.where(self.exponents == 1, features, np.exp(self.exponents * np.log(self.base(features))))

    def base(self, features: Floats) -> Floats:
        """Return 1e-4 + b + x."""
        return np.maximum(features, 0.0) + (EPSILON + self.offsets)


class Form:
    """Which of the parameters are free, and how they lie in the flat vector that an optimiser moves.

    Parameters
    ----------
    name : str
        "scale": one common scale of unlearned weights; "linear": a weight a feature; "power": weight, exponent and
        offset a feature.
    features : int
        How many features there are.

    Raises
    ------
    ValueError
        If there is no such form.
    """

    def __init__(self, name: str, features: int) -> None:
        if name not in FORMS:
            raise ValueError(f"form: {name!r} given, allowed are {', '.join(FORMS)}")
        self.name, self.features = name, features

    def parameters(self, theta: Floats) -> Parameters:
        """Return the parameters that a flat vector stands for."""
        ones, zeros = np.ones(self.features), np.zeros(self.features)
        if self.name == "scale":
            return Parameters(theta[0] * ones, ones, zeros)
        if self.name == "linear":
            return Parameters(theta, ones, zeros)
        return Parameters(*theta.reshape(3, self.features))

    def flat(self, parameters: Parameters) -> Floats:
        """Return the flat vector of parameters; a single scale is the mean of the weights."""
        if self.name == "scale":
            return np.array([parameters.weights.mean()])
        return parameters.weights.copy() if self.name == "linear" else np.concatenate(parameters)

    def pulled_back(self, slope: Parameters) -> Floats:
        """Return the derivatives by the flat vector from those by the parameters."""
        if self.name == "scale":
            return np.array([slope.weights.sum()])
        return slope.weights if self.name == "linear" else np.concatenate(slope)

    def spread(self, theta: Floats) -> tuple[float, Floats]:
        """Return how far the parameters are from a gun with all features alike, and the derivatives of that.

        The mean over features of ((v - mean v) / 4)^2, plus (a - 1)^2 + b^2 for powers.
        """
        away = np.atleast_2d(theta.reshape(-1, self.features) if self.name != "scale" else theta).copy()
        away[0] = (away[0] - away[0].mean()) / UNLEARNED_SCALE
        if self.name == "power":
            away[1] -= 1.0
        slope = 2 * away / self.features
        slope[0] /= UNLEARNED_SCALE  # the mean's own derivative falls out: deviations sum to 0
        return float((away**2).sum() / self.features), slope.ravel()

    @property
    def bounds(self) -> list[tuple[float, float]]:
        """The bounds of the flat vector's entries."""
        if self.name == "power":
            return [pair for pair in BOUNDS.values() for _ in range(self.features)]
        return [BOUNDS["weight"]] * (1 if self.name == "scale" else self.features)


class Distances(Frozen):
    """The logits of retrieved neighbours as a function of the parameters, and the way back for gradients.

    Parameters
    ----------
    features : array (waves, features)
        Scaled features of the whole table.
    predictions : array of int (n,)
        Rows of the predictions.
    found : Neighbourhood
        Their neighbours.
    """

    def __init__(self, features: Floats, predictions: Integers, found: Neighbourhood) -> None:
        used, index = np.unique(np.concatenate([predictions, found.rows]), return_inverse=True)
        self._features = one_form(features)[used]
        self._queries, self._near = index[: len(predictions)], index[len(predictions) :]
        self._offsets = integers("offsets", found.offsets)

    def logits(self, parameters: Parameters) -> Floats:
        """Return z of every neighbour, (total,)."""
        position = parameters.transformed(self._features) * parameters.weights
        return _minus_distances(one_form(position), self._queries, self._near, self._offsets)

    def slopes(self, parameters: Parameters, gradient: Floats, curved: bool = True) -> Parameters:
        """Return the derivatives by all parameters, given dL/dz of every neighbour.

        Where two waves have the same value of a feature, its part of the distance is 0 for all parameters, and so are
        the derivatives: the kink of abs costs nothing here.  Those by exponents and offsets are 0 unless `curved`.
        """
        if not curved:
            moved = parameters.transformed(self._features)
            pull = self._pulled(moved, gradient)
            by_weight = np.einsum("nf,nf->f", pull, moved)
            return Parameters(by_weight, np.zeros_like(by_weight), np.zeros_like(by_weight))
        base = parameters.base(self._features)
        log_base = np.log(base)
        raised = np.exp(parameters.exponents * log_base)
        moved = np.where(parameters.exponents == 1, self._features, raised)  # as in `transformed`
        pull = self._pulled(moved, gradient)
        by_weight = np.einsum("nf,nf->f", pull, moved)
        by_exponent = parameters.weights * np.einsum("nf,nf,nf->f", pull, raised, log_base)
        raised /= base
        by_offset = parameters.weights * parameters.exponents * np.einsum("nf,nf->f", pull, raised)
        return Parameters(by_weight, by_exponent, by_offset)

    def _pulled(self, moved: Floats, gradient: Floats) -> Floats:
        gradient = vector("gradient", gradient, len(self._near), "one a neighbour")
        return _pull(one_form(moved), self._queries, self._near, self._offsets, gradient)


@compiled(fastmath={"reassoc", "nsz"})
def _minus_distances(position: Floats, queries: Integers, near: Integers, offsets: Integers) -> Floats:
    """Return minus the Manhattan distance of each neighbour from its prediction."""
    z = np.empty(len(near))
    for i in range(len(queries)):
        here = position[queries[i]]
        for j in range(offsets[i], offsets[i + 1]):
            there = position[near[j]]
            total = 0.0
            for f in range(len(here)):
                total += abs(here[f] - there[f])
            z[j] = -total
    return z


@compiled(fastmath=False)
def _pull(moved: Floats, queries: Integers, near: Integers, offsets: Integers, gradient: Floats) -> Floats:
    """Return dL/dt of every wave and feature, up to the weight: what all parameters' derivatives are made of."""
    pull = np.zeros_like(moved)
    for i in range(len(queries)):
        q = queries[i]
        for j in range(offsets[i], offsets[i + 1]):
            n = near[j]
            for f in range(moved.shape[1]):
                push = gradient[j] * np.sign(moved[q, f] - moved[n, f])
                pull[q, f] -= push
                pull[n, f] += push
    return pull
