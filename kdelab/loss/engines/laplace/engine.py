"""The bin-free Laplace loss: O(k) a cluster, exact. Prepared once for fixed points, targets and bandwidth.

Points outside a target enter only through their factor K_j = e^-(d_j - nearest) / h, d_j the distance to the target:
the thread's shift property, which makes the sums safe. K_j is kept with a sign, positive for points left of the target
(x <= a), negative for those right of it (x >= b), and 0 inside, so that they are all summed without looking at places.
The m points inside, sorted, cut the target into m + 1 segments, each with its d, E and F as in `segment`.

Sums of exponentials by two scans: Langrené and Warin (arXiv 1712.00993, 2005.03246), Foreman-Mackey et al. 2017.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from kdelab.loss.arithmetic import exp, highest, log, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Results
from kdelab.loss.engines.laplace.log_scan import log_scan
from kdelab.loss.engines.laplace.prepare import Prepared, count_inside, prepare
from kdelab.loss.engines.laplace.segment import SHORT, lesser_share, long_segment, phi
from kdelab.loss.ragged import offsets_of
from kdelab.loss.runtime import MATH, compiled, in_parallel
from kdelab.loss.validate import Floats, Indices, Integers

# The scans run on plain numbers while nothing can underflow: for targets of up to 300 bandwidths at whose lower end the
# density isn't negligible. The others go through `log_scan`, which is several times slower.
_WIDE = 300.0
_NEGLIGIBLE = 1e-150
_TINY = 1e-290

# Points taken at a time: their arrays stay in the first-level cache.
_TILE = 1024


class BinFreeLaplace(Engine):
    """Factors, order and segments of a batch."""

    def __init__(self, clusters: Clusters, bandwidth: float) -> None:
        n, total_points = len(clusters), len(clusters.points)
        self.clusters, self.h = clusters, bandwidth
        batch, counts = Batch.of(clusters), np.empty(n, dtype=np.int64)
        in_parallel(count_inside, batch.offsets, batch, counts)
        starts = offsets_of(counts + 1)
        segments = int(starts[-1])
        self.prepared = Prepared(
            starts, np.empty(total_points), np.empty(n), np.empty(segments, dtype=np.int32),
            *(np.empty(segments) for _ in "dEF"),
        )  # fmt: skip
        in_parallel(prepare, batch.offsets, batch, bandwidth, self.prepared)

    def _evaluate(self, logits: Floats, results: Results) -> None:
        batch = Batch.of(self.clusters)
        in_parallel(evaluate, batch.offsets, batch, self.h, self.prepared, logits, results)


class Place(NamedTuple):
    """Where a prediction is in its tile.

    Points j to j + k; segments s to s + m, of which the last ends with the target and the others at a point inside.
    """

    j: int
    k: int
    s: int
    m: int


@compiled
def evaluate(
    first: int, stop: int, batch: Batch, h: float, prepared: Prepared, logits: Floats, results: Results
) -> None:
    """Fill the `Results` of predictions first to stop.

    They are independent and each is summed in a fixed order: the result doesn't depend
    on the threads. They are taken a tile at a time, so that the costly functions run over long arrays: twice as fast as
    one by one.
    """
    x, ends, lower, upper = batch
    starts, K, nearest, order, lengths, decays, rests = prepared
    loss, gradient, by_point, by_bandwidth = results
    size = _TILE
    for i in range(first, stop):
        size = max(size, ends[i + 1] - ends[i])
    weights, rows, spare = np.empty(size), np.empty((7, 2 * size)), np.empty((8, size + 1))
    while first < stop:
        last = first + 1
        while last < stop and ends[last + 1] - ends[first] <= _TILE:
            last += 1
        # The tile's part of every array, once: a slice for each prediction would cost more than its arithmetic.
        points, tile = slice(ends[first], ends[last]), slice(starts[first], starts[last])
        w, K_tile, g, by_x = weights[: ends[last] - ends[first]], K[points], gradient[points], by_point[points]
        d, E, F, inside = lengths[tile], decays[tile], rests[tile], order[tile]
        n = d.size
        A, B, P, Q, value, rho, lesser = (
            rows[0, :n], rows[1, :n], rows[2, :n], rows[3, :n], rows[4, :n], rows[5, :n], rows[6, :n]
        )  # fmt: skip
        _weights(ends, first, last, logits, w)
        for i in range(first, last):
            _forward(_place(ends, starts, first, i), w, K_tile, inside, E, A, B)
        _integrate_segments(d, E, F, A, B, rho, value, lesser, P, Q)
        for i in range(first, last):
            place = _place(ends, starts, first, i)
            j, k, s, m = place
            a, b, w_total = lower[i], upper[i], total(w[j : j + k])
            width, at_a, at_b = (b - a) / h, A[s] + B[s] * E[s], A[s + m] * E[s + m] + B[s + m]
            if width > _WIDE or at_a < _NEGLIGIBLE:
                part = slice(ends[i], ends[i + 1])
                mean_log, mean_ends = log_scan(
                    x[part], a, b, h, logits[part], inside[s : s + m], spare, w[j : j + k], w_total,
                    gradient[part], by_point[part],
                )  # fmt: skip
            else:
                mean_ends = 0.5 * (math.log(at_a) + math.log(at_b)) if width == 0.0 or by_x.size > 0 else 0.0
                mean_log = total(value[s : s + m + 1]) / width if width > 0.0 else mean_ends
                if width == 0.0:
                    P[s] = Q[s] = 1.0 / at_a
                _collect(place, width, E, P, Q)
                _scatter(place, w, 1.0 / w_total, h, K_tile, inside, P, Q, g, by_x)
            loss[i] = nearest[i] - mean_log + math.log(w_total * (2.0 * h))
            if by_x.size > 0:
                leverage = _leverage(x[ends[i] : ends[i + 1]], a, b, by_x[j : j + k])
                by_bandwidth[i] = 1.0 - leverage + (mean_ends - mean_log)
        first = last


@numba.njit(error_model="numpy", fastmath=MATH)
def _place(ends: Integers, starts: Integers, first: int, i: int) -> Place:
    """Return where in the tile of prediction ``first`` prediction i is."""
    return Place(ends[i] - ends[first], ends[i + 1] - ends[i], starts[i] - starts[first], starts[i + 1] - starts[i] - 1)


@numba.njit(error_model="numpy", fastmath=MATH)
def _weights(ends: Integers, first: int, last: int, logits: Floats, w: Floats) -> None:
    """Fill w_j = exp(z_j - max z) of a tile's points."""
    for i in range(first, last):
        z = logits[ends[i] : ends[i + 1]]
        top, at = highest(z), ends[i] - ends[first]
        for j in range(z.size):
            w[at + j] = z[j] - top
    for j in range(w.size):
        w[j] = exp(w[j])


