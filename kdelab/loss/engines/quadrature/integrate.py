"""Loss and gradients by quadrature, for every kernel: the loop over predictions and panels."""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.engines.arithmetic import HUGE, dot, exp, highest, total
from kdelab.loss.engines.quadrature.panel import (
    DEPTH,
    LEAST,
    ROUNDING,
    Cluster,
    Panel,
    add_panel,
    good,
    log_background,
    log_background_over,
    mix,
    narrowed,
    narrowed_square,
    progress,
)
from kdelab.loss.engines.quadrature.terms import terms
from kdelab.loss.engines.runtime import MATH, compiled

# Below this sum over prepared factors, weights may have underflowed: the panel is done again in log space.
_NEGLIGIBLE = 1e-150


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
    panels : see `panels.Layout`
    prepared : (starts, factors, log peaks), see `prepare`; all empty if there are none
    """
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((10, widest))
    stack, sums = np.empty((DEPTH, 2)), np.empty(5)
    coefficients = np.empty((2, rule.nodes.size))
    for i in range(first, stop):
        part = slice(ends[i], ends[i + 1])
        cluster, z_total = _cluster(shape, x[part], logits[part], lower[i], upper[i], work[7:])
        mean_r, mean_slope = gradient[part], by_point[part]
        for j in range(mean_r.size):
            mean_r[j] = 0.0
        for j in range(mean_slope.size):
            mean_slope[j] = 0.0
        sums[:] = 0.0
        for p in range(panels[0][i], panels[0][i + 1]):
            share = (
                abs(panels[2][p]) / cluster.width if cluster.width > 0.0 else 1.0 / (panels[0][i + 1] - panels[0][i])
            )
            panel = Panel(panels[1][p], panels[2][p], panels[3][p], panels[4], share)
            done = tried = False
            if prepared[0].size > 0 and mean_slope.size == 0:
                done, tried = _add_prepared(
                    shape, rule, cluster, panel, prepared[1][prepared[0][p] : prepared[0][p + 1]], prepared[2][p],
                    coefficients, work, sums, mean_r,
                )  # fmt: skip
            if not done:
                add_panel(shape, rule, cluster, panel, tried, work, stack, sums, mean_r, mean_slope)
        loss[i], reached = -sums[0], sums[1]
        if mean_slope.size > 0:
            by_bandwidth[i] = sums[2]
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
        z[j] = max(logits[j] - top, -HUGE)
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
            panel = Panel(panels[1][p], panels[2][p], panels[3][p], panels[4], 1.0)
            for q in range(rule.nodes.size):
                y = panels[2][p] * progress(panel, 0.5 * (1.0 + rule.nodes[q]))[0]
                row = starts[p] + q * k
                peaks[p, q] = terms(shape, cluster, panel.origin, y, factors[row : row + k])[0]


@numba.njit(error_model="numpy", fastmath=MATH)
def _add_prepared(
    shape: Any, rule: Any, cluster: Any, panel: Any, factors: Any, peaks: Any, coefficients: Any, work: Any, sums: Any,
    mean_r: Any,
) -> tuple[bool, bool]:  # fmt: skip
    """Do what `add_panel` does, from prepared factors; return whether that could be done, and whether it was tried."""
    k, adaptive = cluster.x.size, rule.tolerance > 0.0 and panel.length != 0.0
    fine, difference = work[0, :k], work[1, :k]
    log_floor = log_background_over(shape, panel)
    log_fine, log_coarse, reached, largest = 0.0, 0.0, 0.0, 1.0
    for q in range(rule.nodes.size):
        done, pace = 0.0, 1.0
        if panel.length != 0.0 and (panel.stretch > 0.0 or panel.power != 1.0 or not adaptive):
            done, pace = progress(panel, 0.5 * (1.0 + rule.nodes[q]))
        weight = 0.5 * panel.share * pace
        p = dot(cluster.w, factors[q * k : (q + 1) * k])
        if p < _NEGLIGIBLE:
            return False, False
        log_p, part = cluster.log_scale + peaks[q] + math.log(p), 1.0
        if not adaptive and shape.background > 0.0:
            log_floor = log_background(shape, panel.origin + panel.length * done)
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
    if adaptive:
        for j in range(k):
            part = fine[j] * cluster.w[j]
            difference[j] = narrowed_square(abs(difference[j]) * cluster.w[j], min(part, reached - part))
        rounding = ROUNDING * panel.share
        within = good(
            narrowed(abs(log_fine - log_coarse), panel.share), panel.share, LEAST, rounding * largest, rule.tolerance
        )
        if not (within and good(math.sqrt(highest(difference)), panel.share, LEAST, rounding, rule.tolerance)):
            return False, True
    for j in range(k):
        mean_r[j] += cluster.w[j] * fine[j]
    sums[0] += log_fine
    sums[1] += reached
    return True, True
