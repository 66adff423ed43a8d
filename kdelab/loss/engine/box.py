"""The box kernel's loss in closed form: the density is constant between the places where a box begins or ends.

In the order of the points, the boxes over one panel are a window of them, and the panels under one box a window of
panels, and both windows only ever move on. So p, and the responsibilities after it, are sums over sliding windows.
They are formed from sums alone: a difference of running totals would drown light points in the rounding of heavy ones.
"""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engine.compiled import MATH, compiled, exp, highest, in_parallel, log_add, total
from kdelab.loss.engine.panels import CLOSE
from kdelab.loss.validate import Floats

_LEAST = 1e-200


class Boxes:
    """Panels of a batch, and their windows."""

    def __init__(self, clusters: Clusters, bandwidth: float) -> None:
        self.clusters, self.h = clusters, bandwidth
        n, k = len(clusters), len(clusters.points)
        # A prediction has at most 2 k + 1 panels; they start at 2 offsets[i] + i.
        owner = np.repeat(np.arange(n), clusters.sizes)
        self.order = np.lexsort((clusters.points, owner)) - clusters.offsets[owner]
        self.lengths = np.zeros(2 * k + n)
        self.boxes = np.zeros((2, 2 * k + n), dtype=np.int32)
        self.panels = np.zeros((2, k), dtype=np.int32)
        self.counts = np.empty(n, dtype=np.int64)
        in_parallel(
            _prepare, clusters.offsets, clusters.points, clusters.offsets, clusters.lower, clusters.upper, bandwidth,
            float(CLOSE) * 2.0**-52, self.order, self.lengths, self.boxes, self.panels, self.counts,
        )  # fmt: skip

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        return self.value_and_grads(logits)[:2]

    def value_and_grads(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits (total,), points (total,) and log bandwidth (n,)."""
        c = self.clusters
        loss, by_bandwidth = np.empty(len(c)), np.empty(len(c))
        gradient, by_point = np.empty(len(logits)), np.empty(len(logits))
        in_parallel(
            _evaluate, c.offsets, c.offsets, c.upper - c.lower, self.h, self.order, self.lengths, self.boxes,
            self.panels, self.counts, logits, loss, gradient, by_point, by_bandwidth,
        )  # fmt: skip
        return loss, gradient, by_point, by_bandwidth


@compiled
def _prepare(
    first: int, stop: int, x: Any, ends: Any, lower: Any, upper: Any, h: float, rounding: float,
    order: Any, lengths: Any, boxes: Any, panels: Any, counts: Any,
) -> None:  # fmt: skip
    """Fill the panels' lengths and windows of boxes [first, last), the boxes' windows of panels, and panel counts."""
    for i in range(first, stop):
        start, k, a, b = ends[i], ends[i + 1] - ends[i], lower[i], upper[i]
        at = 2 * start + i
        if a == b:
            _prepare_place(
                x[start : start + k], a, h, order[start : start + k], boxes[:, at], panels[:, start : start + k]
            )
            counts[i] = 1
            continue
        entered = left = panel = 0
        place = a
        close = rounding * max(abs(a), abs(b), h)
        while True:
            # The next box to begin, and the next to end; at the same place, but for rounding, it begins first.
            begin = x[start + order[start + entered]] - h if entered < k else np.inf
            end = x[start + order[start + left]] + h if left < entered else np.inf
            begins = begin <= end + close
            event = begin if begins else end
            if event <= a:
                if begins:
                    panels[0, start + entered] = 0
                    entered += 1
                else:
                    panels[1, start + left] = 0
                    left += 1
                continue
            next_place = min(max(event, place), b)
            # A gap that rounding alone has opened between two boxes is none.
            if left < entered or next_place - place > close:
                lengths[at + panel] = next_place - place
            boxes[0, at + panel], boxes[1, at + panel] = left, entered
            panel += 1
            place = next_place
            if event >= b:
                break
            if begins:
                panels[0, start + entered] = panel
                entered += 1
            else:
                panels[1, start + left] = panel
                left += 1
        for j in range(left, k):
            panels[1, start + j] = panel
        for j in range(entered, k):
            panels[0, start + j] = panel
        counts[i] = panel


@numba.njit(error_model="numpy", fastmath=MATH)
def _prepare_place(x: Any, place: float, h: float, order: Any, boxes: Any, panels: Any) -> None:
    """Fill the windows of a target that is one place. Boxes are closed: one that ends there counts."""
    first = 0
    while first < x.size and x[order[first]] < place and place - x[order[first]] > h:
        first += 1
    last = first
    while last < x.size and abs(x[order[last]] - place) <= h:
        last += 1
    boxes[0], boxes[1] = first, last
    for j in range(x.size):
        panels[0, j], panels[1, j] = (0, 1) if first <= j < last else (j >= last, j >= last)


@compiled
def _evaluate(
    first: int, stop: int, ends: Any, widths: Any, h: float, order: Any, lengths: Any, boxes: Any, panels: Any,
    counts: Any, logits: Any, loss: Any, gradient: Any, by_point: Any, by_bandwidth: Any,
) -> None:  # fmt: skip
    """Fill losses and gradients, each prediction on its own."""
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((5, 2 * widest + 1))
    for i in range(first, stop):
        part, at = slice(ends[i], ends[i + 1]), 2 * ends[i] + i
        under = slice(at, at + counts[i])
        loss[i], by_bandwidth[i] = _cluster(
            widths[i], h, order[part], lengths[under], boxes[:, under], panels[:, part], logits[part], work,
            gradient[part], by_point[part],
        )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(
    width: float, h: float, order: Any, lengths: Any, boxes: Any, panels: Any, logits: Any, work: Any,
    gradient: Any, by_point: Any,
) -> tuple[float, float]:  # fmt: skip
    """Return the loss of one cluster and its derivative by log bandwidth; fill its other gradients."""
    k, count = order.size, lengths.size
    w, p, share, suffix, r = work[0, :k], work[1, :count], work[2, :count], work[3], work[4, :k]
    top = highest(logits)
    for j in range(k):
        w[j] = exp(logits[order[j]] - top)
    z_total = total(w)
    log_scale = -math.log(z_total) - math.log(2.0 * h)
    _window_sums(w, boxes[0], boxes[1], suffix, p)
    # Light points may be all that covers a panel. Where they underflow, everything goes through logarithms.
    in_logs = False
    for q in range(count):
        in_logs = in_logs or (p[q] < _LEAST and boxes[0, q] < boxes[1, q])
    if in_logs:
        for j in range(k):
            w[j] = logits[order[j]] - top
        _window_log_sums(w, boxes[0], boxes[1], suffix, p)
    else:
        for q in range(count):
            p[q] = math.log(p[q]) if boxes[0, q] < boxes[1, q] else -np.inf

    mean_log, reached, infinite = 0.0, 0.0, False
    for q in range(count):
        part = lengths[q] / width if width > 0.0 else 1.0
        share[q] = -np.inf if in_logs else 0.0
        if part > 0.0 and p[q] == -np.inf:
            infinite = True
        elif part > 0.0:
            mean_log += part * (log_scale + p[q])
            reached += part
            share[q] = math.log(part) - p[q] if in_logs else part * math.exp(-p[q])
    if in_logs:
        _window_log_sums(share, panels[0], panels[1], suffix, r)
    else:
        _window_sums(share, panels[0], panels[1], suffix, r)
    for j in range(k):
        r[j] = math.exp(w[j] + r[j]) if in_logs else w[j] * r[j]
        S = (math.exp(w[j]) if in_logs else w[j]) / z_total
        gradient[order[j]] = S * reached - r[j]

    # A box that moves or grows takes the steps of log p at its two ends along.
    growth = 0.0
    for j in range(k):
        at_begin = _step(p, panels[0, j]) / width if width > 0.0 else 0.0
        at_end = -_step(p, panels[1, j]) / width if width > 0.0 else 0.0
        by_point[order[j]] = at_begin - at_end
        growth += at_begin + at_end
    return np.inf if infinite or reached == 0.0 else -mean_log, reached - h * growth


@numba.njit(error_model="numpy", fastmath=MATH)
def _step(log_p: Any, panel: int) -> float:
    """Return log p just right of where ``panel`` begins, less log p just left; 0 at a target's end or if infinite."""
    if panel == 0 or panel == log_p.size:
        return 0.0
    step = log_p[panel] - log_p[panel - 1]
    return step if abs(step) < np.inf else 0.0


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
