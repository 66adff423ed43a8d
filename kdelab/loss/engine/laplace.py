"""The bin-free Laplace loss: O(k) a cluster, exact. Prepared once for fixed points, targets and bandwidth.

A cluster's points are kept in three groups, left of the target (x <= a), inside, sorted, and right of it (x >= b).
Points outside enter only through their factor K_j = e^-(d_j - nearest) / h, d_j the distance to the target: the
thread's shift property, which makes the sums safe. The m points inside cut the target into m + 1 segments, each with
its d, E and F as in `segment`.
"""

import math
from typing import Any

import numba
import numpy as np
from numba import prange

from kdelab.loss.clusters import Clusters
from kdelab.loss.engine.compiled import MATH, compiled, exp, highest, log, total
from kdelab.loss.engine.laplace_groups import count_inside, prepare
from kdelab.loss.engine.laplace_wide import log_scan
from kdelab.loss.engine.segment import SHORT, lesser_share, long_segment, phi
from kdelab.loss.validate import Floats

BLOCKS = 64
"""Parts dealt to the threads: enough to balance ragged clusters, few enough to cost nothing."""

# The scans run on plain numbers while nothing can underflow: for targets of up to 300 bandwidths and clusters whose
# weight, as seen from the target, isn't negligible. The others go through `log_scan`, which is several times slower.
_WIDE = 300.0
_NEGLIGIBLE = 1e-150
_NO_SHARE = 1e-290


class BinFreeLaplace:
    """Groups, factors and segments of a batch."""

    def __init__(self, clusters: Clusters, bandwidth: float) -> None:
        n, total_points = len(clusters), len(clusters.points)
        self.clusters, self.h = clusters, bandwidth
        counts = np.empty(n, dtype=np.int64)
        count_inside(clusters.points, clusters.offsets, clusters.lower, clusters.upper, counts)
        self.starts = np.concatenate([[0], np.cumsum(counts + 1)])
        self.groups = np.empty((n, 2), dtype=np.int64)
        self.order = np.empty(total_points, dtype=np.int32)
        self.K = np.empty(total_points)
        self.nearest = np.empty(n)
        self.segments = np.empty((3, int(self.starts[-1])))
        prepare(
            BLOCKS, clusters.points, clusters.offsets, clusters.lower, clusters.upper, bandwidth,
            self.starts, self.groups, self.order, self.K, self.nearest, self.segments,
        )  # fmt: skip

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and gradient (total,)."""
        loss, gradient = np.empty(len(self.clusters)), np.empty(len(logits))
        self._evaluate(logits, loss, gradient, np.empty(0), np.empty(0))
        return loss, gradient

    def value_and_grads(self, logits: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Return losses (n,) and their gradients by logits (total,), points (total,) and log bandwidth (n,)."""
        c = self.clusters
        loss, by_bandwidth = np.empty(len(c)), np.empty(len(c))
        gradient, by_point = np.empty(len(logits)), np.empty(len(logits))
        self._evaluate(logits, loss, gradient, by_point, by_bandwidth)
        return loss, gradient, by_point, by_bandwidth

    def _evaluate(self, logits: Floats, loss: Floats, gradient: Floats, by_point: Floats, by_bandwidth: Floats) -> None:
        c = self.clusters
        evaluate(
            BLOCKS, c.points, c.offsets, c.lower, c.upper, self.h, self.groups, self.starts, self.order, self.K,
            self.nearest, self.segments, logits, loss, gradient, by_point, by_bandwidth,
        )  # fmt: skip


