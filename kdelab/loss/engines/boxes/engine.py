"""The loss of boxes in closed form: the density is constant between the places where a box begins or ends.

Box j covers [left_j - h, right_j + h]. Of the box kernel both are the point, and h is the bandwidth; where each point
has an interval of its own, left and right are its ends, and h is 0. Which panels lie under a box is known from the
order of the edges, once, without rounding: no distance is asked later.

Sums over the boxes above a panel, and over the panels under a box, are formed from sums alone: a difference of running
totals would drown light points in the rounding of heavy ones. See `ranges`.
"""

import math
from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import HUGE, dot, exp, highest, log, log_add, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.boxes.edges import Panels, add_steps, mean_of_sides, of_prediction, prepare
from kdelab.loss.engines.boxes.ranges import Ranges, range_sums, sort_out, sums_over
from kdelab.loss.engines.sort import order_within
from kdelab.loss.runtime import compiled, in_parallel, scalar
from kdelab.loss.validate import Flags, Floats, Indices

_LEAST = 1e-200


class Common(NamedTuple):
    """What all boxes share: what is added to both ends, and the background."""

    h: float
    background: float


class Prepared(NamedTuple):
    """What doesn't depend on the logits."""

    batch: Batch
    common: Common
    panels: Panels


class Boxes(Engine):
    """Panels of a batch, and which boxes lie over them.

    Parameters
    ----------
    clusters : Clusters
    left, right : (total,)
        Where boxes begin and end, but for h.
    h : float
        What is added on both sides.
    background : float
    """

    def __init__(self, clusters: Clusters, left: Floats, right: Floats, h: float, background: float) -> None:
        self.clusters = clusters
        n, k = len(clusters), len(clusters.points)
        by_begin = order_within(clusters.offsets, left)
        by_end = by_begin if right is left else order_within(clusters.offsets, right)
        log_heights = np.full(k, -np.log(2.0 * h)) if right is left else -np.log(right - left + 2 * h)
        highest_boxes = clusters.max(log_heights)
        heights = np.exp(log_heights - clusters.spread(highest_boxes))
        self.common = Common(float(h), float(background))
        # A prediction has at most 2 k + 3 panels; they start at 2 offsets[i] + 3 i.
        room = 2 * k + 3 * n
        self.panels = Panels(
            by_begin, by_end, heights, np.zeros((2, k), dtype=np.int32),
            Ranges(*np.zeros((3, k), np.int32), *np.zeros((2, room), np.int32), *np.zeros((3, n), np.int64)),
            np.zeros(room), np.zeros(room, dtype=np.bool_), np.zeros(room, dtype=np.bool_), 2 * clusters.sizes + 3,
            highest_boxes,
        )  # fmt: skip
        in_parallel(prepare, clusters.offsets, Batch.of(clusters), left, right, h, background, self.panels)

    def by_ends(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits, and by where boxes begin and where they end (total,)."""
        n, total_points = len(self.clusters), len(logits)
        loss, gradient, ends = np.empty(n), np.empty(total_points), np.empty((2, total_points))
        self._fill(logits, loss, gradient, None, None, ends)
        return loss, gradient, ends[0], ends[1]

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        loss, gradient, by_point, by_bandwidth = wanted
        self._fill(logits, loss, np.empty(len(logits)) if gradient is None else gradient, by_point, by_bandwidth, None)

    def _fill(self, logits: Floats, *wanted: Floats | None) -> None:
        hard = np.zeros(len(self.clusters), np.bool_)
        prepared = Prepared(Batch.of(self.clusters), self.common, self.panels)
        in_parallel(_evaluate, self.clusters.offsets, prepared, logits, hard, None, *wanted)
        if hard.any():
            in_parallel(_evaluate, self.clusters.offsets, prepared, logits, hard, True, *wanted)


@compiled
def _evaluate(
    first: int, stop: int, prepared: Prepared, logits: Floats, hard: Flags, logs: bool | None, loss: Floats,
    gradient: Floats, by_point: Floats | None, by_bandwidth: Floats | None, by_ends: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for, dL/dleft_j and dL/dright_j, by_ends, too, each prediction on its own.

    With logs None mark as hard where light points, which may be all that covers a panel, underflow; with True fill what
    is asked for of those alone, through logarithms.
    """
    batch, common, panels = prepared
    ends, widest = batch.offsets, 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, steps, between = np.empty((7, 4 * widest + 8)), np.empty((4, widest)), np.empty((5, 2 * widest + 4), np.int32)
    for i in range(first, stop):
        if logs is not None and not hard[i]:
            continue
        part = slice(ends[i], ends[i + 1])
        mine, z = of_prediction(panels, ends, i), logits[part]
        width = batch.upper[i] - batch.lower[i]
        loss[i], reached, log_floor = _cluster(width, common, mine, z, work, gradient[part], logs)
        if logs is None:
            hard[i] = loss[i] == -np.inf
            if hard[i]:
                continue
        # A target that is one place sees no step, and where the loss is infinite none helps.
        seen = width > 0.0 and loss[i] < np.inf
        if by_ends is not None:
            by_left, by_right = by_ends[0, part], by_ends[1, part]
            for j in range(z.size):  # a wider box is a lower one
                lowered = work[4, j] * mine.heights[j] * math.exp(mine.log_heights) if loss[i] < np.inf else 0.0
                by_left[j], by_right[j] = -lowered, lowered
            if seen:
                _steps(log_floor, mine, z, work, between, steps)
                for j in range(z.size):
                    by_left[j] += mean_of_sides(-steps[0, j], -steps[1, j]) / width
                    by_right[j] += mean_of_sides(-steps[2, j], -steps[3, j]) / width
        if by_point is not None and by_bandwidth is not None:
            slopes, growth = by_point[part], 0.0
            for j in range(z.size):
                slopes[j] = 0.0
            if seen:
                growth = _steps(log_floor, mine, z, work, between, steps) / width
                for j in range(z.size):
                    slopes[j] = mean_of_sides(-(steps[0, j] + steps[2, j]), -(steps[1, j] + steps[3, j])) / width
            by_bandwidth[i] = reached - common.h * growth if loss[i] < np.inf else 0.0


@scalar
def _cluster(
    width: float, common: Common, panels: Panels, logits: Floats, work: Floats, gradient: Floats, logs: bool | None
) -> tuple[float, float, float]:
    """Fill the gradient; return loss, mean R, and the background's logarithm on the scale of the weights.

    With logs None the loss is -inf where numbers underflow.
    """
    k, count, under = logits.size, panels.counts, panels.under
    w, v, p, share, r, sums = work[0, :k], work[1, :k], work[2, :count], work[3, :count], work[4, :k], work[5:7]
    top = highest(logits)
    for j in range(k):
        w[j] = exp(logits[j] - top)
    z_total = total(w)
    background = common.background
    log_scale = panels.log_heights - math.log(z_total) + math.log1p(-background)
    log_floor = math.log(0.5 * background) - log_scale if background > 0.0 else -np.inf
    mean_log, reached, infinite = 0.0, 0.0, False
    if logs is None:
        for j in range(k):
            v[j] = w[j] * panels.heights[j]
        sums_over(v, under, None, sums, p)
        floor, lowest = math.exp(log_floor), np.inf
        for q in range(count):
            p[q] += floor if panels.lit[q] else 0.0
            lowest = min(lowest, p[q])
            if p[q] < _LEAST and (panels.lit[q] or panels.covered[q]):
                return -np.inf, 0.0, log_floor
        if lowest > 0.0:
            for q in range(count):
                share[q] = panels.shares[q] / p[q]
            for q in range(count):
                p[q] = log(p[q])
            mean_log, reached = log_scale + dot(panels.shares, p), 1.0
        else:
            for q in range(count):
                infinite, share[q] = infinite or p[q] == 0.0, 0.0
                if p[q] > 0.0:
                    mean_log += panels.shares[q] * (log_scale + math.log(p[q]))
                    reached += panels.shares[q]
                    share[q] = panels.shares[q] / p[q]
        range_sums(share, under, None, sums, r)
        for j in range(k):
            r[j] *= v[j]
    else:
        for j in range(k):
            v[j] = max(logits[j] - top + math.log(panels.heights[j]), -HUGE)
        sums_over(v, under, logs, sums, p)
        for q in range(count):
            log_p = log_add(p[q], log_floor) if panels.lit[q] else p[q]
            infinite, share[q] = infinite or log_p == -np.inf, -np.inf
            if log_p > -np.inf:
                mean_log += panels.shares[q] * (log_scale + log_p)
                reached += panels.shares[q]
                share[q] = math.log(panels.shares[q]) - log_p
        range_sums(share, under, logs, sums, r)
        for j in range(k):
            r[j] = math.exp(v[j] + r[j])
    if background > 0.0:
        reached = total(r)
    for j in range(k):
        gradient[j] = w[j] / z_total * reached - r[j]
    return np.inf if infinite else -mean_log, reached, log_floor


@scalar
def _steps(log_floor: float, panels: Panels, logits: Floats, work: Floats, between: Indices, steps: Floats) -> float:
    """Fill ``steps`` and return the gain of growth, as `add_steps` does."""
    k, count = logits.size, panels.counts
    v, rest, sums, first, last = work[0, :k], work[1, : count + 1], work[2:4], between[0, :k], between[1, :k]
    top = highest(logits)
    for j in range(k):
        v[j] = max(logits[j] - top + math.log(panels.heights[j]), -HUGE)
        # A box covers both sides of the edges after its begin and before its end.
        first[j] = min(max(panels.edges[0, j] + 1, 0), count + 1)
        last[j] = max(min(panels.edges[1, j], count + 1), first[j])
    order, ended, begun = between[2, :k], between[3, : count + 1], between[4, : count + 1]
    ranges = Ranges(first, last, order, ended, begun, 0, 0, 0)
    ups, downs, inners = sort_out(ranges, count + 1, panels.by_begin, panels.by_end)
    sums_over(v, Ranges(first, last, order, ended, begun, ups, downs, inners), True, sums, rest)
    return add_steps(v, panels, rest, log_floor, steps, work[4:])
