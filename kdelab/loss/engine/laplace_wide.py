"""The scans of the bin-free Laplace loss in log space, for clusters that plain numbers can't hold.

Targets of hundreds of bandwidths, or near points whose logits leave them no weight: rare, so plain and safe.
"""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.engine.compiled import MATH, highest, log_add
from kdelab.loss.engine.laplace_groups import log_factors
from kdelab.loss.engine.segment import SHORT, long_segment, phi


@numba.njit(error_model="numpy", fastmath=MATH)
def log_scan(
    x: Any, a: float, b: float, h: float, logits: Any, order: Any, left: int, inside: int, work: Any,
    w: Any, w_total: float, gradient: Any, by_point: Any,
) -> tuple[float, float]:  # fmt: skip
    """Do what `laplace._forward` to `_scatter` do, with log e_j, log A and log B."""
    m, k = inside, x.size
    r_left, r_right = work[7, :k], work[8, :k]
    log_e, log_A, log_B = work[0, :k], work[1, : m + 1], work[2, : m + 1]
    P, Q, d, grouped = work[3, : m + 1], work[4, : m + 1], work[5, : m + 1], work[6, :k]
    width = (b - a) / h
    for j in range(k):
        grouped[j] = x[order[j]]
    z_top = highest(logits)
    log_factors(grouped, left, inside, a, b, h, log_e)
    anchor = -np.inf
    for j in range(k):
        log_e[j] += logits[order[j]] - z_top
        anchor = max(anchor, log_e[j])
    for j in range(k):
        log_e[j] -= anchor

    previous = a
    for s in range(m + 1):
        edge = grouped[left + s] if s < m else b
        d[s] = (edge - previous) / h
        previous = edge
    log_A[0] = _log_total(log_e[:left])
    for s in range(m):
        log_A[s + 1] = log_add(log_A[s] - d[s], log_e[left + s])
    log_B[m] = _log_total(log_e[left + m :])
    for s in range(m, 0, -1):
        log_B[s - 1] = log_add(log_B[s] - d[s], log_e[left + s - 1])

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
            E = 1.0 - F
            value = d[s] * (larger + math.log1p(rho) - 0.5 * d[s]) + phi(rho, d[s])
            lesser = 0.5 * math.log1p(rho * F * (1.0 + E) / (E * (1.0 + rho * E)))
        if width > 0.0:
            mean_log += value / width
            greater, lesser = (d[s] - lesser) / width, lesser / width
        else:
            mean_log = larger + math.log1p(rho)
            greater, lesser = 1.0 / (1.0 + rho), rho / (1.0 + rho)
        P[s], Q[s] = (greater, lesser) if log_A[s] >= log_B[s] else (lesser, greater)
    log_start = log_add(log_A[0], log_B[0] - d[0])
    log_stop = log_add(log_A[m] - d[m], log_B[m])

    # mu is now what all of A collects, and of it each point gets its part e_j / A.
    mu = P[m]
    for s in range(m, 0, -1):
        j = left + s - 1
        r_left[j] = mu * math.exp(log_e[j] - log_A[s])
        mu = P[s - 1] + mu * _part(log_A[s - 1] - d[s - 1], log_A[s])
    for j in range(k):
        if j < left:
            r_left[j] = mu * math.exp(log_e[j] - log_A[0])
            r_right[j] = 0.0
    nu = Q[0]
    for s in range(m):
        j = left + s
        r_right[j] = nu * math.exp(log_e[j] - log_B[s])
        nu = Q[s + 1] + nu * _part(log_B[s + 1] - d[s + 1], log_B[s])
    for j in range(left + m, k):
        r_right[j] = nu * math.exp(log_e[j] - log_B[m])
        r_left[j] = 0.0
    for j in range(k):
        gradient[order[j]] = w[j] / w_total - (r_left[j] + r_right[j])
    if by_point.size > 0:
        for j in range(k):
            by_point[order[j]] = (r_right[j] - r_left[j]) / h
    return anchor + mean_log, anchor + 0.5 * (log_start + log_stop)


@numba.njit(error_model="numpy", fastmath=MATH)
def _part(log_part: float, log_whole: float) -> float:
    return math.exp(min(log_part - log_whole, 0.0)) if log_part > -np.inf else 0.0


@numba.njit(error_model="numpy", fastmath=MATH)
def _log_total(values: Any) -> float:
    top = -np.inf
    for v in values:
        top = max(top, v)
    s = 0.0
    for v in values:
        s += math.exp(v - top)
    return top + math.log(s) if values.size > 0 else -np.inf
