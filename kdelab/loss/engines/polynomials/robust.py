"""The triangular and the parabolic kernel's loss whatever underflows, and its derivatives: panel by panel, O(k) each.

Points begin at x_j - h, end at x_j + h and, where triangular, have a kink at x_j. Between two such edges, with t from 0
to 1, each term is w_j (K_0 (1 - t) + K_1 t + kappa t (1 - t)), and so is their sum: see `integrals`. K at an edge is
formed of the distances to where the point begins and ends, which come without rounding: at its own end it is 0.
"""

import math
from typing import NamedTuple

import numba
import numpy as np

from kdelab.loss.arithmetic import HUGE, dot, exp, gap, highest, log_add, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.polynomials.edges import Edges, fill_edges
from kdelab.loss.engines.polynomials.integrals import integrals
from kdelab.loss.engines.quadrature.cuts import ROUNDED
from kdelab.loss.engines.quadrature.panel import log_background
from kdelab.loss.engines.sort import order_within
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.kernels.epanechnikov import Epanechnikov
from kdelab.loss.kernels.triangular import Triangular
from kdelab.loss.runtime import MATH, compiled, in_parallel
from kdelab.loss.validate import Floats, Indices

_LEAST = 1e-200


class Panel(NamedTuple):
    """What lies between two edges: their centres and sides, (2,) each, and the panel's share of the target."""

    centres: Floats
    sides: Floats
    length: float
    share: float
    log_floor: float


class Robust(Engine):
    """The edges of a batch, in order."""

    def __init__(self, clusters: Clusters, kernel: Triangular | Epanechnikov, background: float) -> None:
        self.clusters, self.kernel = clusters, kernel.in_numbers(background)
        n, k = len(clusters), len(clusters.points)
        self.order = order_within(clusters.offsets, clusters.points)
        self.edges = Edges(np.zeros(3 * k + 4 * n), np.zeros(3 * k + 4 * n), np.empty(n, dtype=np.int64))
        in_parallel(fill_edges, clusters.offsets, self.kernel, Batch.of(clusters), self.edges)

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        batch = Batch.of(self.clusters)
        in_parallel(_evaluate, batch.offsets, self.kernel, batch, self.order, self.edges, logits, *wanted)


