"""The box kernel's loss in closed form: the density is constant between the places where a box begins or ends.

In the order of the points, the boxes over one panel are a window of them, and the panels under one box a window of
panels, and both windows only ever move on. So p, and the responsibilities after it, are sums over sliding windows.
They are formed from sums alone: a difference of running totals would drown light points in the rounding of heavy ones.
Which panels lie under a box is known from the order of the edges, once, without rounding: no distance is asked later.
"""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.arithmetic import HUGE, exp, highest, log_add, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Engine, Results
from kdelab.loss.engines.boxes.edges import add_steps, mean_of_sides, prepare
from kdelab.loss.runtime import MATH, compiled, in_parallel
from kdelab.loss.validate import Floats

_LEAST = 1e-200


class Boxes(Engine):
    """Panels of a batch, and their windows."""

    def __init__(self, clusters: Clusters, bandwidth: float, background: float) -> None:
        self.clusters, self.h, self.background = clusters, bandwidth, background
        n, k = len(clusters), len(clusters.points)
        # A prediction has at most 2 k + 3 panels; they start at 2 offsets[i] + 3 i.
        owner = clusters.owners
        self.order = np.lexsort((clusters.points, owner)) - clusters.offsets[owner]
        self.lengths = np.zeros(2 * k + 3 * n)
        self.lit = np.zeros(2 * k + 3 * n, dtype=np.bool_)
        self.boxes = np.zeros((2, 2 * k + 3 * n), dtype=np.int32)
        self.edges = np.zeros((2, k), dtype=np.int32)
        self.counts = np.empty(n, dtype=np.int64)
        in_parallel(
            prepare, clusters.offsets, clusters.points, clusters.offsets, clusters.lower, clusters.upper, bandwidth,
            background, self.order, self.lengths, self.lit, self.boxes, self.edges, self.counts,
        )  # fmt: skip

    def _evaluate(self, logits: Floats, results: Results) -> None:
        c = self.clusters
        in_parallel(
            _evaluate, c.offsets, c.offsets, c.upper - c.lower, self.h, self.background, self.order, self.lengths,
            self.lit, self.boxes, self.edges, self.counts, logits, *results,
        )  # fmt: skip


@compiled
def _evaluate(
    first: int, stop: int, ends: Any, widths: Any, h: float, background: float, order: Any, lengths: Any, lit: Any,
    boxes: Any, edges: Any, counts: Any, logits: Any, loss: Any, gradient: Any, by_point: Any, by_bandwidth: Any,
) -> None:  # fmt: skip
    """Fill losses and gradients, each prediction on its own; by_point and by_bandwidth if they aren't empty."""
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, windows = np.empty((9, 2 * widest + 4)), np.empty((2, 2 * widest + 4), dtype=np.int32)
    for i in range(first, stop):
        part, at = slice(ends[i], ends[i + 1]), 2 * ends[i] + 3 * i
        under = slice(at, at + counts[i])
        loss[i], reached, log_floor = _cluster(
            widths[i], h, background, order[part], lengths[under], lit[under], boxes[:, under], edges[:, part],
            logits[part], work, windows, gradient[part],
        )  # fmt: skip
        if by_point.size > 0:
            by_bandwidth[i] = reached - h * _steps(
                widths[i], loss[i], log_floor, order[part], lit[under], edges[:, part], logits[part], work, windows,
                by_point[part],
            )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(
    width: float, h: float, background: float, order: Any, lengths: Any, lit: Any, boxes: Any, edges: Any,
    logits: Any, work: Any, windows: Any, gradient: Any,
) -> tuple[float, float, float]:  # fmt: skip
    """Fill the gradient; return loss, mean R, and the background's logarithm on the scale of the weights."""
    k, count = order.size, lengths.size
    w, p, share, suffix, r = work[0, :k], work[1, :count], work[2, :count], work[3], work[4, :k]
    under = windows[:, :k]
    top = highest(logits)
    for j in range(k):
        w[j] = exp(logits[order[j]] - top)
        under[0, j], under[1, j] = min(max(edges[0, j], 0), count), min(max(edges[1, j], 0), count)
    z_total = total(w)
    log_scale = -math.log(z_total) - math.log(2.0 * h) + math.log1p(-background)
    log_floor = math.log(0.5 * background) - log_scale if background > 0.0 else -np.inf
    floor = math.exp(log_floor)
    _window_sums(w, boxes[0], boxes[1], suffix, p)
    # Light points may be all that covers a panel. Where they underflow, everything goes through logarithms.
    in_logs = False
    for q in range(count):
        p[q] += floor if lit[q] else 0.0
        in_logs = in_logs or (p[q] < _LEAST and (lit[q] or boxes[0, q] < boxes[1, q]))
    if in_logs:
        for j in range(k):
            w[j] = max(logits[order[j]] - top, -HUGE)
        _window_log_sums(w, boxes[0], boxes[1], suffix, p)
        for q in range(count):
            p[q] = log_add(p[q], log_floor) if lit[q] else p[q]
    else:
        for q in range(count):
            p[q] = math.log(p[q]) if p[q] > 0.0 else -np.inf

    mean_log, reached, infinite = 0.0, 0.0, False
    for q in range(count):
        part = lengths[q] / width if width > 0.0 else 1.0
        share[q] = -np.inf if in_logs else 0.0
        if p[q] == -np.inf:
            infinite = True
        else:
            mean_log += part * (log_scale + p[q])
            reached += part
            share[q] = math.log(part) - p[q] if in_logs else part * math.exp(-p[q])
    if in_logs:
        _window_log_sums(share, under[0], under[1], suffix, r)
    else:
        _window_sums(share, under[0], under[1], suffix, r)
    for j in range(k):
        r[j] = math.exp(w[j] + r[j]) if in_logs else w[j] * r[j]
    if background > 0.0:
        reached = total(r)
    for j in range(k):
        S = (math.exp(w[j]) if in_logs else w[j]) / z_total
        gradient[order[j]] = S * reached - r[j]
    return np.inf if infinite else -mean_log, reached, log_floor


