"""Two passes in closed form, for the Laplace kernel.

Seen from inside the target, all points left of it are one: exp(-(x - x_j)/h) = exp(-(a - x_j)/h) exp(-(x - a)/h), so
they act like a single point at a with weight sum_j exp(z_j - (a - x_j)/h); likewise on the right. A cluster shrinks to
its points inside and at most two more, without loss. What travels is three pairs of numbers a prediction, and each
point that lies inside the target, with its logit: far less than nodes, but those points do leave their part.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.arithmetic import exp
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.laplace import Laplace
from kdelab.loss.parts import Part, known
from kdelab.loss.ragged import offsets_of
from kdelab.loss.runtime import compiled
from kdelab.loss.scattered.sums import LogSums, Provenance, add, together
from kdelab.loss.validate import Flags, Floats, Integers, instance, vector


class Inside(NamedTuple):
    """A part's points inside their targets: prediction, row in the whole batch, place and logit of each."""

    prediction: Integers
    rows: Integers
    points: Floats
    logits: Floats


class LaplaceSums(NamedTuple):
    """Pass one: the sums of what lies left and right of each target, of all weights, and by part the points inside."""

    provenance: Provenance
    left: LogSums
    right: LogSums
    weight: LogSums
    inside: dict[int, Inside]

    def merge(self, other: "LaplaceSums") -> "LaplaceSums":
        """Return the sums over the parts of both; ValueError for different batches or a part that is in both."""
        return LaplaceSums(
            self.provenance.merge(other.provenance),
            self.left.merge(other.left),
            self.right.merge(other.right),
            self.weight.merge(other.weight),
            self.inside | other.inside,
        )


class Side(NamedTuple):
    """All that lies on one side of each target: the logarithm of its sum, and its mean responsibility."""

    log_sum: Floats
    reached: Floats


class LaplaceWhole(NamedTuple):
    """What the merged sums say of the whole.

    Attributes
    ----------
    values : (n,)
        The losses.
    log_weight : (n,)
        log sum_j exp(z_j).
    left, right : Side
    inside : dict of int to (points inside,)
        By number of the part the mean responsibility of each of its points inside, in their order.
    """

    values: Floats
    log_weight: Floats
    left: Side
    right: Side
    inside: dict[int, Floats]


