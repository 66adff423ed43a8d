"""The scans of the bin-free Laplace loss in log space, for clusters that plain numbers can't hold.

Targets of hundreds of bandwidths, or near points whose logits leave them no weight: rare, so plain and safe, and
compiled when the first one comes.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import log_add
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.laplace.prepare import Prepared, log_factors
from kdelab.loss.engines.laplace.segment import SHORT, long_segment, phi, share
from kdelab.loss.runtime import compiled, scalar
from kdelab.loss.validate import Flags, Floats, Indices


@compiled
def log_scan(
    first: int, stop: int, batch: Batch, h: float, prepared: Prepared, logits: Floats, hard: Flags, loss: Floats,
    gradient: Floats | None, by_point: Floats | None, by_bandwidth: Floats | None,
) -> None:  # fmt: skip
    """Do for the hard predictions what `evaluate` does, with log e_j, log A and log B, e_j = w_j K_j."""
    points, ends, lower, upper = batch
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((9, widest + 1))
    for i in range(first, stop):
        if not hard[i]:
            continue
        part, a, b, m = slice(ends[i], ends[i + 1]), lower[i], upper[i], prepared.inside[i]
        x, z = points[part], logits[part]
        inside = prepared.order[prepared.starts[i] : prepared.starts[i] + m]
        k, width = x.size, (b - a) / h
        log_e, r, w = work[0, :k], work[1:3, :k], work[8, :k]
        log_A, log_B, d = work[3, : m + 1], work[4, : m + 1], work[5, : m + 1]
        P, Q = work[6, : m + 1], work[7, : m + 1]
        top, anchor, w_total = z.max(), -np.inf, 0.0
        nearest = log_factors(x, a, b, h, m, log_e)
        for j in range(k):
            w[j] = math.exp(z[j] - top)
            w_total += w[j]
            log_e[j] += z[j] - top
            anchor = max(anchor, log_e[j])
        for j in range(k):
            log_e[j] -= anchor

        previous = a
        for s in range(m + 1):
            edge = x[inside[s]] if s < m else b
            d[s] = (edge - previous) / h
            previous = edge
        log_A[0], log_B[m] = _log_outside(x, a, b, log_e)
        for s in range(m):
            log_A[s + 1] = log_add(log_A[s] - d[s], log_e[inside[s]])
        for s in range(m, 0, -1):
            log_B[s - 1] = log_add(log_B[s] - d[s], log_e[inside[s - 1]])

        mean_log = 0.0
        for s in range(m + 1):
            larger = max(log_A[s], log_B[s])
            log_rho = min(log_A[s], log_B[s]) - larger
            rho, y = math.exp(log_rho), 0.5 * d[s]
            if d[s] >= SHORT:
                c = log_rho + d[s]
                value, lesser = long_segment(c, math.exp(log_rho - d[s]), math.exp(-abs(c)))
                value += d[s] * (larger - y)
            else:
                F = -math.expm1(-d[s])
                value = d[s] * (larger + math.log1p(rho) - y + phi(4.0 * rho / ((1.0 + rho) * (1.0 + rho)), y * y))
                lesser = rho * share(rho, 1.0, 1.0 - F, F)
            if width > 0.0:
                mean_log += value / width
                greater, lesser = (d[s] - lesser) / width, lesser / width
            else:
                mean_log = larger + math.log1p(rho)
                greater, lesser = 1.0 / (1.0 + rho), rho / (1.0 + rho)
            P[s], Q[s] = (greater, lesser) if log_A[s] >= log_B[s] else (lesser, greater)
        loss[i] = nearest - (anchor + mean_log) + math.log(w_total * (2.0 * h))
        if gradient is not None:
            _scan_out(x, a, b, inside, d, log_e, log_A, log_B, P, Q, r)
            for j in range(k):
                gradient[part.start + j] = w[j] / w_total - (r[0, j] + r[1, j])
            if by_point is not None and by_bandwidth is not None:
                slopes = by_point[part]
                for j in range(k):
                    slopes[j] = (r[1, j] - r[0, j]) / h
                log_ends = log_add(log_A[0], log_B[0] - d[0]) + log_add(log_A[m] - d[m], log_B[m])
                by_bandwidth[i] = 1.0 - leverage_of(x, a, b, slopes) + (0.5 * log_ends - mean_log)


@scalar
def _scan_out(
    x: Floats, a: float, b: float, inside: Indices, d: Floats, log_e: Floats, log_A: Floats, log_B: Floats, P: Floats,
    Q: Floats, r: Floats,
) -> None:  # fmt: skip
    """Fill r, (2, k): the mean responsibilities of points while they lie left of x, and while they lie right of it.

    mu is what all of A collects, and of it each point gets its part e_j / A; nu likewise of B.
    """
    m, r_left, r_right = inside.size, r[0], r[1]
    mu, nu = P[m], Q[0]
    for s in range(m, 0, -1):
        r_left[inside[s - 1]] = mu * math.exp(log_e[inside[s - 1]] - log_A[s])
        mu = P[s - 1] + mu * _part(log_A[s - 1] - d[s - 1], log_A[s])
    for s in range(m):
        r_right[inside[s]] = nu * math.exp(log_e[inside[s]] - log_B[s])
        nu = Q[s + 1] + nu * _part(log_B[s + 1] - d[s + 1], log_B[s])
    for j in range(x.size):
        if x[j] <= a:
            r_left[j], r_right[j] = mu * math.exp(log_e[j] - log_A[0]), 0.0
        elif x[j] >= b:
            r_left[j], r_right[j] = 0.0, nu * math.exp(log_e[j] - log_B[m])


@scalar
def leverage_of(x: Floats, a: float, b: float, by_point: Floats) -> float:
    """Return sum_j (x_j - c) dL/dx_j, c the centre of the target; put 0 at a kink, the mean of both sides.

    By the scaling of lengths, h dL/dh = 1 - that sum + L + (log p(a) + log p(b)) / 2.
    """
    leverage = 0.0
    for j in range(x.size):
        if a == b and x[j] == a:
            by_point[j] = 0.0
        leverage += 0.5 * ((x[j] - a) + (x[j] - b)) * by_point[j]
    return leverage


@scalar
def _part(log_part: float, log_whole: float) -> float:
    return math.exp(min(log_part - log_whole, 0.0)) if log_part > -np.inf else 0.0


@scalar
def _log_outside(x: Floats, a: float, b: float, log_e: Floats) -> tuple[float, float]:
    """Return log sum_j e_j over the points left of the target, and over those right of it; -inf for none."""
    top_left = top_right = -np.inf
    for j in range(x.size):
        if x[j] <= a:
            top_left = max(top_left, log_e[j])
        elif x[j] >= b:
            top_right = max(top_right, log_e[j])
    left = right = 0.0
    for j in range(x.size):
        if x[j] <= a:
            left += math.exp(log_e[j] - top_left)
        elif x[j] >= b:
            right += math.exp(log_e[j] - top_right)
    return (
        top_left + math.log(left) if left > 0.0 else -np.inf,
        top_right + math.log(right) if right > 0.0 else -np.inf,
    )
