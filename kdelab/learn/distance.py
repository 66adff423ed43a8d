"""From features to logits and back: the chain rule between the loss's gradient and a distance's parameters.

Feature f of sample q becomes t_f(q) = (1e-4 + b_f + x_f(q))^a_f, and the logit of neighbour j of
prediction i is z = -sum_f v_f abs(t_f(i) - t_f(j)): minus the Manhattan distance.  With a = 1 that is the plain
weighted distance, whatever b is.  v is scale times weight: those two can't be learned apart.
"""

from typing import NamedTuple

import numpy as np

from kdelab.learn.memory import Neighbourhood
from kdelab.loss.arithmetic import dot, exp, log
from kdelab.loss.runtime import MATH, compiled, in_parallel
from kdelab.loss.validate import Floats, Integers, integers, one_form, vector

EPSILON = 1e-4  # keeps a feature of 0 differentiable under a power below 1
LANES = 16  # columns are padded to a multiple of what compiled loops take at once
TILE = 1024  # neighbours at a time: their logits stay in the first-level cache


class Parameters(NamedTuple):
    """What is learned, one entry a feature each; the weights include the scale of the distance."""

    weights: Floats
    exponents: Floats
    shifts: Floats

    def transformed(self, features: Floats) -> Floats:
        """Return t = (1e-4 + b + x)^a, unweighted, in the shape of the features (samples, features)."""
        if (self.exponents == 1).all():
            return features
        moved, logs = np.empty((2, *features.shape))
        _transform(one_form(features), one_form(self.exponents), one_form(self.shifts), moved, logs)
        return moved

    def positions(self, features: Floats) -> Floats:
        """Return where samples lie, (samples, features): their Manhattan distance is minus the logit."""
        return self.transformed(features) * self.weights


class LinearLogits:
    """The logits of retrieved neighbours as a function of weights alone, and the way back for gradients.

    z = -sum_f v_f abs(x_f(i) - x_f(j)): the differences are prepared once, 8 bytes a neighbour and feature.

    Parameters
    ----------
    features : array (samples, features)
        Scaled features of the whole table.
    predictions : array of int (n,)
        Rows of the predictions.
    found : Neighbourhood
        Their neighbours.
    """

    def __init__(self, features: Floats, predictions: Integers, found: Neighbourhood) -> None:
        self._offsets = integers("offsets", found.offsets, own=True)
        owners = np.repeat(predictions, np.diff(self._offsets))
        self._apart = np.array([np.abs(column[owners] - column[found.rows]) for column in one_form(features).T])
        self._z = np.empty(len(owners))

    def forward(self, parameters: Parameters) -> Floats:
        """Return z of every neighbour, (total,): always the same array, since a new one costs as much as filling it."""
        weights = one_form(parameters.weights)
        in_parallel(_weighted, self._offsets, self._apart, weights, self._offsets, self._z)
        return self._z

    def backward(self, gradient: Floats, counts: Floats) -> Parameters:
        """Return the derivatives by all parameters, given dL/dz of every neighbour and how much each prediction counts.

        Those by exponents and shifts are 0: they aren't learned.
        """
        push, weights = vector("gradient", gradient, len(self._z), "one a neighbour"), vector("counts", counts)
        sums = np.empty((len(weights), len(self._apart)))
        in_parallel(_by_weight, self._offsets, self._apart, self._offsets, push, sums)
        by_weight = (sums * weights[:, None]).sum(axis=0)  # in the order of the predictions, whatever the threads
        return Parameters(by_weight, np.zeros_like(by_weight), np.zeros_like(by_weight))


class PowerLogits:
    """The same for weights, exponents and shifts; parameters as of `LinearLogits`.

    Where two samples have the same value of a feature, its part of the distance is 0 for all parameters, and so are the
    derivatives: the kink of abs costs nothing here.
    """

    def __init__(self, features: Floats, predictions: Integers, found: Neighbourhood) -> None:
        used, index = np.unique(np.concatenate([predictions, found.rows]), return_inverse=True)
        self._number = features.shape[1]
        self._features = one_form(np.pad(features[used], ((0, 0), (0, -self._number % LANES))))
        self._queries, self._near = np.split(index.astype(np.int32), [len(predictions)])
        self._offsets = integers("offsets", found.offsets, own=True)
        self._moved, self._logs, self._pull = np.empty((3, *self._features.shape))
        self._z = np.empty(len(self._near))

    def forward(self, parameters: Parameters) -> Floats:
        """Return z of every neighbour, (total,): always the same array."""
        self._now = np.zeros((3, self._features.shape[1]))
        self._now[:, : self._number] = parameters
        weights, exponents, shifts = self._now
        _transform(self._features, one_form(exponents), one_form(shifts), self._moved, self._logs)
        places = self._queries, self._near, self._offsets
        in_parallel(_minus_distances, self._offsets, self._moved, weights, *places, self._z)
        return self._z

    def backward(self, gradient: Floats, counts: Floats) -> Parameters:
        """Return the derivatives where the last `forward` was; parameters as of `LinearLogits.backward`."""
        weights, exponents, shifts = self._now
        push = vector("gradient", gradient, len(self._z), "one a neighbour")
        _fill_pull(self._moved, self._queries, self._near, self._offsets, push, vector("counts", counts), self._pull)
        slopes = np.array(_by_all(self._features, exponents, shifts, self._moved, self._logs, self._pull))
        slopes[1:] *= weights
        slopes[2] *= exponents
        return Parameters(*slopes[:, : self._number])