class ScatteredLaplace(Frozen):
    """The two passes of a Laplace kernel without a background, in closed form.

    Parameters
    ----------
    parts : iterable of Part
        All parts; only the targets and the name of the batch are taken from them.
    kernel : Laplace

    Raises
    ------
    ValueError
        If the parts are of different batches, or one is missing or there twice.
    """

    def __init__(self, parts: Iterable[Part], kernel: Laplace) -> None:
        all_parts = known(parts)
        provenance = together(all_parts)
        self.batch, self.of = provenance.batch, provenance.of
        self.kernel = instance("kernel", kernel, Laplace, "Laplace(bandwidth=0.1)")
        self.lower, self.upper = all_parts[0].lower, all_parts[0].upper

    def sums(self, part: Part, logits: ArrayLike) -> LaplaceSums:
        """Pass one: sum what one part holds; the arguments are those of `ScatteredQuadrature.sums`."""
        z = self._checked(part, logits)
        left, right, weight = (LogSums.empty(len(self.lower)) for _ in range(3))
        within = np.empty(len(part), np.bool_)
        _sum(*self._arrays(part), z, left, right, weight, within)
        inside = Inside(part.prediction[within], part.rows[within], part.points[within], z[within])
        return LaplaceSums(Provenance.one(part), left, right, weight, {part.number: inside})

    def whole(self, sums: LaplaceSums) -> LaplaceWhole:
        """Evaluate the shrunken clusters; ValueError if a part is missing or the batch is another."""
        sums.provenance.same("sums", self.batch, self.of)
        sums.provenance.complete("sums")
        n, inside = len(self.lower), Inside(*map(np.concatenate, zip(*sums.inside.values(), strict=True)))
        by_row = np.argsort(inside.rows)
        log_left, log_right = sums.left.log(), sums.right.log()
        # Left of the target, then inside by row, which is by prediction, then right of it.
        behind, ahead = np.isfinite(log_left), np.isfinite(log_right)
        within = np.bincount(inside.prediction, minlength=n)
        offsets = offsets_of(within + behind + ahead)
        first, last = offsets[:-1][behind], offsets[1:][ahead] - 1
        between = np.ones(offsets[-1], np.bool_)
        between[first] = between[last] = False
        points, logits = np.empty(len(between)), np.empty(len(between))
        points[first], points[last], points[between] = self.lower[behind], self.upper[ahead], inside.points[by_row]
        logits[first], logits[last], logits[between] = log_left[behind], log_right[ahead], inside.logits[by_row]
        small = Clusters(points, offsets, self.lower, self.upper)
        values, gradient = CrossEntropy(small, self.kernel).value_and_grad(logits)

        log_small, log_weight = small.log_sum(logits), sums.weight.log()
        responsibility = np.exp(logits - small.spread(log_small)) - gradient
        left, right = Side(log_left, np.zeros(n)), Side(log_right, np.zeros(n))
        left.reached[behind], right.reached[ahead] = responsibility[first], responsibility[last]
        inner = np.empty(len(by_row))
        inner[by_row] = responsibility[between]
        starts = offsets_of(np.array([len(each.rows) for each in sums.inside.values()]))[1:-1]
        by_part = dict(zip(sums.inside, np.split(inner, starts), strict=True))
        return LaplaceWhole(values - log_small + log_weight, log_weight, left, right, by_part)

    def gradient(self, part: Part, logits: ArrayLike, whole: LaplaceWhole) -> Floats:
        """Pass two: return dL/dz_j of one part's points, (m,); arguments as in `ScatteredQuadrature.gradient`."""
        gradient = np.empty(len(part))
        z = self._checked(part, logits)
        inside = whole.inside[part.number]
        within = _gradient(*self._arrays(part), z, *whole[1:-1], inside, gradient)
        if within != len(inside):
            raise ValueError(f"part must be the one of the first pass: {within} of its points lie inside targets, not "
                             f"{len(inside)}")  # fmt: skip
        return gradient

    def _arrays(self, part: Part) -> tuple[Integers, Floats, Floats, Floats, float]:
        return part.prediction, part.points, self.lower, self.upper, self.kernel.bandwidth

    def _checked(self, part: Part, logits: ArrayLike) -> Floats:
        Provenance.one(part).same("part", self.batch, self.of)
        return vector("logits", logits, len(part), "one a point of the part")


@compiled
def _sum(
    prediction: Integers, x: Floats, lower: Floats, upper: Floats, h: float, z: Floats, left: LogSums, right: LogSums,
    weight: LogSums, within: Flags,
) -> None:  # fmt: skip
    """Add each point to the sums it belongs to, and tell whether it lies inside."""
    for j in range(x.size):
        i = prediction[j]
        add(i, z[j], weight.top, weight.scaled)
        within[j] = lower[i] <= x[j] <= upper[i]
        if x[j] < lower[i]:
            add(i, z[j] - (lower[i] - x[j]) / h, left.top, left.scaled)
        elif x[j] > upper[i]:
            add(i, z[j] - (x[j] - upper[i]) / h, right.top, right.scaled)


@compiled
def _gradient(
    prediction: Integers, x: Floats, lower: Floats, upper: Floats, h: float, z: Floats, log_weight: Floats,
    left: Side, right: Side, inside: Floats, gradient: Floats,
) -> int:  # fmt: skip
    """Fill S_j less each point's mean responsibility, its part of its side's or one of those inside; count these."""
    within = 0
    for j in range(x.size):
        i = prediction[j]
        if x[j] < lower[i]:
            reached = exp(z[j] - (lower[i] - x[j]) / h - left.log_sum[i]) * left.reached[i]
        elif x[j] > upper[i]:
            reached = exp(z[j] - (x[j] - upper[i]) / h - right.log_sum[i]) * right.reached[i]
        else:
            reached = inside[within] if within < inside.size else 0.0
            within += 1
        gradient[j] = exp(z[j] - log_weight[i]) - reached
    return within
