"""The engine of Huber's kernel.

Between the kinks x_j +- h that lie in a target log p is analytic, and four nodes a panel integrate it: how long a panel
may be for that is known beforehand. Tails of points on either side are a number each, as Laplace's are, cores a few
moments, so that p at a node costs the same however many points there are. What underflows, or is too wide, or has the
background's end in it, goes through the adaptive engine.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import exp, plus
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine
from kdelab.loss.engines.for_most import ForMost
from kdelab.loss.engines.huber.panels import LEAST, LOGS, NEGLIGIBLE, WORK, collect, integrate_panels, longest_panel
from kdelab.loss.engines.huber.prepare import Prepared, prepare
from kdelab.loss.engines.huber.scans import scan_in, scan_out
from kdelab.loss.engines.huber.tile import FLOOR, PANELS, PREDICTIONS, lay_out, panels_at_most, room
from kdelab.loss.engines.quadrature.engine import ByQuadrature
from kdelab.loss.kernels.base import Compiled, Kernel
from kdelab.loss.rules import Adaptive
from kdelab.loss.runtime import compiled, in_parallel, scalar
from kdelab.loss.validate import Flags, Floats

# Panels taken at a time: their arrays stay in the second-level cache, and loops are long.
_TILE = 512
# Beyond this logarithm of how many times p the background is, p is nothing beside it.
_NOTHING = 200.0
_ROOT_E = math.exp(0.5)


class HuberByMoments(ForMost):
    """Kinks of a batch, in order, and what lies far off."""

    def __init__(self, clusters: Clusters, kernel: Kernel, rule: Adaptive, background: float) -> None:
        self.clusters, self.kernel, self.rule, self.background = clusters, kernel, rule, background
        self.numbers = kernel.in_numbers(background)
        n, total = len(clusters), len(clusters.points)
        self.longest = longest_panel(rule.tolerance)
        self.prepared = Prepared(
            np.empty(2 * total), np.empty(2 * total, np.int32), np.empty(n, np.int64), np.empty(total), np.empty(n)
        )
        in_parallel(prepare, clusters.offsets, kernel.bandwidth, Batch.of(clusters), self.prepared)

    def _evaluate_most(self, logits: Floats, hard: Flags, loss: Floats, gradient: Floats | None) -> None:
        in_parallel(
            evaluate, self.clusters.offsets, self.numbers, self.longest, Batch.of(self.clusters), self.prepared, logits,
            hard, loss, gradient,
        )  # fmt: skip

    def _robust(self, clusters: Clusters) -> Engine:
        return ByQuadrature(clusters, self.kernel, self.rule, self.background)


@compiled
def evaluate(
    first: int, stop: int, kernel: Compiled, longest: float, batch: Batch, prepared: Prepared, logits: Floats,
    hard: Flags, loss: Floats, gradient: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and which of them are too hard for this.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    ends, lower, upper = batch.offsets, batch.lower, batch.upper
    h, background, K = kernel.h, kernel.background, prepared.K
    points, panels = np.int64(4 * _TILE), np.int64(_TILE)
    for i in range(first, stop):
        points = max(points, ends[i + 1] - ends[i])
        panels = max(panels, panels_at_most((upper[i] - lower[i]) / h, prepared.counts[i], longest))
    tile = room(points, panels, WORK)
    weights, decays, scales, totals = tile.points[0], tile.predictions[0], tile.predictions[1], tile.predictions[2]
    panel_ends, floors, logs, least = tile.ends[PANELS], tile.panels[FLOOR], tile.work[LOGS], tile.work[LEAST]
    while first < stop:
        last = lay_out(first, stop, h, longest, batch, prepared, tile)
        for i in range(first, last):
            this, w = i - first, weights[ends[i] - ends[first] : ends[i + 1] - ends[first]]
            cells, next_cells = tile.ends[PREDICTIONS, this], tile.ends[PREDICTIONS, this + 1]
            hard[i] = cells == next_cells
            if hard[i]:
                continue
            totals[this], left, right = _weigh(logits[ends[i] : ends[i + 1]], K[ends[i] : ends[i + 1]], w)
            decays[this] = math.exp(-(upper[i] - lower[i]) / h / (next_cells - cells))
            scales[this] = kernel.log_constant - math.log(totals[this]) + math.log1p(-background) - prepared.shifts[i]
            edge, floor = _ROOT_E * math.sqrt(decays[this]), 0.0
            if background > 0.0 and lower[i] <= 1.0 and upper[i] >= -1.0:
                log_floor = math.log(0.5 * background) - scales[this]
                hard[i] = lower[i] < -1.0 or upper[i] > 1.0 or log_floor > _NOTHING
                floor = math.exp(min(log_floor, _NOTHING))
            scan_in(this, w, left * edge, right * edge, decays[this], floor, tile)
        count = panel_ends[tile.ends[PREDICTIONS, last - first]]
        integrate_panels(tile, count)
        if gradient is not None:
            collect(tile, count)
        for i in range(first, last):
            this, mean_log, lost, lowest = i - first, 0.0, 0.0, np.inf
            begin, end = tile.ends[PREDICTIONS, this], tile.ends[PREDICTIONS, this + 1]
            for p in range(panel_ends[begin], panel_ends[end]):
                term, before = logs[p] - lost, mean_log  # Kahan's sum: panels may be many, and logarithms large
                mean_log += term
                lost = (mean_log - before) - term
                lowest = min(lowest, least[p])
            hard[i] |= lowest < NEGLIGIBLE
            if hard[i]:
                continue
            loss[i] = -(scales[this] + mean_log)
            if gradient is not None:
                r, w = gradient[ends[i] : ends[i + 1]], weights[ends[i] - ends[first] : ends[i + 1] - ends[first]]
                mu, nu = scan_out(this, decays[this], tile, r)
                edge, reached = _ROOT_E * math.sqrt(decays[this]), 0.0
                for j in range(w.size):
                    outer = K[ends[i] + j]
                    r[j] = w[j] * (r[j] + edge * (max(outer, 0.0) * mu + max(-outer, 0.0) * nu))
                    reached = plus(reached, r[j])
                per_weight = (reached if floors[panel_ends[begin]] > 0.0 else 1.0) / totals[this]
                for j in range(w.size):
                    r[j] = w[j] * per_weight - r[j]
        first = last


@scalar
def _weigh(z: Floats, K: Floats, w: Floats) -> tuple[float, float, float]:
    """Fill w_j = exp(z_j - max z); return the sum, and those of w_j K_j on the left and on the right."""
    top = z[0]
    for j in range(z.size):
        top = max(top, z[j])
    for j in range(z.size):
        w[j] = exp(z[j] - top)
    w_total = left = right = 0.0
    for j in range(z.size):
        w_total = plus(w_total, w[j])
        left = plus(left, w[j] * max(K[j], 0.0))
        right = plus(right, w[j] * max(-K[j], 0.0))
    return w_total, left, right
