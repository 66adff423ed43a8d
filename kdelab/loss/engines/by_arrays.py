"""The engine of kernels that are given over arrays only: the same rules as in compiled code, many times as slow."""

from typing import Any

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Engine, Wanted
from kdelab.loss.engines.quadrature import cuts, nodes
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.validate import Floats

_FINEST = 2.0**-48
_ROUNDING = 64 * 2.0**-52


class ByArrays(Engine):
    """Panels and nodes of a batch."""

    def __init__(
        self, clusters: Clusters, kernel: Kernel, rule: Adaptive | Midpoint | GaussLegendre, background: float
    ) -> None:
        self.clusters, self.kernel, self.background = clusters, kernel, background
        if isinstance(rule, Adaptive):
            self.panels = cuts.stretched(clusters, kernel, background)
            self.nodes = nodes.adaptive(rule, kernel)
        else:
            self.panels, self.nodes = cuts.whole(clusters), nodes.fixed(rule)

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        log_weights = self.clusters.log_softmax(logits) + np.log1p(-self.background)
        for i, part in enumerate(self.clusters.slices()):
            panels = slice(self.panels.offsets[i], self.panels.offsets[i + 1])
            lengths, width = np.abs(self.panels.lengths[panels]), self.clusters.upper[i] - self.clusters.lower[i]
            shares = lengths / width if width > 0 else np.full(len(lengths), 1 / len(lengths))
            x, log_weight = self.clusters.points[part], log_weights[part]
            mean = np.zeros(2 + 2 * len(x))
            for p, share in zip(range(panels.start, panels.stop), shares, strict=True):
                mean += self._panel(p, share, x, log_weight)
            log_p, r, slope, growth = _apart(mean, len(x))
            wanted.loss[i] = -log_p
            if wanted.gradient is not None:
                weights = np.exp(log_weight - np.log1p(-self.background))
                wanted.gradient[part] = weights * (1.0 if self.background == 0 and log_p > -np.inf else r.sum()) - r
            if wanted.by_point is not None and wanted.by_bandwidth is not None:
                known = log_p > -np.inf  # where the loss is infinite, no step helps
                wanted.by_point[part] = slope / self.kernel.bandwidth if known else 0.0
                wanted.by_bandwidth[i] = growth if known else 0.0

    def _panel(self, p: int, share: float, x: Floats, log_weight: Floats) -> Floats:
        """Return a panel's part of the means over the target of log p, r_j, r_j s_j, and growth, one behind the other.

        Halved until the nested formula agrees with the finer one, by what that errs less.
        """
        origin, length = self.panels.origins[p], self.panels.lengths[p]
        adaptive = self.nodes.tolerance > 0 and length != 0
        largest = max(abs(origin), abs(x).max(), self.kernel.bandwidth if self.kernel.support < np.inf else 0.0)
        done, pending = np.zeros(2 + 2 * len(x)), [(0.0, 1.0)]
        while pending:
            s0, s1 = pending.pop()
            s = s0 + (s1 - s0) / 2 * (1 + self.nodes.places)
            power = self.panels.power if length != 0 else 1.0
            behind, pace = progress(self.panels.stretches[p], power, s)
            y = length * behind
            middle = np.full_like(y, length / 2) if adaptive else y
            values = values_at(self.kernel, self.background, origin, y, x, log_weight, middle)
            weights, halves = (s1 - s0) / 2 * share * pace, [(s0, (s0 + s1) / 2), ((s0 + s1) / 2, s1)]
            beyond = values[:, 0] == -np.inf
            if adaptive and beyond.any():
                # Cuts leave p at 0 on all of a panel, or on none but where rounding puts a node beyond an end.
                pending += halves if s1 - s0 > _FINEST and not beyond.all() else []
                done[0] -= np.inf if beyond.all() and s1 - s0 == 1 else 0.0
                continue
            with np.errstate(invalid="ignore"):  # 0 times the logarithm of 0: a fixed rule has no coarse formula
                fine, coarse = (weights * self.nodes.fine) @ values, (weights * self.nodes.coarse) @ values
            if adaptive and s1 - s0 > _FINEST:
                sizes = weights @ np.maximum(np.abs(values), 1.0)
                apart = np.abs(fine - coarse)
                error = apart * np.minimum(1.0, 30 * np.sqrt(apart / sizes))
                span = float(weights.sum())
                # Places are rounded in proportion to the largest of what they are sums of.
                noise = _ROUNDING * (1 + largest / abs(length) * share / span)
                if (error > np.maximum(self.nodes.tolerance * np.maximum(sizes * span, 0.01), noise * sizes)).any():
                    pending += halves
                    continue
            done += fine
        return done


def values_at(
    kernel: Kernel, background: float, origin: Any, y: Floats, x: Floats, log_weight: Floats, middle: Floats
) -> Floats:
    """Return log p, r_j, r_j s_j and growth at origin + y, a row a place, one behind the other.

    A kernel with a cusp at its point slopes as at origin + middle, see `terms.slopes`.
    """
    away = np.broadcast_to(origin, y.shape)[:, None] - x
    d = away + y[:, None]
    log_terms = log_weight + kernel.log(d)
    log_floor = np.where(np.abs(origin + y) <= 1, np.log(background / 2), -np.inf) if background > 0 else -np.inf
    log_p = np.logaddexp(np.logaddexp.reduce(log_terms, axis=1), log_floor)
    r = np.where(log_p[:, None] > -np.inf, np.exp(log_terms - np.where(log_p > -np.inf, log_p, 0.0)[:, None]), 0.0)
    u = np.abs(d) / kernel.bandwidth
    slope = r * np.where(r > 0, kernel.slope(u), 0.0) * np.sign(away + middle[:, None] if 0.0 in kernel.kinks else d)
    growth = r.sum(axis=1) + (d / kernel.bandwidth * slope).sum(axis=1)
    return np.column_stack([log_p, r, slope, growth])


def progress(stretch: Any, power: float, s: Floats) -> tuple[Floats, Floats]:
    """Return how much of a panel lies behind s, and the derivative of that: see `panel.Panel`."""
    T = np.where(stretch > 0, stretch, 1.0)
    pace = np.where(stretch > 0, T * np.cosh(T * s) / np.sinh(T), 1.0)
    s = np.where(stretch > 0, np.sinh(T * s) / np.sinh(T), s)
    return s**power, pace * power * s ** (power - 1)


def _apart(mean: Floats, k: int) -> tuple[float, Floats, Floats, float]:
    """Return the parts of one row of `values_at`."""
    return float(mean[0]), mean[1 : 1 + k], mean[1 + k : 1 + 2 * k], float(mean[1 + 2 * k])
