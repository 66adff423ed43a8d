"""From features to logits and back: the chain rule between the loss's gradient and a distance's parameters.

Feature f of sample q becomes t_f(q) = (1e-4 + b_f + x_f(q))^a_f, and the logit of neighbour j of
prediction i is z = -sum_f v_f abs(t_f(i) - t_f(j)): minus the Manhattan distance.  With a = 1 that is the plain
weighted distance, whatever b is.  v is scale times weight: those two can't be learned apart.

All derivatives are sums of one kind, -sum_j dL/dz_j abs(m(i) - m(j)) with an m that rises with x as t does: t itself
for the weight v; for the shift b, dt/db = a (1e-4 + b + x)^(a - 1), which rises or falls; for the exponent a,
dt/da = t log(1e-4 + b + x), which does neither, but t log(1 + x / (1e-4 + b)) rises, and the rest is proportional to
t.
"""

from typing import NamedTuple

import numpy as np

from kdelab.learn.memory import Neighbourhood
from kdelab.learn.sums import exact_sums
from kdelab.loss.arithmetic import exp, log
from kdelab.loss.runtime import MATH, compiled, in_parallel
from kdelab.loss.validate import Floats, Integers, integers, one_form, vector

EPSILON = 1e-4  # keeps a feature of 0 differentiable under a power below 1
LANES = 4  # columns are padded to a multiple of what compiled loops take at once
TILE = 64  # rows whose powers are taken at a time: they stay in the first-level cache


class Parameters(NamedTuple):
    """What is learned, one entry a feature each; the weights include the scale of the distance."""

    weights: Floats
    exponents: Floats
    shifts: Floats

    def transformed(self, features: Floats) -> Floats:
        """Return t = (1e-4 + b + x)^a, unweighted, in the shape of the features (samples, features)."""
        if (self.exponents == 1).all():
            return features
        return _transformed(self, features, np.empty((3, *features.shape)))[0]

    def positions(self, features: Floats) -> Floats:
        """Return where samples lie, (samples, features): their Manhattan distance is minus the logit."""
        return self.transformed(features) * self.weights


class _Pairs:
    """Predictions and their neighbours, as rows of a table of those samples alone; parameters as of `LinearLogits`.

    Attributes
    ----------
    features : array (used, columns)
        Of the samples that are used, padded with zeros.
    number : int
        Of features.
    """

    def __init__(self, features: Floats, predictions: Integers, found: Neighbourhood) -> None:
        self._offsets = integers("offsets", found.offsets, own=True)
        used = np.zeros(len(features), dtype=bool)
        used[predictions] = used[found.rows] = True
        index = np.cumsum(used, dtype=np.uint32) - np.uint32(1)  # unsigned: compiled loops needn't ask for its sign
        self._places = one_form(index[predictions], np.uint32), one_form(index[found.rows], np.uint32), self._offsets
        self.number = features.shape[1]
        self.features = one_form(np.pad(features[used], ((0, 0), (0, -self.number % LANES))))
        self._z = np.empty(len(found.rows))

    def minus_distances(self, table: Floats, weights: Floats) -> Floats:
        """Return z = -sum_f v_f abs(m_f(i) - m_f(j)) of every neighbour, (total,): always the same array.

        A new one would cost as much as filling it.
        """
        weighted = one_form(table * np.pad(weights, (0, -self.number % LANES)))
        in_parallel(_minus_distances, self._offsets, weighted, *self._places, self._z)
        return self._z

    def differences(self, table: Floats, gradient: Floats) -> Floats:
        """Return sum_j dL/dz_j abs(m_f(i) - m_f(j)) of every prediction, (n, features)."""
        sums = np.empty((len(self._offsets) - 1, table.shape[1]))
        in_parallel(_differences, self._offsets, one_form(table), *self._places, gradient, sums)
        return sums[:, : self.number]

    def checked(self, gradient: Floats) -> Floats:
        """Return what is differentiated, in the form that compiled code takes."""
        return vector("gradient", gradient, len(self._z), "one a neighbour")


