"""Loss and gradients by quadrature, for every kernel: the loop over predictions and panels."""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.engine.compiled import MATH, compiled, dot, exp, highest, total
from kdelab.loss.engine.nodes import BOX, terms
from kdelab.loss.engine.panel import DEPTH, Cluster, Panel, add_panel, good, log_background, mix

# Below this sum over prepared factors, weights may have underflowed: the panel is done again in log space.
_NEGLIGIBLE = 1e-150
_ROUNDING = 8 * 2.0**-52


@compiled
def integrate(
    first: int, stop: int, shape: Any, rule: Any, x: Any, ends: Any, lower: Any, upper: Any, logits: Any, panels: Any,
    prepared: Any, loss: Any, gradient: Any, by_point: Any, by_bandwidth: Any,
) -> None:  # fmt: skip
    """Fill loss (n,) and gradient (total,), and, if they aren't empty, by_point (total,) and by_bandwidth (n,).

    Predictions are independent and each is summed in a fixed order: the result doesn't depend on the threads.

    Parameters
    ----------
    first, stop : int
        The predictions to work on.
    shape, rule : see `panel`
    panels : (offsets, origins, lengths, power), see `panels.cut`
    prepared : (starts, factors, log peaks), see `prepare`; all empty if there are none
    """
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((9, widest))
    stack = np.empty((DEPTH, 2))
    coefficients = np.empty((2, rule.nodes.size))
    for i in range(first, stop):
        part = slice(ends[i], ends[i + 1])
        cluster, z_total = _cluster(shape, x[part], logits[part], lower[i], upper[i], work[6:])
        mean_r, mean_slope = gradient[part], by_point[part]
        for j in range(mean_r.size):
            mean_r[j] = 0.0
        for j in range(mean_slope.size):
            mean_slope[j] = 0.0
        mean_log, reached, growth = 0.0, 0.0, 0.0
        for p in range(panels[0][i], panels[0][i + 1]):
            share = (
                abs(panels[2][p]) / cluster.width if cluster.width > 0.0 else 1.0 / (panels[0][i + 1] - panels[0][i])
            )
            panel = Panel(panels[1][p], panels[2][p], panels[3], share)
            done = False
            if prepared[0].size > 0 and mean_slope.size == 0:
                done, log_part, r_part = _add_prepared(
                    shape, rule, cluster, panel, prepared[1][prepared[0][p] : prepared[0][p + 1]], prepared[2][p],
                    coefficients, work, mean_r,
                )  # fmt: skip
                growth_part = 0.0
            if not done:
                log_part, r_part, growth_part = add_panel(shape, rule, cluster, panel, work, stack, mean_r, mean_slope)
            mean_log += log_part
            reached += r_part
            growth += growth_part
        loss[i] = -mean_log
        if mean_slope.size > 0:
            if shape.code == BOX and rule.tolerance > 0.0 and cluster.width > 0.0:
                growth += _steps(shape, cluster, lower[i], upper[i], work[0], mean_slope)
            by_bandwidth[i] = growth
            for j in range(mean_slope.size):
                mean_slope[j] /= shape.h
        for j in range(mean_r.size):
            mean_r[j] = cluster.w[j] / z_total * reached - mean_r[j]


@numba.njit(error_model="numpy", fastmath=MATH)
def _cluster(shape: Any, x: Any, logits: Any, a: float, b: float, work: Any) -> tuple[Any, float]:
    """Return the prediction's `Cluster` and the sum of its weights. The anchor has the largest z_j - d_j / h."""
    z, w = work[0, : x.size], work[1, : x.size]
    top = highest(logits)
    for j in range(x.size):
        z[j] = logits[j] - top
        w[j] = exp(z[j])
    z_total = total(w)
    best, anchor = -np.inf, 0
    for j in range(x.size):
        value = z[j] - max(max(a - x[j], x[j] - b), 0.0) / shape.h
        if value > best:
            best, anchor = value, j
    log_scale = shape.log_constant - math.log(z_total) + math.log1p(-shape.background)
    return Cluster(x, z, w, anchor, log_scale, b - a), z_total


