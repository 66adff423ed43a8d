"""The bin-free Laplace loss: O(k) a cluster, exact. Prepared once for fixed points, targets and bandwidth.

Points outside a target enter only through their factor K_j = e^-(d_j - nearest) / h, d_j the distance to the target:
the thread's shift property, which makes the sums safe. K_j is kept with a sign, positive for points left of the target
(x <= a), negative for those right of it (x >= b), and 0 inside, so that they are all summed without looking at places.
The m points inside, sorted, cut the target into m + 1 segments, each with its d, E and F as in `segment`.

Sums of exponentials by two scans: Langrené and Warin (arXiv 1712.00993, 2005.03246), Foreman-Mackey et al. 2017.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import exp, log, plus
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.laplace.log_scan import leverage_of, log_scan
from kdelab.loss.engines.laplace.prepare import Prepared, prepare
from kdelab.loss.engines.laplace.segment import SHORT, long_segment, phi, share
from kdelab.loss.runtime import compiled, in_parallel, inlined
from kdelab.loss.validate import Flags, Floats, Indices

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
        n, total = len(clusters), len(clusters.points)
        self.clusters, self.h = clusters, bandwidth
        self.prepared = Prepared(
            np.empty(total), np.empty(n), np.empty(n, np.int64), np.empty(n, np.int64),
            np.empty(total + n, np.int32), *(np.empty(total + n) for _ in "dEF"),
        )  # fmt: skip
        in_parallel(prepare, clusters.offsets, *Batch.of(clusters), bandwidth, self.prepared)

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        c, prepared = self.clusters, self.prepared
        hard = np.empty(len(c), np.bool_)
        in_parallel(evaluate, c.offsets, Batch.of(c), self.h, prepared, logits, hard, *wanted)
        if hard.any():
            in_parallel(log_scan, c.offsets, Batch.of(c), self.h, prepared, logits, hard, *wanted)


@compiled
def evaluate(
    first: int, stop: int, batch: Batch, h: float, prepared: Prepared, logits: Floats, hard: Flags, loss: Floats,
    gradient: Floats | None, by_point: Floats | None, by_bandwidth: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and which of them are too hard for plain numbers.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads. They are taken a
    tile at a time, so that the costly functions run over long arrays, and each loop over few arrays: over many, the
    compiler would have to compare too many places to do several steps at once.
    """
    x, ends, lower, upper = batch
    K, nearest, starts, inside, order, lengths, decays, rests = prepared
    size = _TILE
    for i in range(first, stop):
        size = max(size, ends[i + 1] - ends[i])
    work = np.empty((6, 2 * size))
    while first < stop:
        last, begin = first + 1, starts[first]
        end = begin + inside[first] + 1
        while last < stop and ends[last + 1] - ends[first] <= _TILE and starts[last] == end:
            end += inside[last] + 1
            last += 1
        names, d, E, F = order[begin:end], lengths[begin:end], decays[begin:end], rests[begin:end]
        n = d.size
        A, B, P, Q, value = work[0, :n], work[1, :n], work[2, :n], work[3, :n], work[4, :n]
        weights, totals = work[5, :size], work[5, size:]
        at = 0
        for i in range(first, last):
            j, k = ends[i], ends[i + 1] - ends[i]
            _below_highest(logits[j : j + k], weights[at : at + k])
            at += k
        for j in range(at):
            weights[j] = exp(weights[j])
        s = at = 0
        for i in range(first, last):
            j, k, m = ends[i], ends[i + 1] - ends[i], inside[i]
            totals[i - first] = _scan_in(weights[at : at + k], K[j : j + k], names, E, s, m, A, B)
            s += m + 1
            at += k
        _integrate_segments(d, E, F, A, B, gradient, value, P, Q)
        s = at = 0
        for i in range(first, last):
            j, k, m = ends[i], ends[i + 1] - ends[i], inside[i]
            w_total, width = totals[i - first], (upper[i] - lower[i]) / h
            at_a, at_b = A[s] + B[s] * E[s], A[s + m] * E[s + m] + B[s + m]
            hard[i] = width > _WIDE or at_a < _NEGLIGIBLE
            scale, mean_log = 1.0 / width if width > 0.0 else 1.0, 0.0
            for t in range(s, s + m + 1):
                mean_log += value[t]
            if width == 0.0:
                P[s] = Q[s] = 1.0 / max(at_a, _TINY)
                mean_log = math.log(max(at_a, _TINY))
            loss[i] = nearest[i] - mean_log * scale + math.log(w_total * (2.0 * h))
            if gradient is not None:
                w, factors, g = weights[at : at + k], K[j : j + k], gradient[j : j + k]
                mu, nu = _scan_out(w, 1.0 / w_total, factors, names, E, s, m, scale, P, Q, g)
                if by_point is not None and by_bandwidth is not None:
                    slopes = by_point[j : j + k]
                    for t in range(k):
                        slopes[t] = w[t] * (max(-factors[t], 0.0) * nu - max(factors[t], 0.0) * mu) / h
                    for t in range(s, s + m):
                        name = names[t]
                        slopes[name] = w[name] * (Q[t] - P[t + 1]) / h
                    mean_ends = 0.5 * (math.log(max(at_a, _TINY)) + math.log(max(at_b, _TINY)))
                    leverage = leverage_of(x[j : j + k], lower[i], upper[i], slopes)
                    by_bandwidth[i] = 1.0 - leverage + (mean_ends - mean_log * scale)
            s += m + 1
            at += k
        first = last