@numba.njit(error_model="numpy", fastmath=MATH)
def _forward(place: Place, w: Floats, K: Floats, inside: Indices, E: Floats, A: Floats, B: Floats) -> None:
    """Fill A from left to right and B from right to left: each point's weight joins, and decays segment by segment.

    The two recursions run side by side, so that neither has to wait for the other.
    """
    j, k, s, m = place
    from_left, from_right = _outside(w[j : j + k], K[j : j + k])
    A[s], B[s + m] = from_left, from_right
    for n in range(m):
        left, right = s + n, s + m - n
        from_left = from_left * E[left] + w[j + inside[left]]
        from_right = from_right * E[right] + w[j + inside[right - 1]]
        A[left + 1], B[right - 1] = from_left, from_right


@numba.njit(error_model="numpy", fastmath=True)
def _outside(w: Floats, K: Floats) -> tuple[float, float]:
    """Return sum_j w_j K_j over the points left of the target, and over those right of it."""
    left = right = 0.0
    for n in range(w.size):
        left += w[n] * max(K[n], 0.0)
        right += w[n] * max(-K[n], 0.0)
    return left, right


@numba.njit(error_model="numpy", fastmath=MATH)
def _integrate_segments(
    d: Floats, E: Floats, F: Floats, A: Floats, B: Floats, rho: Floats, value: Floats, lesser: Floats, P: Floats,
    Q: Floats,
) -> None:  # fmt: skip
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
def _collect(place: Place, width: float, E: Floats, P: Floats, Q: Floats) -> None:
    """Turn P and Q into what a unit of weight collects on its way through the segments, as a share of the target.

    Reverse mode over A and B: mu_s = P_s + E_s mu_{s+1}, and from the other side nu_s = Q_s + E_s nu_{s-1}.
    """
    _, _, s, m = place
    scale = 1.0 / width if width > 0.0 else 1.0
    mu, nu = P[s + m] * scale, Q[s] * scale
    P[s + m], Q[s] = mu, nu
    for n in range(m):
        left, right = s + n + 1, s + m - n - 1
        mu = P[right] * scale + E[right] * mu
        nu = Q[left] * scale + E[left] * nu
        P[right], Q[left] = mu, nu


@numba.njit(error_model="numpy", fastmath=MATH)
def _scatter(
    place: Place, w: Floats, scale: float, h: float, K: Floats, inside: Indices, mu: Floats, nu: Floats,
    gradient: Floats, by_point: Floats,
) -> None:  # fmt: skip
    """Fill the gradient, S_j - mean r_j, and dL/dx_j if it isn't empty.

    Per unit of its weight, a point left of the target is responsible for K_j mu_0, one right of it for -K_j nu_m. A
    point inside ends one segment and starts the next: mu of the x that have it on their left, and nu of the others.
    """
    j, k, s, m = place
    w, K, gradient, by_point = w[j : j + k], K[j : j + k], gradient[j : j + k], by_point[j : j + k]
    mu_0, nu_m = mu[s], nu[s + m]
    for n in range(k):
        gradient[n] = w[n] * (scale - (max(K[n], 0.0) * mu_0 + max(-K[n], 0.0) * nu_m))
    for t in range(s, s + m):
        n = inside[t]
        gradient[n] = w[n] * (scale - (mu[t + 1] + nu[t]))
    if by_point.size > 0:
        for n in range(k):
            by_point[n] = w[n] * (max(-K[n], 0.0) * nu_m - max(K[n], 0.0) * mu_0) / h
        for t in range(s, s + m):
            n = inside[t]
            by_point[n] = w[n] * (nu[t] - mu[t + 1]) / h


@numba.njit(error_model="numpy", fastmath=MATH)
def _leverage(x: Floats, a: float, b: float, by_point: Floats) -> float:
    """Return sum_j (x_j - c) dL/dx_j, c the centre of the target; put 0 at a kink, the mean of both sides.

    By the scaling of lengths, h dL/dh = 1 - that sum + L + (log p(a) + log p(b)) / 2.
    """
    leverage = 0.0
    for j in range(x.size):
        if a == b and x[j] == a:
            by_point[j] = 0.0
        leverage += 0.5 * ((x[j] - a) + (x[j] - b)) * by_point[j]
    return leverage