class LinearLogits:
    """The logits of retrieved neighbours as a function of weights alone, and the way back for gradients.

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
        self._pairs = _Pairs(features, predictions, found)

    def forward(self, parameters: Parameters) -> Floats:
        """Return z of every neighbour, (total,): always the same array."""
        return self._pairs.minus_distances(self._pairs.features, parameters.weights)

    def backward(self, gradient: Floats, counts: Floats) -> Integers:
        """Return what `slopes` takes, given dL/dz of every neighbour and how much each prediction counts, unrounded.

        Returns
        -------
        array of int (features, WORDS)
            Of `kdelab.learn.sums`: those of several parts may be added up.
        """
        return exact_sums(self._pairs.differences(self._pairs.features, self._pairs.checked(gradient)), counts)


class PowerLogits:
    """The same for weights, exponents (above 0) and shifts; parameters as of `LinearLogits`.

    Where two samples have the same value of a feature, its part of the distance is 0 for all parameters, and so are the
    derivatives: the kink of abs costs nothing here.
    """

    def __init__(self, features: Floats, predictions: Integers, found: Neighbourhood) -> None:
        self._pairs = _Pairs(features, predictions, found)
        self._tables = np.empty((3, *self._pairs.features.shape))

    def forward(self, parameters: Parameters) -> Floats:
        """Return z of every neighbour, (total,): always the same array."""
        _transformed(parameters, self._pairs.features, self._tables)
        return self._pairs.minus_distances(self._tables[0], parameters.weights)

    def backward(self, gradient: Floats, counts: Floats) -> Integers:
        """Return the same where the last `forward` was: (3 features, WORDS), of t and its two kinds of slope."""
        given = self._pairs.checked(gradient)
        return np.concatenate([exact_sums(self._pairs.differences(table, given), counts) for table in self._tables])


def slopes(parameters: Parameters, sums: Floats) -> Parameters:
    """Return the derivatives by all parameters from the rounded sums of a `backward`.

    Those by exponents and shifts are 0 where the sums are of weights alone: they aren't learned.
    """
    weights, exponents, shifts = parameters
    by_t, *others = -sums.reshape(-1, len(weights))
    if not others:
        return Parameters(by_t, np.zeros_like(by_t), np.zeros_like(by_t))
    by_log, by_slope = others
    by_exponent = weights * (by_log + np.log(EPSILON + shifts) * by_t)
    return Parameters(by_t, by_exponent, weights * exponents * np.sign(exponents - 1.0) * by_slope)


def _transformed(parameters: Parameters, features: Floats, tables: Floats) -> Floats:
    """Fill in, and return, t, t log(1 + x / (1e-4 + b)) and t / (1e-4 + b + x): (3, samples, columns)."""
    columns = features.shape[1]
    padded = [np.pad(p, (0, columns - len(p)), constant_values=1.0) for p in parameters[1:]]
    exponents, bases = (np.tile(p, TILE) for p in (padded[0], EPSILON + padded[1]))
    tiles = np.append(np.arange(0, features.size, TILE * columns), features.size)
    x, powers = one_form(features).reshape(-1), map(one_form, (exponents, bases, np.log(bases)))
    in_parallel(_transform, tiles, tiles, x, *powers, tables.reshape(3, -1))
    return tables


@compiled
def _transform(
    first: int, last: int, tiles: Integers, x: Floats, exponents: Floats, bases: Floats, logs: Floats, tables: Floats
) -> None:
    """Fill in the tables, all of them flat, tile by tile of rows; exponents, bases and their logs are a tile's."""
    for i in range(first, last):
        here = slice(tiles[i], tiles[i + 1])
        values, t, by_log, slope = x[here], tables[0, here], tables[1, here], tables[2, here]
        for f in range(len(t)):
            slope[f] = max(values[f], 0.0) + bases[f]
        for f in range(len(t)):
            by_log[f] = log(slope[f])
        for f in range(len(t)):
            power = exponents[f] * by_log[f]
            t[f] = exp(power) if power < 709.0 else np.inf
        for f in range(len(t)):
            by_log[f] = t[f] * (by_log[f] - logs[f])
            slope[f] = t[f] / slope[f]
            # a = 1: b cancels in every difference, so leave it out, and the rounding with it
            t[f] = t[f] if exponents[f] != 1.0 else values[f]


@compiled(fastmath=MATH | {"reassoc"})
def _minus_distances(
    first: int, last: int, table: Floats, queries: Integers, near: Integers, offsets: Integers, z: Floats
) -> None:
    """Fill in minus the Manhattan distance of each neighbour from its prediction, four at a time."""
    for i in range(first, last):
        here, end = table[queries[i]], offsets[i + 1]
        for j in range(offsets[i], end, 4):
            j2, j3, j4 = min(j + 1, end - 1), min(j + 2, end - 1), min(j + 3, end - 1)
            a, b, c, d = table[near[j]], table[near[j2]], table[near[j3]], table[near[j4]]
            to_a = to_b = to_c = to_d = 0.0
            for f in range(len(here)):
                to_a += abs(here[f] - a[f])
                to_b += abs(here[f] - b[f])
                to_c += abs(here[f] - c[f])
                to_d += abs(here[f] - d[f])
            z[j], z[j2], z[j3], z[j4] = -to_a, -to_b, -to_c, -to_d


@compiled
def _differences(
    first: int,
    last: int,
    table: Floats,
    queries: Integers,
    near: Integers,
    offsets: Integers,
    gradient: Floats,
    sums: Floats,
) -> None:
    """Fill in each prediction's sum of gradient times difference, (n, columns), four neighbours at a time."""
    for i in range(first, last):
        here, total, end = table[queries[i]], sums[i], offsets[i + 1]
        total[:] = 0.0
        for j in range(offsets[i], end, 4):
            j2, j3, j4 = min(j + 1, end - 1), min(j + 2, end - 1), min(j + 3, end - 1)
            a, b, c, d = table[near[j]], table[near[j2]], table[near[j3]], table[near[j4]]
            by_a = gradient[j]
            by_b, by_c, by_d = gradient[j2] * (j2 > j), gradient[j3] * (j3 > j2), gradient[j4] * (j4 > j3)
            for f in range(len(total)):
                to_a_and_b = by_a * abs(here[f] - a[f]) + by_b * abs(here[f] - b[f])
                total[f] += to_a_and_b + (by_c * abs(here[f] - c[f]) + by_d * abs(here[f] - d[f]))
