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
_TINY = 1e-290

# Points taken at a time: their arrays stay in the first-level cache.
_TILE = 1024


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

    Predictions are independent and each is summed in a fixed order: the result doesn't depend on the threads. They
    are taken a tile at a time, so that the costly functions run over long arrays: twice as fast as one by one.
    """
    for block in prange(blocks):
        first, stop = block * lower.size // blocks, (block + 1) * lower.size // blocks
        size = _TILE
        for i in range(first, stop):
            size = max(size, ends[i + 1] - ends[i])
        of_points, of_segments = np.empty((2, size)), np.empty((7, 2 * size))
        spare = np.empty((9, size + 1))
        while first < stop:
            last = first + 1
            while last < stop and ends[last + 1] - ends[first] <= _TILE:
                last += 1
            # Row by row, so that the compiler knows each to be contiguous.
            k, m = ends[last] - ends[first], starts[last] - starts[first]
            w, e = of_points[0, :k], of_points[1, :k]
            A, B, P, Q = of_segments[0, :m], of_segments[1, :m], of_segments[2, :m], of_segments[3, :m]
            value, rho, lesser = of_segments[4, :m], of_segments[5, :m], of_segments[6, :m]
            tile = slice(starts[first], starts[last])
            d, E, F = segments[0, tile], segments[1, tile], segments[2, tile]
            _weights(ends, first, last, order, K, logits, w, e)
            for i in range(first, last):
                points = slice(ends[i] - ends[first], ends[i + 1] - ends[first])
                mine = slice(starts[i] - starts[first], starts[i + 1] - starts[first])
                _forward(e[points], groups[i, 0], E[mine], A[mine], B[mine])
            _integrate_segments(d, E, F, A, B, rho, value, lesser, P, Q)
            for i in range(first, last):
                points = slice(ends[i] - ends[first], ends[i + 1] - ends[first])
                mine = slice(starts[i] - starts[first], starts[i + 1] - starts[first])
                a, b, left, whole = lower[i], upper[i], groups[i, 0], slice(ends[i], ends[i + 1])
                w_total = total(w[points])
                if (b - a) / h > _WIDE or total(e[points]) < _NEGLIGIBLE:
                    mean_log, mean_ends = log_scan(
                        x[whole], a, b, h, logits[whole], order[whole], left, groups[i, 1], spare,
                        w[points], w_total, gradient[whole], by_point[whole],
                    )  # fmt: skip
                else:
                    mean_log, mean_ends = _mean_log((b - a) / h, E[mine], A[mine], B[mine], value[mine])
                    if a == b:
                        P[mine] = 1.0 / (A[mine] + B[mine])
                        Q[mine] = P[mine]
                    _collect((b - a) / h, E[mine], P[mine], Q[mine])
                    _scatter(
                        w[points], 1.0 / w_total, e[points], left, P[mine], Q[mine], order[whole], h,
                        gradient[whole], by_point[whole],
                    )  # fmt: skip
                loss[i] = nearest[i] - mean_log + math.log(w_total * (2.0 * h))
                if by_point.size > 0:
                    leverage = _leverage(x[whole], a, b, by_point[whole])
                    by_bandwidth[i] = 1.0 - leverage + (mean_ends - mean_log)
            first = last


@numba.njit(error_model="numpy", fastmath=MATH)
def _weights(ends: Any, first: int, last: int, order: Any, K: Any, logits: Any, w: Any, e: Any) -> None:
    """Fill w_j = exp(z_j - max z) of a tile's points, in the groups' order, and e_j = w_j K_j."""
    for i in range(first, last):
        z = logits[ends[i] : ends[i + 1]]
        top, at = highest(z), ends[i] - ends[first]
        for j in range(z.size):
            w[at + j] = z[order[ends[i] + j]] - top
    for j in range(w.size):
        w[j] = exp(w[j])
    for j in range(w.size):
        e[j] = w[j] * K[ends[first] + j]


@numba.njit(error_model="numpy", fastmath=MATH)
def _forward(e: Any, left: int, E: Any, A: Any, B: Any) -> None:
    """Fill A from left to right and B from right to left: each point's weight joins, and decays segment by segment.

    The two recursions run side by side, so that neither has to wait for the other.
    """
    m = A.size - 1
    from_left, from_right = total(e[:left]), total(e[left + m :])
    A[0], B[m] = from_left, from_right
    for s in range(m):
        t = m - s
        from_left = from_left * E[s] + e[left + s]
        from_right = from_right * E[t] + e[left + t - 1]
        A[s + 1], B[t - 1] = from_left, from_right


@numba.njit(error_model="numpy", fastmath=MATH)
def _integrate_segments(
    d: Any, E: Any, F: Any, A: Any, B: Any, rho: Any, value: Any, lesser: Any, P: Any, Q: Any
) -> None:
    """Fill value = integral_0^d log f ds and the shares of both sides per unit of their weight, P of A and Q of B."""
    for s in range(d.size):
        rho[s] = min(A[s], B[s]) / max(A[s], B[s], _TINY)
    for s in range(d.size):
        value[s] = d[s] * (log(max(A[s] + B[s], _TINY)) - 0.5 * d[s]) + phi(rho[s], d[s])
    for s in range(d.size):
        lesser[s] = lesser_share(rho[s], E[s], F[s])
    for s in range(d.size):
        if d[s] >= SHORT:
            log_rho = math.log(rho[s]) if rho[s] > 0.0 else -np.inf
            value[s], lesser[s] = long_segment(log_rho, d[s])
            value[s] += d[s] * (math.log(max(A[s], B[s], _TINY)) - 0.5 * d[s])
    for s in range(d.size):
        P[s] = (d[s] - lesser[s] if A[s] >= B[s] else lesser[s]) / max(A[s], _TINY)
    for s in range(d.size):
        Q[s] = (lesser[s] if A[s] >= B[s] else d[s] - lesser[s]) / max(B[s], _TINY)


@numba.njit(error_model="numpy", fastmath=MATH)
def _mean_log(width: float, E: Any, A: Any, B: Any, value: Any) -> tuple[float, float]:
    """Return the mean of log f over the target, and over its two ends."""
    m = A.size - 1
    at_a, at_b = A[0] + B[0] * E[0], A[m] * E[m] + B[m]
    mean_ends = 0.5 * math.log(at_a) + 0.5 * math.log(at_b)
    return total(value) / width if width > 0.0 else mean_ends, mean_ends


@numba.njit(error_model="numpy", fastmath=MATH)
def _collect(width: float, E: Any, P: Any, Q: Any) -> None:
    """Turn P and Q into what a unit of weight collects on its way through the segments, as a share of the target.

    Reverse mode over A and B: mu_s = P_s + E_s mu_{s+1}, and from the other side nu_s = Q_s + E_s nu_{s-1}.
    """
    m = P.size - 1
    scale = 1.0 / width if width > 0.0 else 1.0
    mu, nu = P[m] * scale, Q[0] * scale
    P[m], Q[0] = mu, nu
    for s in range(m):
        t = m - s
        mu = P[t - 1] * scale + E[t - 1] * mu
        nu = Q[s + 1] * scale + E[s + 1] * nu
        P[t - 1], Q[s + 1] = mu, nu


@numba.njit(error_model="numpy", fastmath=MATH)
def _scatter(
    w: Any, scale: float, e: Any, left: int, mu: Any, nu: Any, order: Any, h: float, gradient: Any, by_point: Any
) -> None:
    """Fill the gradient, S_j - mean r_j, in the points' own order, and dL/dx_j if it isn't empty.

    Point j is responsible for e_j mu of the x that have it on their left, and for e_j nu of the others. A point left
    of the target has only mu_0, one right of it only nu_m; the s-th inside starts segment s + 1 and ends segment s.
    """
    m = mu.size - 1
    right = left + m
    for j in range(left):
        gradient[order[j]] = w[j] * scale - e[j] * mu[0]
    for s in range(m):
        gradient[order[left + s]] = w[left + s] * scale - e[left + s] * (mu[s + 1] + nu[s])
    for j in range(right, w.size):
        gradient[order[j]] = w[j] * scale - e[j] * nu[m]
    if by_point.size > 0:
        for j in range(left):
            by_point[order[j]] = -e[j] * mu[0] / h
        for s in range(m):
            by_point[order[left + s]] = e[left + s] * (nu[s] - mu[s + 1]) / h
        for j in range(right, w.size):
            by_point[order[j]] = e[j] * nu[m] / h


@numba.njit(error_model="numpy", fastmath=MATH)
def _leverage(x: Any, a: float, b: float, by_point: Any) -> float:
    """Return sum_j (x_j - c) dL/dx_j, c the centre of the target; put 0 at a kink, the mean of both sides.

    By the scaling of lengths, h dL/dh = 1 - that sum + L + (log p(a) + log p(b)) / 2.
    """
    leverage = 0.0
    for j in range(x.size):
        if a == b and x[j] == a:
            by_point[j] = 0.0
        leverage += 0.5 * ((x[j] - a) + (x[j] - b)) * by_point[j]
    return leverage
