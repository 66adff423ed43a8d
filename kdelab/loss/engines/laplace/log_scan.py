"""The scans of the bin-free Laplace loss in log space, for clusters that plain numbers can't hold.

Targets of hundreds of bandwidths, or near points whose logits leave them no weight: rare, so plain and safe.
"""

import math

import numba
import numpy as np

from kdelab.loss.arithmetic import highest, log_add
from kdelab.loss.engines.laplace.prepare import log_factors
from kdelab.loss.engines.laplace.segment import SHORT, lesser_share, long_segment, phi
from kdelab.loss.runtime import MATH
from kdelab.loss.validate import Floats, Indices


@numba.njit(error_model="numpy", fastmath=MATH)
def log_scan(
    x: Floats, a: float, b: float, h: float, logits: Floats, inside: Indices, work: Floats,
    w: Floats, w_total: float, gradient: Floats, by_point: Floats,
) -> tuple[float, float]:  # fmt: skip
    """Do what `laplace._forward` to `_scatter` do, with log e_j, log A and log B, e_j = w_j K_j."""
    m, k = inside.size, x.size
    log_e, r_left, r_right = work[0, :k], work[1, :k], work[2, :k]
    log_A, log_B, d = work[3, : m + 1], work[4, : m + 1], work[5, : m + 1]
    P, Q = work[6, : m + 1], work[7, : m + 1]
    width = (b - a) / h
    log_factors(x, a, b, h, m, log_e)
    z_top, anchor = highest(logits), -np.inf
    for j in range(k):
        log_e[j] += logits[j] - z_top
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
        rho = math.exp(log_rho)
        if d[s] >= SHORT:
            value, lesser = long_segment(log_rho, d[s])
            value += d[s] * (larger - 0.5 * d[s])
        else:
            F = -math.expm1(-d[s])
            value = d[s] * (larger + math.log1p(rho) - 0.5 * d[s]) + phi(rho, d[s])
            lesser = lesser_share(rho, 1.0 - F, F)
        if width > 0.0:
            mean_log += value / width
            greater, lesser = (d[s] - lesser) / width, lesser / width
        else:
            mean_log = larger + math.log1p(rho)
            greater, lesser = 1.0 / (1.0 + rho), rho / (1.0 + rho)
        P[s], Q[s] = (greater, lesser) if log_A[s] >= log_B[s] else (lesser, greater)
    log_start = log_add(log_A[0], log_B[0] - d[0])
    log_stop = log_add(log_A[m] - d[m], log_B[m])

    # mu is now what all of A collects, and of it each point gets its part e_j / A; nu likewise of B.
    mu, nu = P[m], Q[0]
    for s in range(m, 0, -1):
        r_left[inside[s - 1]] = mu * math.exp(log_e[inside[s - 1]] - log_A[s])
        mu = P[s - 1] + mu * _part(log_A[s - 1] - d[s - 1], log_A[s])
    for s in range(m):
        r_right[inside[s]] = nu * math.exp(log_e[inside[s]] - log_B[s])
        nu = Q[s + 1] + nu * _part(log_B[s + 1] - d[s + 1], log_B[s])
    for j in range(k):
        if x[j] <= a:
            r_left[j], r_right[j] = mu * math.exp(log_e[j] - log_A[0]), 0.0
        elif x[j] >= b:
            r_left[j], r_right[j] = 0.0, nu * math.exp(log_e[j] - log_B[m])
        gradient[j] = w[j] / w_total - (r_left[j] + r_right[j])
    if by_point.size > 0:
        for j in range(k):
            by_point[j] = (r_right[j] - r_left[j]) / h
    return anchor + mean_log, anchor + 0.5 * (log_start + log_stop)


@numba.njit(error_model="numpy", fastmath=MATH)
def _part(log_part: float, log_whole: float) -> float:
    return math.exp(min(log_part - log_whole, 0.0)) if log_part > -np.inf else 0.0


@numba.njit(error_model="numpy", fastmath=MATH)
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
