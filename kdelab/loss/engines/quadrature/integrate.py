"""Loss and gradients by quadrature, for every kernel: the loop over predictions and panels."""

import math
from typing import NamedTuple

import numba
import numpy as np

from kdelab.loss.arithmetic import HUGE, dot, exp, highest, total
from kdelab.loss.engines.base import Batch
from kdelab.loss.engines.quadrature.cuts import Panels
from kdelab.loss.engines.quadrature.nodes import Nodes
from kdelab.loss.engines.quadrature.panel import (
    DEPTH,
    LEAST,
    ROUNDING,
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
from kdelab.loss.engines.quadrature.terms import Cluster, terms
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.runtime import MATH, compiled
from kdelab.loss.validate import Floats, Integers

# Below this sum over prepared factors, weights may have underflowed: the panel is done again in log space.
_NEGLIGIBLE = 1e-150


class Prepared(NamedTuple):
    """What doesn't depend on the logits: nodes, panels, and, all empty if nothing is kept, kernel values.

    factors[starts[p]:starts[p + 1]], (nodes, k) of panel p: K at nodes over its peak; log peaks, (panels, nodes).
    """

    nodes: Nodes
    panels: Panels
    starts: Integers
    factors: Floats
    peaks: Floats


@compiled
def integrate(
    first: int, stop: int, kernel: Compiled, batch: Batch, prepared: Prepared, logits: Floats, loss: Floats,
    gradient: Floats, by_point: Floats | None, by_bandwidth: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop; what isn't is None, and no code is compiled for it.

    The gradient isn't left out: the test of how well each r_j is integrated is what makes the loss good, too.
    Predictions are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    nodes, panels, ends = prepared.nodes, prepared.panels, batch.offsets
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work = np.empty((10, widest))
    stack, sums = np.empty((DEPTH, 2)), np.empty(5)
    coefficients = np.empty((2, nodes.places.size))
    for i in range(first, stop):
        part = slice(ends[i], ends[i + 1])
        x, a, b = batch.points[part], batch.lower[i], batch.upper[i]
        cluster, z_total = cluster_of(kernel, x, logits[part], a, b, work[7:])
        mean_r, mean_slope = gradient[part], by_point if by_point is None else by_point[part]
        for j in range(mean_r.size):
            mean_r[j] = 0.0
            if by_point is not None:
                by_point[part.start + j] = 0.0
        sums[:] = 0.0
        count = panels.offsets[i + 1] - panels.offsets[i]
        for p in range(panels.offsets[i], panels.offsets[i + 1]):
            length = panels.lengths[p]
            share = abs(length) / cluster.width if cluster.width > 0.0 else 1.0 / count
            panel = Panel(panels.origins[p], length, panels.stretches[p], panels.power, share)
            done = tried = False
            if by_point is None and prepared.starts.size > 0:
                done, tried = _add_prepared(kernel, prepared, p, cluster, panel, coefficients, work, sums, mean_r)
            if not done:
                add_panel(kernel, nodes, cluster, panel, tried, work, stack, sums, mean_r, mean_slope)
        loss[i] = -sums[0]
        if by_point is not None and by_bandwidth is not None:
            known = 1.0 if sums[0] > -np.inf else 0.0  # where the loss is infinite, no step helps
            by_bandwidth[i] = known * sums[2]
            for j in range(part.start, part.stop):
                by_point[j] *= known / kernel.h
        for j in range(mean_r.size):
            mean_r[j] = cluster.w[j] / z_total * sums[1] - mean_r[j]


@numba.njit(error_model="numpy", fastmath=MATH)
def cluster_of(kernel: Compiled, x: Floats, logits: Floats, a: float, b: float, work: Floats) -> tuple[Cluster, float]:
    """Return the prediction's `Cluster` and the sum of its weights. The anchor has the largest z_j - d_j / h."""
    z, w = work[0, : x.size], work[1, : x.size]
    top = highest(logits)
    for j in range(x.size):
        z[j] = max(logits[j] - top, -HUGE)
        w[j] = exp(z[j])
    z_total = total(w)
    best, anchor = -np.inf, 0
    for j in range(x.size):
        value = z[j] - max(max(a - x[j], x[j] - b), 0.0) / kernel.h
        if value > best:
            best, anchor = value, j
    log_scale = kernel.log_constant - math.log(z_total) + math.log1p(-kernel.background)
    return Cluster(x, z, w, anchor, log_scale, b - a), z_total


@compiled
def prepare(first: int, stop: int, kernel: Compiled, batch: Batch, prepared: Prepared) -> None:
    """Fill factors and peaks of `Prepared`.

    The kernel at fixed nodes doesn't depend on the logits, so that an evaluation needs no exponential but for w.
    """
    nodes, panels = prepared.nodes, prepared.panels
    ends = batch.offsets
    for i in range(first, stop):
        k = ends[i + 1] - ends[i]
        work = np.empty((3, k))
        points = batch.points[ends[i] : ends[i + 1]]
        cluster, _ = cluster_of(kernel, points, np.zeros(k), batch.lower[i], batch.upper[i], work)
        for p in range(panels.offsets[i], panels.offsets[i + 1]):
            panel = Panel(panels.origins[p], panels.lengths[p], panels.stretches[p], panels.power, 1.0)
            for q in range(nodes.places.size):
                y = panel.length * progress(panel, 0.5 * (1.0 + nodes.places[q]))[0]
                row = prepared.starts[p] + q * k
                out = prepared.factors[row : row + k]
                prepared.peaks[p, q] = terms(kernel, cluster, panel.origin, y, out)[0]


@numba.njit(error_model="numpy", fastmath=MATH)
def _add_prepared(
    kernel: Compiled, prepared: Prepared, p: int, cluster: Cluster, panel: Panel, coefficients: Floats, work: Floats,
    sums: Floats, mean_r: Floats,
) -> tuple[bool, bool]:  # fmt: skip
    """Do what `add_panel` does, from prepared factors; return whether that could be done, and whether it was tried."""
    nodes, factors, peaks = prepared.nodes, prepared.factors[prepared.starts[p] :], prepared.peaks[p]
    k, adaptive = cluster.x.size, nodes.tolerance > 0.0 and panel.length != 0.0
    fine, difference = work[0, :k], work[1, :k]
    log_floor = log_background_over(kernel, panel)
    log_fine, log_coarse, reached, largest = 0.0, 0.0, 0.0, 1.0
    for q in range(nodes.places.size):
        done, pace = 0.0, 1.0
        if panel.length != 0.0 and (panel.stretch > 0.0 or panel.power != 1.0 or not adaptive):
            done, pace = progress(panel, 0.5 * (1.0 + nodes.places[q]))
        weight = 0.5 * panel.share * pace
        s_total = dot(cluster.w, factors[q * k : (q + 1) * k])
        if s_total < _NEGLIGIBLE:
            return False, False
        log_p, part = cluster.log_scale + peaks[q] + math.log(s_total), 1.0
        if not adaptive and kernel.background > 0.0:
            log_floor = log_background(kernel, panel.origin + panel.length * done)
        if log_floor > -np.inf:
            log_p, part = mix(log_p, log_floor)
        log_fine += weight * nodes.fine[q] * log_p
        log_coarse += weight * nodes.coarse[q] * log_p
        largest = max(largest, abs(log_p))
        reached += weight * nodes.fine[q] * part
        coefficients[0, q] = weight * nodes.fine[q] * part / s_total
        coefficients[1, q] = weight * (nodes.fine[q] - nodes.coarse[q]) * part / s_total
    for j in range(k):
        fine[j] = difference[j] = 0.0
    for q in range(nodes.places.size):
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
            narrowed(abs(log_fine - log_coarse), panel.share), panel.share, LEAST, rounding * largest, nodes.tolerance
        )
        if not (within and good(math.sqrt(highest(difference)), panel.share, LEAST, rounding, nodes.tolerance)):
            return False, True
    for j in range(k):
        mean_r[j] += cluster.w[j] * fine[j]
    sums[0] += log_fine
    sums[1] += reached
    return True, True
