"""The engine of Huber's kernel.

Between the kinks x_j +- h that lie in a target log p is analytic, and four nodes a panel integrate it: how long a panel
may be for that is known beforehand. Tails of points on either side are a number each, as Laplace's are, cores a few
moments, so that p at a node costs the same however many points there are. What underflows, or is too wide, or has the
background's end in it, goes through the adaptive engine.
"""

import math
from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import exp, plus
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.huber.layout import Layout, cells_of, empty, fill_factors, lay_out, room_for
from kdelab.loss.engines.huber.panels import NEGLIGIBLE, ROWS, WORK, integrate_panels, longest_panel
from kdelab.loss.engines.huber.prepare import Prepared, prepare
from kdelab.loss.engines.huber.scans import scan_in, scan_out
from kdelab.loss.engines.quadrature.for_most import ForMost
from kdelab.loss.kernels.base import Compiled, Kernel
from kdelab.loss.rules import Adaptive
from kdelab.loss.runtime import compiled, in_parallel, inlined, scalar
from kdelab.loss.validate import Flags, Floats, Indices, Integers

# Panels taken at a time: their arrays stay in the second-level cache, and loops are long.
_TILE = 512
# Beyond this logarithm of how many times p the background is, p is nothing beside it.
_NOTHING = 200.0
_ROOT_E = math.exp(0.5)


class HuberByMoments(ForMost):
    """Kinks of a batch, in order, and what lies far off."""

    def __init__(self, clusters: Clusters, kernel: Kernel, rule: Adaptive, background: float) -> None:
        super().__init__(clusters, kernel, rule, background)
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


class Tile(NamedTuple):
    """Consecutive predictions, and room for what is computed of them.

    Of each, where its cells begin, those of the next one behind them, the sum of its weights, and what the background
    adds to p; of its points the weights; of panels what they add to the mean of log p, the least p, what the background
    adds to it, moments, and what they collect.
    """

    layout: Layout
    begins: Integers
    totals: Floats
    weights: Floats
    floors: Floats
    logs: Floats
    least: Floats
    moments: Floats
    collected: Floats
    work: Floats
    room: Floats
    touched: Indices


