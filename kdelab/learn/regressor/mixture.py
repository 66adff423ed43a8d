"""Mixtures of a kernel, one a prediction: mean, quantiles, mode and draws of the density that the loss judges."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kdelab.learn.regressor.tails import tail_of
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Box, Kernel
from kdelab.loss.validate import Floats, Integers

_STEPS = 200  # of a root finder that at worst halves: more than a float has digits
_HALVINGS = 50


class Mixture(NamedTuple):
    """Densities p(x) = (1 - b) sum_j S_j K_h(x - x_j) + b / 2 on [-1, 1], S = softmax(z), one a cluster.

    Attributes
    ----------
    clusters : Clusters
        Their points, in [-1, 1]; targets aren't looked at.
    logits : array (total,)
        z_j of every point.
    kernel : Kernel
        One that `kdelab.learn.regressor.tails` knows.
    background : float
        b, in [0, 1).
    """

    clusters: Clusters
    logits: Floats
    kernel: Kernel
    background: float = 0.0

    def log_density(self, x: Floats) -> Floats:
        """Return log p at places (n, m), in that shape."""
        return self._loss(self.clusters).log_density(self.logits, x)

    def losses(self, lower: Floats, upper: Floats) -> Floats:
        """Return the cross-entropies of targets, (n,)."""
        return self._loss(self.clusters.aimed_at(lower, upper)).value(self.logits)

    def mean(self) -> Floats:
        """Return the means, (n,): (1 - b) sum_j S_j x_j, even of a Cauchy kernel, whose mixture has none."""
        weights = self.clusters.softmax(self.logits)
        return (1 - self.background) * self.clusters.sum(weights * self.clusters.points)

    def log_below(self, x: Floats) -> Floats:
        """Return log P(X <= x) at a place each, (n,), to the last digits far out on the left, too."""
        u = (self.clusters.spread(x) - self.clusters.points) / self.kernel.bandwidth
        with np.errstate(divide="ignore"):
            tails = tail_of(self.kernel).log(np.abs(u))
            below = np.where(u < 0, tails, np.log1p(-np.exp(tails)))
            logs = self.clusters.log_sum(self.clusters.log_softmax(self.logits) + below)
            floor = np.log(self.background) + np.log(np.clip((x + 1) / 2, 0, 1))
        return np.logaddexp(np.log1p(-self.background) + logs, floor)

    def quantile(self, level: float) -> Floats:
        """Return where P(X <= x) is a level between 0 and 1, (n,): exact but for rounding."""
        if level > 0.5:
            return -self._mirrored().quantile(1 - level)  # tails are told apart by their own size, not by 1 less it
        h, points = self.kernel.bandwidth, self.clusters.points
        reach = h * float(tail_of(self.kernel).inverse(np.array(level)))
        low, high = self.clusters.min(points) - reach, self.clusters.max(points) - reach
        if self.background:
            low, high = np.minimum(low, 2 * level - 1), np.maximum(high, 2 * level - 1)
        room = 1e-6 * (h + reach)  # where an end is the quantile itself, rounding must not make it lie beyond
        return root(lambda x: self.log_below(x) - np.log(level), low - room, high + room, h)

    def interval(self, tail: float) -> Floats:
        """Return the ends beyond which lies a probability on either side, at most 1/2: (n, 2)."""
        return np.stack([self.quantile(tail), -self._mirrored().quantile(tail)], axis=1)

    def mode(self) -> Floats:
        """Return where the densities are highest, (n,).

        At a point with a kernel that has a kink there; the middle of the highest stretch with a box. Else the best of
        all points and the middles between them, climbed from there to the top.
        """
        h = self.kernel.bandwidth
        places = self._in_order()
        if isinstance(self.kernel, Box):
            places = np.sort(np.hstack([places - h, places + h]), axis=1)
            places = (places[:, 1:] + places[:, :-1]) / 2
        elif 0.0 not in self.kernel.kinks:
            places = np.hstack([places, (places[:, 1:] + places[:, :-1]) / 2])
        heights = self.log_density(places)
        best = np.take_along_axis(places, np.argmax(heights, axis=1)[:, None], axis=1)[:, 0]
        if isinstance(self.kernel, Box) or 0.0 in self.kernel.kinks:
            return best
        return self._climbed(best, places)

    def sample(self, rng: np.random.RandomState, number: int) -> Floats:
        """Return draws, (n, number)."""
        n = len(self.clusters)
        which, size, side, floor = rng.random_sample((4, n, number))
        ends = np.cumsum(self.clusters.softmax(self.logits))
        before, after = self.clusters.offsets[:-1, None], self.clusters.offsets[1:, None] - 1
        start = np.concatenate([[0.0], ends])[before]
        drawn = np.searchsorted(ends, start + which * (ends[after] - start), side="right")
        points = self.clusters.points[np.clip(drawn, before, after)]
        away = self.kernel.bandwidth * tail_of(self.kernel).inverse((1 - size) / 2)  # 1 - size is above 0
        uniform = 2 * size - 1
        return np.where(floor < self.background, uniform, points + np.where(side < 0.5, -away, away))

    def _loss(self, clusters: Clusters) -> CrossEntropy:
        return CrossEntropy(clusters, self.kernel, background=self.background)

    def _mirrored(self) -> "Mixture":
        clusters = Clusters(-self.clusters.points, self.clusters.offsets, -self.clusters.upper, -self.clusters.lower)
        return self._replace(clusters=clusters)

    def _in_order(self) -> Floats:
        """Return each cluster's points, ascending, (n, most); where there are fewer the last one again."""
        ordered = self.clusters.points[np.lexsort((self.clusters.points, self.clusters.owners))]
        columns: Integers = np.arange(self.clusters.sizes.max(initial=0))
        return ordered[self.clusters.offsets[:-1, None] + np.minimum(columns, self.clusters.sizes[:, None] - 1)]

    def _climbed(self, top: Floats, places: Floats) -> Floats:
        """Return the peak between the best place of each row and the next one uphill, which is lower."""
        uphill = np.sign(self._slope(top))
        right = np.min(places, axis=1, where=places > top[:, None], initial=np.inf)
        left = np.max(places, axis=1, where=places < top[:, None], initial=-np.inf)
        beyond = np.where(uphill > 0, right, left)
        beyond = np.where(np.isfinite(beyond) & (uphill != 0), beyond, top)
        for _ in range(_HALVINGS):
            middle = top + (beyond - top) / 2
            on = np.sign(self._slope(middle)) == uphill
            top, beyond = np.where(on, middle, top), np.where(on, beyond, middle)
        return top

    def _slope(self, x: Floats) -> Floats:
        """Return p'(x) at a place each, up to a positive factor; 0 or NaN where no kernel reaches."""
        d = self.clusters.spread(x) - self.clusters.points
        logs = self.logits + self.kernel.log(d)
        with np.errstate(invalid="ignore"):
            terms = np.exp(logs - self.clusters.spread(self.clusters.max(logs)))
        return self.clusters.sum(terms * self.kernel.slope(np.abs(d) / self.kernel.bandwidth) * np.sign(d))