@compiled
def prepare(
    first: int, stop: int, shape: Any, rule: Any, x: Any, ends: Any, lower: Any, upper: Any, panels: Any,
    starts: Any, factors: Any, peaks: Any,
) -> None:  # fmt: skip
    """Fill factors[starts[p]:starts[p + 1]], (nodes, k) of panel p: K at every node, over its peak; and log peaks.

    The kernel at fixed nodes doesn't depend on the logits, so that an evaluation needs no exponential but for w.
    """
    for i in range(first, stop):
        k = ends[i + 1] - ends[i]
        work = np.empty((3, k))
        cluster, _ = _cluster(shape, x[ends[i] : ends[i + 1]], np.zeros(k), lower[i], upper[i], work)
        for p in range(panels[0][i], panels[0][i + 1]):
            for q in range(rule.nodes.size):
                s = 0.5 * (1.0 + rule.nodes[q]) if panels[2][p] != 0.0 else 0.0
                row = starts[p] + q * k
                peaks[p, q] = terms(
                    shape, cluster, panels[1][p], panels[2][p] * s ** panels[3], factors[row : row + k]
                )[0]


@numba.njit(error_model="numpy", fastmath=MATH)
def _add_prepared(
    shape: Any, rule: Any, cluster: Any, panel: Any, factors: Any, peaks: Any, coefficients: Any, work: Any, mean_r: Any
) -> tuple[bool, float, float]:
    """Do what `add_panel` does, from prepared factors, or return False where that isn't good enough."""
    k = cluster.x.size
    fine, difference = work[0, :k], work[1, :k]
    log_floor = log_background(shape, panel.origin + 0.5 * panel.length)
    log_fine, log_coarse, reached, largest = 0.0, 0.0, 0.0, 0.0
    for q in range(rule.nodes.size):
        weight = 0.5 * panel.share
        if panel.power > 1 and panel.length != 0.0:
            weight *= panel.power * (0.5 * (1.0 + rule.nodes[q])) ** (panel.power - 1)
        p = dot(cluster.w, factors[q * k : (q + 1) * k])
        if p < _NEGLIGIBLE:
            return False, 0.0, 0.0
        log_p, part = cluster.log_scale + peaks[q] + math.log(p), 1.0
        if log_floor > -np.inf:
            log_p, part = mix(log_p, log_floor)
        log_fine += weight * rule.fine[q] * log_p
        log_coarse += weight * rule.coarse[q] * log_p
        largest = max(largest, abs(log_p))
        reached += weight * rule.fine[q] * part
        coefficients[0, q] = weight * rule.fine[q] * part / p
        coefficients[1, q] = weight * (rule.fine[q] - rule.coarse[q]) * part / p
    for j in range(k):
        fine[j] = difference[j] = 0.0
    for q in range(rule.nodes.size):
        row, c, e = factors[q * k : (q + 1) * k], coefficients[0, q], coefficients[1, q]
        for j in range(k):
            fine[j] += c * row[j]
            difference[j] += e * row[j]
    if rule.tolerance > 0.0 and panel.length != 0.0:
        for j in range(k):
            difference[j] = abs(difference[j]) * cluster.w[j]
        if not (
            good(abs(log_fine - log_coarse), panel.share, _ROUNDING * largest, rule.tolerance, shape.code)
            and good(highest(difference), panel.share, _ROUNDING, rule.tolerance, shape.code)
        ):
            return False, 0.0, 0.0
    for j in range(k):
        mean_r[j] += cluster.w[j] * fine[j]
    return True, log_fine, reached


@numba.njit(error_model="numpy", fastmath=MATH)
def _steps(shape: Any, cluster: Any, a: float, b: float, work: Any, mean_slope: Any) -> float:
    """Add h times what a box gains at one end and loses at the other as it moves; return what its growth loses.

    Inside a box nothing changes; at its ends log p steps, from without the box to with it.
    """
    growth = 0.0
    for j in range(cluster.x.size):
        for side in (-1.0, 1.0):
            edge = cluster.x[j] + side * shape.h
            if not a < edge < b:
                continue
            log_floor = log_background(shape, edge)
            scale, s_total, _ = terms(shape, cluster, edge, 0.0, work)
            work[j] = 0.0
            rest = total(work[: cluster.x.size])
            weight = max(s_total - rest, 0.0)
            if log_floor > -np.inf:
                rest += math.exp(log_floor - scale - cluster.log_scale)
            if rest > 0.0:
                step = math.log1p(weight / rest) * shape.h / cluster.width
                mean_slope[j] -= side * step
                growth -= step
    return growth