@compiled
def _weighted(first: int, last: int, apart: Floats, weights: Floats, offsets: Integers, z: Floats) -> None:
    """Fill in minus the weighted sum of the differences, (features, total)."""
    for start in range(offsets[first], offsets[last], TILE):
        here = z[start : min(start + TILE, offsets[last])]
        here[:] = 0.0
        for f in range(len(weights)):
            differences = apart[f, start:]
            for j in range(len(here)):
                here[j] -= weights[f] * differences[j]


@compiled
def _by_weight(first: int, last: int, apart: Floats, offsets: Integers, gradient: Floats, sums: Floats) -> None:
    """Fill in each prediction's derivatives by the weights, (n, features)."""
    for i in range(first, last):
        here = slice(offsets[i], offsets[i + 1])
        for f in range(len(apart)):
            sums[i, f] = -dot(apart[f, here], gradient[here])


@compiled
def _transform(features: Floats, exponents: Floats, shifts: Floats, moved: Floats, logs: Floats) -> None:
    """Fill in t and log(1e-4 + b + x), (samples, features)."""
    for n in range(features.shape[0]):
        for f in range(features.shape[1]):
            logs[n, f] = log(max(features[n, f], 0.0) + (EPSILON + shifts[f]))
            power = exponents[f] * logs[n, f]
            raised = exp(power) if power < 709.0 else np.inf
            # a = 1: b cancels in every difference, so leave it out, and the rounding with it
            moved[n, f] = raised if exponents[f] != 1.0 else features[n, f]


@compiled(fastmath=MATH | {"reassoc"})
def _minus_distances(
    first: int,
    last: int,
    moved: Floats,
    weights: Floats,
    queries: Integers,
    near: Integers,
    offsets: Integers,
    z: Floats,
) -> None:
    """Fill in minus the weighted Manhattan distance of each neighbour from its prediction, four at a time."""
    for i in range(first, last):
        here, end = moved[queries[i]], offsets[i + 1]
        for j in range(offsets[i], end, 4):
            j2, j3, j4 = min(j + 1, end - 1), min(j + 2, end - 1), min(j + 3, end - 1)
            a, b, c, d = moved[near[j]], moved[near[j2]], moved[near[j3]], moved[near[j4]]
            to_a = to_b = to_c = to_d = 0.0
            for f in range(moved.shape[1]):
                to_a += weights[f] * abs(here[f] - a[f])
                to_b += weights[f] * abs(here[f] - b[f])
                to_c += weights[f] * abs(here[f] - c[f])
                to_d += weights[f] * abs(here[f] - d[f])
            z[j], z[j2], z[j3], z[j4] = -to_a, -to_b, -to_c, -to_d


@compiled
def _fill_pull(
    moved: Floats, queries: Integers, near: Integers, offsets: Integers, gradient: Floats, counts: Floats, pull: Floats
) -> None:
    """Fill in dL/dt of every sample and feature, up to the weight: what all parameters' derivatives are made of.

    The sign of a difference of 0 doesn't matter: what one sample loses by it the other gains.
    """
    pull[:] = 0.0
    own = np.empty(moved.shape[1])
    for i in range(len(queries)):
        here = moved[queries[i]]
        own[:] = 0.0
        for j in range(offsets[i], offsets[i + 1]):
            there, other, slope = moved[near[j]], pull[near[j]], gradient[j] * counts[i]
            for f in range(moved.shape[1]):
                push = slope if here[f] > there[f] else -slope
                own[f] -= push
                other[f] += push
        pull[queries[i]] += own


@compiled
def _by_all(
    features: Floats, exponents: Floats, shifts: Floats, moved: Floats, logs: Floats, pull: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the derivatives by weights, exponents and shifts; the last two lack the factors that all samples share."""
    by_weight, by_exponent, by_shift = np.zeros((3, moved.shape[1]))
    for n in range(moved.shape[0]):
        for f in range(moved.shape[1]):
            base = max(features[n, f], 0.0) + (EPSILON + shifts[f])
            raised = moved[n, f] if exponents[f] != 1.0 else base
            by_weight[f] += pull[n, f] * moved[n, f]
            by_exponent[f] += pull[n, f] * raised * logs[n, f]
            by_shift[f] += pull[n, f] * raised / base
    return by_weight, by_exponent, by_shift