def root(f: Callable[[Floats], Floats], low: Floats, high: Floats, unit: float) -> Floats:
    """Return where increasing functions, one an element, are 0: Chandrupatla's method, which at worst halves.

    Parameters
    ----------
    f : callable
        Values (n,) at places (n,); below 0 at `low`, above at `high`; it may be infinite.
    low, high : array (n,)
    unit : float
        Places are found to some roundings of themselves or of this.
    """
    a, b, t = high, low, np.full_like(low, 0.5)
    f_a, f_b = f(a), f(b)
    for _ in range(_STEPS):
        x = a + t * (b - a)
        f_x = f(x)
        same = (f_x > 0) == (f_a > 0)
        c, f_c = np.where(same, a, b), np.where(same, f_a, f_b)
        b, f_b = np.where(same, b, a), np.where(same, f_b, f_a)
        a, f_a = x, f_x
        best = np.where(np.abs(f_a) < np.abs(f_b), a, b)
        least = 2 * np.finfo(float).eps * (np.abs(best) + unit) / np.maximum(np.abs(b - a), np.finfo(float).tiny)
        if ((least > 0.5) | (f_a == 0) | (f_b == 0)).all():
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            xi, phi = (a - b) / (c - b), (f_a - f_b) / (f_c - f_b)
            curved = f_a / (f_b - f_a) * f_c / (f_b - f_c) + (c - a) / (b - a) * f_a / (f_c - f_a) * f_b / (f_c - f_b)
            bends_little = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(curved)
        t = np.clip(np.where(bends_little, curved, 0.5), np.minimum(least, 0.5), np.maximum(1 - least, 0.5))
    return best