@inlined
def _below_highest(z: Floats, log_w: Floats) -> None:
    """Fill log w_j = z_j - max z."""
    top = z[0]
    for j in range(z.size):
        top = max(top, z[j])
    for j in range(z.size):
        log_w[j] = z[j] - top


@inlined
def _scan_in(w: Floats, K: Floats, names: Indices, E: Floats, s: int, m: int, A: Floats, B: Floats) -> float:
    """Fill A and B of a prediction with weights w, whose segments are s to s + m; return the sum of w.

    Each point's weight joins, and decays segment by segment: A from left to right, B from right to left, side by side,
    so that neither has to wait for the other.
    """
    w_total = left = right = 0.0
    for j in range(w.size):
        w_total = plus(w_total, w[j])
        left = plus(left, w[j] * max(K[j], 0.0))
        right = plus(right, w[j] * max(-K[j], 0.0))
    A[s], B[s + m] = left, right
    for t in range(m):
        left = left * E[s + t] + w[names[s + t]]
        right = right * E[s + m - t] + w[names[s + m - t - 1]]
        A[s + t + 1], B[s + m - t - 1] = left, right
    return w_total


@inlined
def _integrate_segments(
    d: Floats, E: Floats, F: Floats, A: Floats, B: Floats, gradient: Floats | None, value: Floats, P: Floats, Q: Floats
) -> None:
    """Fill value = integral_0^d log f ds; for a gradient, each side's share per unit of weight, P of A and Q of B."""
    for s in range(d.size):
        both, y = max(A[s] + B[s], _TINY), 0.5 * d[s]
        inverse = 1.0 / both
        value[s] = d[s] * (log(both) - y + phi(4.0 * (A[s] * inverse) * (B[s] * inverse), y * y))
    if gradient is not None:
        for s in range(d.size):
            Q[s] = share(min(A[s], B[s]), max(A[s], B[s], _TINY), E[s], F[s])
        for s in range(d.size):
            P[s] = (d[s] - Q[s] * min(A[s], B[s])) / max(A[s], B[s], _TINY)
    for s in range(d.size):
        if d[s] >= SHORT:
            heavier, lighter = max(A[s], B[s], _TINY), min(A[s], B[s])
            rise = max(lighter / heavier / E[s], _TINY)
            part, lesser = long_segment(log(rise), lighter / heavier * E[s], min(rise, 1.0 / rise))
            value[s] = part + d[s] * (log(heavier) - 0.5 * d[s])
            P[s], Q[s] = (d[s] - lesser) / heavier, lesser / max(lighter, _TINY)
    if gradient is not None:
        for s in range(d.size):
            of_heavier, of_lighter = P[s], Q[s]
            P[s] = of_heavier if A[s] >= B[s] else of_lighter
            Q[s] = of_lighter if A[s] >= B[s] else of_heavier


@inlined
def _scan_out(
    w: Floats, per_weight: float, K: Floats, names: Indices, E: Floats, s: int, m: int, scale: float, P: Floats,
    Q: Floats, gradient: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Fill a prediction's gradient, S_j - mean r_j; turn P and Q into mu and nu; return the first mu and the last nu.

    They are what a unit of weight collects on its way through the segments, as a share of the target, in reverse mode
    over A and B: mu_s = P_s + E_s mu_{s+1}, and from the other side nu_s = Q_s + E_s nu_{s-1}. So a point left of the
    target is responsible for K_j mu of its weight, one right of it for -K_j nu, one inside for mu of the places that
    have it on their left and for nu of the others.
    """
    mu, nu = P[s + m] * scale, Q[s] * scale
    P[s + m], Q[s] = mu, nu
    for t in range(m):
        mu = P[s + m - t - 1] * scale + E[s + m - t - 1] * mu
        nu = Q[s + t + 1] * scale + E[s + t + 1] * nu
        P[s + m - t - 1], Q[s + t + 1] = mu, nu
    for j in range(w.size):
        gradient[j] = w[j] * (per_weight - (max(K[j], 0.0) * mu + max(-K[j], 0.0) * nu))
    for t in range(s, s + m):
        j = names[t]
        gradient[j] = w[j] * (per_weight - (P[t + 1] + Q[t]))
    return mu, nu
