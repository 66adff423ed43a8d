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

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.laplace import Laplace
from kdelab.loss.parts import Part, known
from kdelab.loss.scattered.sums import LogSums, Provenance, together
from kdelab.loss.validate import Floats, Integers, instance, vector


class Inside(NamedTuple):
    """Points inside their target: prediction, row in the whole batch, place and logit of each."""

    prediction: Integers
    rows: Integers
    points: Floats
    logits: Floats


class LaplaceSums(NamedTuple):
    """Pass one: the sums of what lies left and right of each target, of all weights, and the points inside."""

    provenance: Provenance
    left: LogSums
    right: LogSums
    weight: LogSums
    inside: Inside

    def merge(self, other: "LaplaceSums") -> "LaplaceSums":
        """Return the sums over the parts of both; ValueError for different batches or a part that is in both."""
        return LaplaceSums(
            self.provenance.merge(other.provenance),
            self.left.merge(other.left),
            self.right.merge(other.right),
            self.weight.merge(other.weight),
            Inside(*(np.concatenate(pair) for pair in zip(self.inside, other.inside, strict=True))),
        )


class LaplaceWhole(NamedTuple):
    """What the merged sums say of the whole.

    Attributes
    ----------
    values : (n,)
        The losses.
    log_weight, log_left, log_right : (n,)
        Logarithms of the sums.
    left, right : (n,)
        Mean responsibility, over the target, of all that lies left and right of it.
    rows, inside : (points inside,)
        Rows, ascending, of the points inside, and the mean responsibility of each.
    """

    values: Floats
    log_weight: Floats
    log_left: Floats
    log_right: Floats
    left: Floats
    right: Floats
    rows: Integers
    inside: Floats


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
        n = len(self.lower)
        left, right, weight = LogSums.empty(n), LogSums.empty(n), LogSums.empty(n)
        weight.add(part.prediction, z)
        before, after = self._distances(part)
        for side, distance in ((left, before), (right, after)):
            side.add(part.prediction[distance > 0], (z - distance)[distance > 0])
        here = (before <= 0) & (after <= 0)
        inside = Inside(part.prediction[here], part.rows[here], part.points[here], z[here])
        return LaplaceSums(Provenance.one(part), left, right, weight, inside)

    def whole(self, sums: LaplaceSums) -> LaplaceWhole:
        """Evaluate the shrunken clusters; ValueError if a part is missing or the batch is another."""
        sums.provenance.same("sums", self.batch, self.of)
        sums.provenance.complete("sums")
        n = len(self.lower)
        each, inside = np.arange(n), sums.inside
        logs = sums.left.log(), sums.right.log()
        sides = [np.flatnonzero(np.isfinite(log)) for log in logs]
        # Left of the target, then inside by row, then right of it; lexsort's last key counts most.
        prediction = np.concatenate([each[sides[0]], inside.prediction, each[sides[1]]])
        place = np.concatenate(
            [np.full(len(sides[0]), -1), inside.rows, np.full(len(sides[1]), np.iinfo(np.int64).max)]
        )
        points = np.concatenate([self.lower[sides[0]], inside.points, self.upper[sides[1]]])
        logits = np.concatenate([logs[0][sides[0]], inside.logits, logs[1][sides[1]]])
        order = np.lexsort((place, prediction))
        offsets = np.concatenate([[0], np.cumsum(np.bincount(prediction, minlength=n))])
        small = Clusters(points[order], offsets, self.lower, self.upper)
        values, gradient = CrossEntropy(small, self.kernel).value_and_grad(logits[order])

        weight = LogSums.empty(n)
        weight.add(prediction, logits)
        responsibility = np.empty(len(order))
        responsibility[order] = np.exp(logits[order] - weight.log()[prediction[order]]) - gradient
        left, right = np.zeros(n), np.zeros(n)
        left[sides[0]] = responsibility[: len(sides[0])]
        right[sides[1]] = responsibility[len(responsibility) - len(sides[1]) :]
        by_row = np.argsort(inside.rows)
        within = responsibility[len(sides[0]) :][: len(inside.rows)]
        log_weight = sums.weight.log()
        return LaplaceWhole(
            values - weight.log() + log_weight, log_weight, *logs, left, right, inside.rows[by_row], within[by_row]
        )

    def gradient(self, part: Part, logits: ArrayLike, whole: LaplaceWhole) -> Floats:
        """Pass two: return dL/dz_j of one part's points, (m,); arguments as in `ScatteredQuadrature.gradient`."""
        z = self._checked(part, logits)
        responsibility = np.zeros(len(part))
        before, after = self._distances(part)
        sides = ((before, whole.log_left, whole.left), (after, whole.log_right, whole.right))
        for distance, log_sum, share in sides:
            mine = distance > 0
            who = part.prediction[mine]
            responsibility[mine] = np.exp((z - distance)[mine] - log_sum[who]) * share[who]
        here = (before <= 0) & (after <= 0)
        responsibility[here] = whole.inside[np.searchsorted(whole.rows, part.rows[here])]
        return np.exp(z - whole.log_weight[part.prediction]) - responsibility

    def _distances(self, part: Part) -> tuple[Floats, Floats]:
        """Return how far, in bandwidths, each point lies left of its target and right of it; negative if it doesn't."""
        h = self.kernel.bandwidth
        return (self.lower[part.prediction] - part.points) / h, (part.points - self.upper[part.prediction]) / h

    def _checked(self, part: Part, logits: ArrayLike) -> Floats:
        Provenance.one(part).same("part", self.batch, self.of)
        return vector("logits", logits, len(part), "one a point of the part")