@numba.njit(error_model="numpy", fastmath=MATH)
def _steps(
    width: float, loss: float, log_floor: float, order: Any, lit: Any, edges: Any, logits: Any, work: Any,
    windows: Any, by_point: Any,
) -> float:  # fmt: skip
    """Fill dL/dx_j, what the steps of log p at a box's two ends gain and lose; return what its growth gains, over h.

    A target that is one place sees no step, and where the loss is infinite no step helps: 0.
    """
    k, count = order.size, lit.size
    w, rest, suffix = work[0, :k], work[5, : count + 1], work[3]
    first, last = windows[0, : count + 1], windows[1, : count + 1]
    for j in range(k):
        by_point[j] = 0.0
    if width == 0.0 or loss == np.inf:
        return 0.0
    top = highest(logits)
    for j in range(k):
        w[j] = max(logits[order[j]] - top, -HUGE)
    # The boxes that cover both sides of an edge: those that began before it and don't end there.
    begun = ended = 0
    for g in range(count + 1):
        while begun < k and edges[0, begun] < g:
            begun += 1
        while ended < k and edges[1, ended] <= g:
            ended += 1
        first[g], last[g] = ended, max(begun, ended)
    _window_log_sums(w, first, last, suffix, rest)
    growth = add_steps(w, edges, rest, lit, log_floor, work[6:])
    for j in range(k):
        by_point[order[j]] = mean_of_sides(-work[6, j], -work[7, j]) / width
    return growth / width


@numba.njit(error_model="numpy")
def _window_sums(values: Any, first: Any, last: Any, suffix: Any, out: Any) -> None:
    """Fill out[i] = sum(values[first[i]:last[i]]) for windows whose two ends never move back.

    Two stacks: sums from each place up to ``middle``, and one from ``middle`` on. When a window's start passes
    ``middle``, that moves to the window's end.
    """
    middle, end, onward = 0, 0, 0.0
    for i in range(out.size):
        while end < last[i]:
            onward += values[end]
            end += 1
        if first[i] >= middle:
            middle, onward, s = end, 0.0, 0.0
            for j in range(end - 1, first[i] - 1, -1):
                s += values[j]
                suffix[j] = s
        out[i] = onward + (suffix[first[i]] if first[i] < middle else 0.0)


@numba.njit(error_model="numpy")
def _window_log_sums(values: Any, first: Any, last: Any, suffix: Any, out: Any) -> None:
    """Do what `_window_sums` does, with logarithms."""
    middle, end, onward = 0, 0, -np.inf
    for i in range(out.size):
        while end < last[i]:
            onward = log_add(onward, values[end])
            end += 1
        if first[i] >= middle:
            middle, onward, s = end, -np.inf, -np.inf
            for j in range(end - 1, first[i] - 1, -1):
                s = log_add(s, values[j])
                suffix[j] = s
        out[i] = log_add(onward, suffix[first[i]] if first[i] < middle else -np.inf)