@compiled
def evaluate(
    first: int, stop: int, kernel: Compiled, longest: float, batch: Batch, prepared: Prepared, logits: Floats,
    hard: Flags, loss: Floats, gradient: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and which of them are too hard for this.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    ends, lower, upper, h = batch.offsets, batch.lower, batch.upper, kernel.h
    points, panels = np.int64(4 * _TILE), np.int64(_TILE)
    for i in range(first, stop):
        points = max(points, ends[i + 1] - ends[i])
        panels = max(panels, room_for((upper[i] - lower[i]) / h, prepared.counts[i], longest))
    tile = Tile(
        empty(points, panels), np.empty(panels + 1, np.int64), np.empty(panels), np.empty(points),
        np.empty(panels), np.empty(panels), np.empty(panels), np.empty((ROWS, panels)), np.empty((ROWS, panels)),
        np.empty((WORK, panels)), np.empty(points), np.empty(points, np.int32),
    )  # fmt: skip
    while first < stop:
        last = _lay_out_tile(first, stop, h, longest, batch, prepared, tile)
        for i in range(first, last):
            if tile.begins[i - first] < tile.begins[i - first + 1]:
                part, floor = slice(ends[i], ends[i + 1]), 0.0
                w = tile.weights[ends[i] - ends[first] : ends[i + 1] - ends[first]]
                decay = _decay((upper[i] - lower[i]) / h)
                tile.totals[i - first] = _enter(i - first, logits[part], prepared.K[part], w, decay, tile)
                if kernel.background > 0.0:
                    log_scale = _log_scale(kernel, tile.totals[i - first], prepared.shifts[i])
                    floor = _floor(kernel.background, lower[i], upper[i], log_scale)
                for p in _panels_of(i - first, tile):
                    tile.floors[p] = floor
        count = tile.layout.panels[tile.begins[last - first]]
        collected = None if gradient is None else tile.collected
        integrate_panels(tile.layout, count, tile.floors, tile.moments, collected, tile.logs, tile.least, tile.work)
        for i in range(first, last):
            mean_log, least, floor = 0.0, np.inf, 0.0
            for p in _panels_of(i - first, tile):
                mean_log += tile.logs[p]
                least, floor = min(least, tile.least[p]), tile.floors[p]
            hard[i] = not (NEGLIGIBLE <= least < np.inf and floor < np.inf)
            if hard[i]:
                continue
            loss[i] = -(_log_scale(kernel, tile.totals[i - first], prepared.shifts[i]) + mean_log)
            if gradient is not None:
                part = slice(ends[i], ends[i + 1])
                w = tile.weights[ends[i] - ends[first] : ends[i + 1] - ends[first]]
                decay = _decay((upper[i] - lower[i]) / h)
                _leave(i - first, prepared.K[part], w, decay, floor > 0.0, tile, gradient[part])
        first = last


@scalar
def _lay_out_tile(
    first: int, stop: int, h: float, longest: float, batch: Batch, prepared: Prepared, tile: Tile
) -> int:
    """Lay out as many predictions as there is room for, one at least; return the first of those behind them."""
    x, ends, lower, upper = batch
    layout, panels, last, taken = tile.layout, tile.logs.size, first, 0
    tile.begins[0] = 0
    while last < stop:
        width, kinks, cell = (upper[last] - lower[last]) / h, prepared.counts[last], tile.begins[last - first]
        taken += room_for(width, kinks, longest)
        full = taken > panels or ends[last + 1] - ends[first] > tile.weights.size or last - first == panels
        if full and last > first:
            break
        if kinks >= 0:
            those = slice(2 * ends[last], 2 * ends[last] + kinks)
            cell = lay_out(
                x[ends[last] : ends[last + 1]], lower[last], h, width, prepared.places[those], prepared.names[those],
                longest, layout, cell, tile.touched, tile.room,
            )  # fmt: skip
        last += 1
        tile.begins[last - first] = cell
    fill_factors(layout, layout.panels[tile.begins[last - first]], layout.cores[tile.begins[last - first]])
    return last


@inlined
def _panels_of(which: int, tile: Tile) -> range:
    """Return the panels of a tile's prediction."""
    return range(tile.layout.panels[tile.begins[which]], tile.layout.panels[tile.begins[which + 1]])


@scalar
def _decay(width: float) -> float:
    """Return by how much tails decay from one cell's middle to the next, and in half a cell at either end."""
    return math.exp(-width / cells_of(width))


@scalar
def _log_scale(kernel: Compiled, w_total: float, shift: float) -> float:
    """Return log p - log of what is computed of it."""
    return kernel.log_constant - math.log(w_total) + math.log1p(-kernel.background) - shift


@scalar
def _floor(background: float, lower: float, upper: float, log_scale: float) -> float:
    """Return what the background adds, on that scale; inf where it ends within the target, or p is nothing beside it.
    """
    if lower > 1.0 or upper < -1.0:
        return 0.0
    log_floor = math.log(0.5 * background) - log_scale
    return math.exp(log_floor) if lower >= -1.0 and upper <= 1.0 and log_floor < _NOTHING else np.inf


@scalar
def _enter(which: int, z: Floats, K: Floats, w: Floats, decay: float, tile: Tile) -> float:
    """Fill w_j = exp(z_j - max z) and all moments of a prediction; return the sum of w."""
    top = z[0]
    for j in range(z.size):
        top = max(top, z[j])
    w_total = left = right = 0.0
    for j in range(z.size):
        w[j] = exp(z[j] - top)
        w_total = plus(w_total, w[j])
        left = plus(left, w[j] * max(K[j], 0.0))
        right = plus(right, w[j] * max(-K[j], 0.0))
    edge = _ROOT_E * math.sqrt(decay)
    first, last = tile.begins[which], tile.begins[which + 1]
    scan_in(w, left * edge, right * edge, decay, tile.layout, first, last, tile.moments, tile.work)
    return w_total


@scalar
def _leave(which: int, K: Floats, w: Floats, decay: float, lit: bool, tile: Tile, gradient: Floats) -> None:
    """Fill a prediction's gradient, S_j mean R - mean r_j."""
    for j in range(w.size):
        gradient[j] = 0.0
    first, last = tile.begins[which], tile.begins[which + 1]
    mu, nu = scan_out(decay, tile.layout, first, last, tile.collected, tile.work, gradient)
    edge = _ROOT_E * math.sqrt(decay)
    mu, nu = mu * edge, nu * edge
    reached = 0.0
    for j in range(w.size):
        gradient[j] = w[j] * (gradient[j] + (max(K[j], 0.0) * mu + max(-K[j], 0.0) * nu))
        reached = plus(reached, gradient[j])
    per_weight = (reached if lit else 1.0) / tile.totals[which]
    for j in range(w.size):
        gradient[j] = w[j] * per_weight - gradient[j]