@compiled
def _evaluate(
    first: int, stop: int, kernel: Compiled, batch: Batch, order: Indices, edges: Edges, logits: Floats,
    loss: Floats, gradient: Floats | None, by_point: Floats | None, by_bandwidth: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for, each prediction on its own."""
    x, ends, lower, upper = batch
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((11, widest))
    for i in range(first, stop):
        part, at = slice(ends[i], ends[i + 1]), 3 * ends[i] + 4 * i
        mine = slice(at, at + edges.counts[i])
        loss[i], growth = _cluster(
            kernel, x[part], lower[i], upper[i], order[part], edges.centres[mine], edges.sides[mine], logits[part],
            work, None if gradient is None else gradient[part], None if by_point is None else by_point[part],
        )  # fmt: skip
        if by_bandwidth is not None:
            by_bandwidth[i] = growth


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(
    kernel: Compiled, x: Floats, a: float, b: float, order: Indices, centres: Floats, sides: Floats, logits: Floats,
    work: Floats, gradient: Floats | None, by_point: Floats | None,
) -> tuple[float, float]:  # fmt: skip
    """Return the loss of one cluster and its derivative by log bandwidth; fill what else is asked for."""
    k, h, width = x.size, kernel.h, b - a
    z, w, place, r, flanks = work[0, :k], work[1, :k], work[2, :k], work[3, :k], work[4:6]
    top = highest(logits)
    for j in range(k):
        z[j] = max(logits[order[j]] - top, -HUGE)
        w[j] = exp(z[j])
        place[j] = x[order[j]]
        r[j] = flanks[0, j] = flanks[1, j] = 0.0
    z_total = total(w)
    log_scale = kernel.log_constant - math.log(z_total) + math.log1p(-kernel.background)
    close = ROUNDED * max(abs(a), abs(b), h)
    mean_log, growth, infinite = 0.0, 0.0, False
    first = last = 0
    for q in range(centres.size - 1):
        length = gap(centres[q + 1], centres[q], (sides[q + 1] - sides[q]) * h)
        share = length / width if width > 0.0 else 1.0
        # The points over the panel are a window of them: those that begin at its left edge or before and end behind.
        while last < k and gap(place[last], centres[q], (-1.0 - sides[q]) * h) <= 0.0:
            last += 1
        while first < last and gap(place[first], centres[q + 1], (1.0 - sides[q + 1]) * h) < 0.0:
            first += 1
        log_floor = _log_floor(kernel, centres[q], sides[q], width) - log_scale
        panel = Panel(centres[q : q + 2], sides[q : q + 2], length, share, log_floor)
        log_p, part_growth = _add_panel(
            kernel, width == 0.0, panel, place[first:last], z[first:last], w[first:last], work[6:, first:last],
            r[first:last], None if by_point is None else flanks[:, first:last],
        )  # fmt: skip
        if log_p > -np.inf:
            mean_log += share * (log_scale + log_p)
            growth += part_growth
        elif length > close or width <= close:  # a gap that rounding alone has opened is none
            infinite = True
    if gradient is not None:
        reached = total(r)
        for j in range(k):
            gradient[order[j]] = w[j] / z_total * reached - r[j]
    if by_point is not None:
        for j in range(k):
            slope, cliffs = flanks[0, j], flanks[1, j]
            by_point[order[j]] = 0.0 if infinite else cliffs * np.inf if cliffs != 0.0 else slope / h
    return np.inf if infinite else -mean_log, 0.0 if infinite else growth


@numba.njit(error_model="numpy", fastmath=MATH)
def _log_floor(kernel: Compiled, centre: float, side: float, width: float) -> float:
    """Return the logarithm of what the background contributes just right of an edge."""
    if width == 0.0:
        return log_background(kernel, centre)
    lit = gap(centre, -1.0, side * kernel.h) >= 0.0 and gap(centre, 1.0, side * kernel.h) < 0.0
    return log_background(kernel, 0.0) if lit else -np.inf


@numba.njit(error_model="numpy", fastmath=MATH)
def _add_panel(
    kernel: Compiled, one_place: bool, panel: Panel, x: Floats, z: Floats, w: Floats, work: Floats, r: Floats,
    flanks: Floats | None,
) -> tuple[float, float]:  # fmt: skip
    """Add the means of r_j to r, of h d log p / dx_j to flanks[0]; return that of log p, -inf where p = 0, and growth.

    Growth is the mean of sum_j r_j (1 + u_j (log K)'(u_j)) = a R - (a - 1) sum_j w_j integral 1/p, since K + u K' is
    2 K - 1 for the triangle and 3 K - 2 for the parabola. Where p falls to 0 at an end, slopes are infinite there: then
    their signs are added to flanks[1].
    """
    centres, sides, length, share, log_floor = panel
    k, h, triangular = x.size, kernel.h, kernel.cusped
    K0, K1, D0, D1, v = work[0], work[1], work[2], work[3], work[4]
    kappa = 0.0 if triangular else (length / h) * (length / h)
    for j in range(k):
        before = gap(centres[0], x[j], (1.0 + sides[0]) * h) / h
        behind = gap(x[j], centres[0], (1.0 - sides[0]) * h) / h
        K0[j], D0[j] = before * behind, -2.0 * gap(centres[0], x[j], sides[0] * h) / h
        onward, ahead = gap(centres[1], x[j], (1.0 + sides[1]) * h) / h, gap(x[j], centres[1], (1.0 - sides[1]) * h) / h
        K1[j], D1[j] = onward * ahead, -2.0 * gap(centres[1], x[j], sides[1] * h) / h
        if triangular:
            K0[j], K1[j] = min(before, behind), min(onward, ahead)
            D0[j] = D1[j] = np.sign(D0[j] + D1[j])
        if one_place and K0[j] == 0.0:
            D0[j] *= 0.5  # the mean of both sides of where the point ends
            D1[j] *= 0.5
    peak = max(dot(w, K0[:k]), dot(w, K1[:k]), kappa * total(w)) + math.exp(log_floor)
    shift = math.log(peak) if peak > _LEAST else _log_peak(z, K0, K1, kappa, log_floor)
    if shift == -np.inf:
        return -np.inf, 0.0
    p0 = p1 = math.exp(log_floor - shift)
    weight = 0.0
    for j in range(k):
        v[j] = w[j] / peak if peak > _LEAST else math.exp(z[j] - shift)
        p0 += v[j] * K0[j]
        p1 += v[j] * K1[j]
        weight += v[j] * (0.5 if one_place and K0[j] == 0.0 else 1.0)
    log_p0, log_p1 = _log_sum(p0, z, K0, log_floor, shift), _log_sum(p1, z, K1, log_floor, shift)
    c = kappa * total(v[:k])
    mean_log, I0, I1, Ic = integrals(p0, p1, c, log_p0, log_p1)
    reached = 0.0
    for j in range(k):
        part = share * (v[j] * K0[j] * I0 + v[j] * K1[j] * I1 + (v[j] * kappa / c * Ic if c > 0.0 else 0.0))
        r[j] += part
        reached += part
    if flanks is None:
        return mean_log + shift, 0.0
    for j in range(k):
        flanks[0, j] += share * v[j] * (D0[j] * I0 + D1[j] * I1)
        if log_p0 == -np.inf:
            flanks[1, j] += np.sign(D0[j])
        if log_p1 == -np.inf:
            flanks[1, j] += np.sign(D1[j])
    many = 2.0 if triangular else 3.0
    growth = many * reached - (many - 1.0) * share * weight * (I0 + I1)
    return mean_log + shift, growth if min(log_p0, log_p1) > -np.inf else -np.inf


@numba.njit(error_model="numpy", fastmath=MATH)
def _log_peak(z: Floats, K0: Floats, K1: Floats, kappa: float, log_floor: float) -> float:
    """Return the logarithm of the largest of all terms, light as they may be; -inf where there are none."""
    peak = log_floor
    for j in range(z.size):
        most = max(K0[j], K1[j], kappa)
        if most > 0.0:
            peak = max(peak, z[j] + math.log(most))
    return peak


@numba.njit(error_model="numpy", fastmath=MATH)
def _log_sum(p: float, z: Floats, K: Floats, log_floor: float, shift: float) -> float:
    """Return log p, which may have underflowed, of the floor and all z + log K, less ``shift``; -inf for none."""
    if p > 1e-290:
        return math.log(p)
    log_p = log_floor
    for j in range(z.size):
        if K[j] > 0.0:
            log_p = log_add(log_p, z[j] + math.log(K[j]))
    return log_p - shift
