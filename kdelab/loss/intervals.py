"""A kernel of each point's own width: its interval, as a box. BeepBoop's gun aims with such boxes, unscaled."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.boxes.engine import Boxes
from kdelab.loss.frozen import Frozen
from kdelab.loss.validate import Floats, fraction, instance, names, places, vector


class IntervalCrossEntropy(Frozen):
    """The cross-entropy of uniform targets and densities made of the points' own intervals.

    p(x) = (1 - background) sum_j S_j [l_j <= x <= u_j] / (u_j - l_j) + background / 2, piecewise constant: loss and
    gradient are exact.

    Parameters
    ----------
    clusters : Clusters
        Whose targets and cluster sizes count; the points are not looked at.
    lower, upper : array_like (total,)
        The interval of each point; copied.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1]: without it a target not covered has an infinite loss.

    Raises
    ------
    ValueError
        If an interval is empty, or an argument isn't what it must be.
    """

    def __init__(self, clusters: Clusters, lower: ArrayLike, upper: ArrayLike, background: float = 0.0) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        total = len(clusters.points)
        self.lower = vector("lower", lower, total, "one a point", own=True)
        self.upper = vector("upper", upper, total, "one a point", own=True)
        if not (self.lower < self.upper).all():
            raise ValueError(
                f"lower must be less than upper, but {int((self.lower >= self.upper).sum())} intervals are empty"
            )
        self.background = fraction("background", background)
        self._engine = Boxes(clusters, self.lower, self.upper, 0.0, self.background)

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return the losses (n,) and the gradient of their sum by the logits (total,)."""
        return self._engine.value_and_grad(self.clusters.checked(logits))

    def value(self, logits: ArrayLike) -> Floats:
        """Return the losses alone, (n,)."""
        return self._engine.value(self.clusters.checked(logits))

    def value_and_grads(
        self, logits: ArrayLike, wrt: Sequence[str] = ("logits", "lower", "upper")
    ) -> tuple[Floats, dict[str, Floats]]:
        """Return the losses (n,) and their gradients, (total,) each, by logits and by the intervals' ends.

        As an end moves it lowers or raises its box, and what it covers or lays bare gains or loses. Where two boxes end
        at one place it is the mean of both sides; where the loss is infinite, 0.

        Raises
        ------
        ValueError
            If wrt names something else.
        """
        wanted = names("wrt", wrt, ("logits", "lower", "upper"))
        values, *gradients = self._engine.by_ends(self.clusters.checked(logits))
        by_name = dict(zip(("logits", "lower", "upper"), gradients, strict=True))
        return values, {name: by_name[name] for name in wanted}

    def density(self, logits: ArrayLike, x: ArrayLike) -> Floats:
        """Return p at the places x, (m,) for all predictions or (n, m) for each: (n, m)."""
        heights = (1 - self.background) * self.clusters.softmax(logits) / (self.upper - self.lower)
        at = places(x, len(self.clusters))
        density = np.where(np.abs(at) <= 1, self.background / 2, 0.0)
        for i, part in enumerate(self.clusters.slices()):
            inside = (self.lower[part, None] <= at[i]) & (at[i] <= self.upper[part, None])
            density[i] += heights[part] @ inside
        return density