@compiled(parallel=True)
def evaluate(
    blocks: int, x: Any, ends: Any, lower: Any, upper: Any, h: float, groups: Any, starts: Any, order: Any, K: Any,
    nearest: Any, segments: Any, logits: Any, loss: Any, gradient: Any, by_point: Any, by_bandwidth: Any,
) -> None:  # fmt: skip
    """Fill loss (n,) and gradient (total,), and, if they aren't empty, by_point (total,) and by_bandwidth (n,).

    Predictions are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    for block in prange(blocks):
        first, last = block * lower.size // blocks, (block + 1) * lower.size // blocks
        widest = 1
        for i in range(first, last):
            widest = max(widest, ends[i + 1] - ends[i])
        work = np.empty((11, widest + 1))
        for i in range(first, last):
            part = slice(ends[i], ends[i + 1])
            loss[i] = _cluster(
                x[part], lower[i], upper[i], h, groups[i, 0], groups[i, 1], order[part], K[part], nearest[i],
                segments[:, starts[i] : starts[i + 1]], logits[part], work, gradient[part],
                by_point[part], by_bandwidth[i : i + 1],
            )  # fmt: skip


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(
    x: Any, a: float, b: float, h: float, left: int, inside: int, order: Any, K: Any, nearest: float,
    segments: Any, logits: Any, work: Any, gradient: Any, by_point: Any, by_bandwidth: Any,
) -> float:  # fmt: skip
    """Return the loss of one cluster and fill its gradients."""
    right = left + inside
    k = x.size
    w, e, r_left, r_right = work[0, :k], work[1, :k], work[2, :k], work[3, :k]
    z_top = highest(logits)
    for j in range(k):
        w[j] = logits[order[j]] - z_top
    for j in range(k):
        w[j] = exp(w[j])
    for j in range(k):
        e[j] = w[j] * K[j]
    w_total = total(w)
    A0, Bm = total(e[:left]), total(e[right:])
    if (b - a) / h <= _WIDE and A0 + total(e[left:right]) + Bm > _NEGLIGIBLE:
        mean_log, mean_ends = _scan(e, left, inside, (b - a) / h, segments, A0, Bm, work[4:], r_left, r_right)
    else:
        mean_log, mean_ends = log_scan(x, a, b, h, logits, z_top, order, left, inside, work[4:], r_left, r_right)
    scale = 1.0 / w_total
    for j in range(k):
        gradient[order[j]] = w[j] * scale - (r_left[j] + r_right[j])
    loss = nearest - mean_log + math.log(w_total) + math.log(2.0 * h)
    if by_point.size > 0:
        # h dL/dh = 1 - sum_j (x_j - c) dL/dx_j + L + (log p(a) + log p(b)) / 2, c the centre of the target.
        leverage = 0.0
        for j in range(k):
            point = x[order[j]]
            slope = (r_right[j] - r_left[j]) / h
            if a == b and point == a:
                slope = 0.0  # The kink itself: the mean of both sides.
            by_point[order[j]] = slope
            leverage += 0.5 * ((point - a) + (point - b)) * slope
        by_bandwidth[0] = 1.0 - leverage + (mean_ends - mean_log)
    return loss


@numba.njit(error_model="numpy", fastmath=MATH)
def _scan(
    e: Any, left: int, inside: int, width: float, segments: Any, A0: float, Bm: float, work: Any,
    r_left: Any, r_right: Any,
) -> tuple[float, float]:  # fmt: skip
    """Return the mean of log f over the target and over its two ends; fill mean responsibilities.

    r_left[j] is taken over the x that have point j on their left, r_right[j] over those that have it on their right.
    """
    m = inside
    d, E, F = segments[0], segments[1], segments[2]
    A, B, P, Q = work[0, : m + 1], work[1, : m + 1], work[2, : m + 1], work[3, : m + 1]
    value = work[4, : m + 1]

    # A from left to right, B from right to left: each point's weight joins, and decays over the next segment.
    A[0] = A0
    for s in range(m):
        A[s + 1] = A[s] * E[s] + e[left + s]
    B[m] = Bm
    for s in range(m, 0, -1):
        B[s - 1] = B[s] * E[s] + e[left + s - 1]

    # On every segment: integral of log f, and the share of each side (P of A, Q of B) per unit of its weight.
    for s in range(m + 1):
        M, lesser = max(A[s], B[s]), min(A[s], B[s])
        rho = lesser / M
        value[s] = d[s] * (log(A[s] + B[s]) - 0.5 * d[s]) + phi(rho, d[s])
        Q[s] = lesser_share(rho, E[s], F[s])
    for s in range(m + 1):
        if d[s] >= SHORT:
            M, lesser = max(A[s], B[s]), min(A[s], B[s])
            log_rho = math.log(lesser / M) if lesser > 0.0 else -np.inf
            value[s], Q[s] = long_segment(log_rho, d[s])
            value[s] += d[s] * (math.log(M) - 0.5 * d[s])
    for s in range(m + 1):
        M, lesser = max(A[s], B[s]), min(A[s], B[s])
        of_larger = (d[s] - Q[s]) / (width * M)
        of_lesser = Q[s] / (width * lesser) if lesser > _NO_SHARE else 0.0
        P[s], Q[s] = (of_larger, of_lesser) if A[s] >= B[s] else (of_lesser, of_larger)
    mean_log = total(value) / width
    if width == 0.0:
        mean_log = math.log(A[0] + B[0])
        P[0] = Q[0] = 1.0 / (A[0] + B[0])
    mean_ends = 0.5 * (math.log(A[0] + B[0] * E[0]) + math.log(A[m] * E[m] + B[m]))

    # Reverse mode: what a unit of weight collects on its way through the segments, mu_s = P_s / A_s + E_s mu_{s+1}.
    mu = P[m]
    for s in range(m, 0, -1):
        r_left[left + s - 1] = e[left + s - 1] * mu
        mu = P[s - 1] + E[s - 1] * mu
    for j in range(left):
        r_left[j] = e[j] * mu
        r_right[j] = 0.0
    nu = Q[0]
    for s in range(m):
        r_right[left + s] = e[left + s] * nu
        nu = Q[s + 1] + E[s + 1] * nu
    for j in range(left + m, e.size):
        r_right[j] = e[j] * nu
        r_left[j] = 0.0
    return mean_log, mean_ends
