"""One panel of a target, integrated adaptively in log space."""

import math
from typing import Any, NamedTuple

import numba
import numpy as np

from kdelab.loss.engine.compiled import MATH, highest
from kdelab.loss.engine.nodes import BOX, slopes, terms
from kdelab.loss.validate import Floats

# A panel is halved no further than 2^-48 of its parameter: by then a logarithmic singularity at its end is integrated
# to the last digit, and nothing can keep the loop from ending.
_FINEST = 2.0**-48
_ROUNDING = 8 * 2.0**-52
DEPTH = 64


class Shape(NamedTuple):
    """A kernel, in numbers that compiled code can use: see `nodes.code_of`."""

    code: int
    beta: float
    log_constant: float
    h: float
    background: float


class Rule(NamedTuple):
    """Nodes on [-1, 1], weights, weights of the nested rule, and the error allowed; 0 applies the rule just once."""

    nodes: Floats
    fine: Floats
    coarse: Floats
    tolerance: float


class Cluster(NamedTuple):
    """One prediction: points, logits less their maximum, weights exp(z), and log p = log_scale + log of the terms."""

    x: Floats
    z: Floats
    w: Floats
    anchor: int
    log_scale: float
    width: float


class Panel(NamedTuple):
    """From its origin o to o + length, over s with x = o + length s^power; ``share`` is its part of the target."""

    origin: float
    length: float
    power: int
    share: float


@numba.njit(error_model="numpy", fastmath=MATH)
def log_background(shape: Any, place: float) -> float:
    """Return the logarithm of what the background contributes at a place."""
    return math.log(shape.background / 2) if shape.background > 0.0 and abs(place) <= 1.0 else -np.inf


@numba.njit(error_model="numpy", fastmath=MATH)
def mix(log_p: float, log_floor: float) -> tuple[float, float]:
    """Return log(p + floor) and the share of p in it."""
    larger, smaller = max(log_p, log_floor), min(log_p, log_floor)
    mixed = larger + math.log1p(math.exp(smaller - larger))
    return mixed, math.exp(log_p - mixed)


@numba.njit(error_model="numpy", fastmath=MATH)
def add_panel(
    shape: Any, rule: Any, cluster: Any, panel: Any, work: Any, stack: Any, mean_r: Any, mean_slope: Any
) -> tuple[float, float, float]:
    """Return what the panel adds to the means over the target: log p, R = sum_j r_j, and its growth.

    Adds r_j to mean_r, and, where it isn't empty, r_j (log K)'(u_j) sign(x - x_j) to mean_slope. Growth is the sum of
    r_j (1 + u_j (log K)'(u_j)), -d log p / d log h. The first number is -inf where p is 0.
    """
    k = cluster.x.size
    log_floor = log_background(shape, panel.origin + 0.5 * panel.length)
    adaptive = rule.tolerance > 0.0 and panel.length != 0.0
    r, fine, coarse, steep, fine_slope, coarse_slope = work[0], work[1], work[2], work[3], work[4], work[5]
    want_slopes = mean_slope.size > 0
    if shape.code >= BOX and adaptive and log_floor == -np.inf:
        middle = terms(shape, cluster, panel.origin, 0.5 * panel.length, r)
        if middle[1] == 0.0:
            return -np.inf, 0.0, 0.0
    sum_log, sum_reached, sum_growth = 0.0, 0.0, 0.0
    stack[0, 0], stack[0, 1], height = 0.0, 1.0, 1
    while height > 0:
        height -= 1
        s0, s1 = stack[height, 0], stack[height, 1]
        half = 0.5 * (s1 - s0)
        log_fine, log_coarse, reached, growth, largest, rounded = 0.0, 0.0, 0.0, 0.0, 0.0, 1.0
        for j in range(k):
            fine[j] = coarse[j] = fine_slope[j] = coarse_slope[j] = 0.0
        log_p = cluster.log_scale - 36.0
        for q in range(rule.nodes.size):
            s = s0 + half * (1.0 + rule.nodes[q])
            stretch = half * panel.share
            if panel.length == 0.0:
                s = 0.0
            elif panel.power > 1:
                stretch *= panel.power * s ** (panel.power - 1)
            weight, weight_coarse = stretch * rule.fine[q], stretch * rule.coarse[q]
            if weight == 0.0:
                continue
            y = panel.length * s**panel.power
            scale, s_total, size = terms(shape, cluster, panel.origin, y, r)
            part = 1.0
            if s_total > 0.0:
                log_p = cluster.log_scale + scale + math.log(s_total)
            elif log_floor == -np.inf and not adaptive:
                sum_log = -np.inf
                continue
            # Else a covered panel: this node lies within rounding of its end, and its neighbour speaks for it.
            if log_floor > -np.inf:
                if s_total > 0.0:
                    log_p, part = mix(log_p, log_floor)
                else:
                    log_p, part = log_floor, 0.0
            log_fine += weight * log_p
            log_coarse += weight_coarse * log_p
            largest, rounded = max(largest, abs(log_p)), max(rounded, size)
            if s_total > 0.0:
                reached += weight * part
                weight *= part / s_total
                weight_coarse *= part / s_total
                for j in range(k):
                    fine[j] += weight * r[j]
                    coarse[j] += weight_coarse * r[j]
                if want_slopes:
                    slopes(shape, cluster.x, panel.origin, y, r, steep)
                    for j in range(k):
                        fine_slope[j] += weight * steep[j]
                        coarse_slope[j] += weight_coarse * steep[j]
                        growth += weight * (r[j] + (panel.origin - cluster.x[j] + y) / shape.h * steep[j])
        if adaptive and s1 - s0 > _FINEST:
            span = panel.share * (s1**panel.power - s0**panel.power)
            for j in range(k):
                coarse[j] = abs(coarse[j] - fine[j])
            worst = highest(coarse[:k])
            if want_slopes:
                steepest = span
                for j in range(k):
                    steepest = max(steepest, abs(fine_slope[j]))
                for j in range(k):
                    worst = max(worst, abs(coarse_slope[j] - fine_slope[j]) * (span / steepest))
            if not (
                good(abs(log_fine - log_coarse), span, _ROUNDING * largest, rule.tolerance, shape.code)
                and good(worst, span, _ROUNDING * rounded, rule.tolerance, shape.code)
            ):
                stack[height, 0], stack[height, 1] = s0, s0 + half
                stack[height + 1, 0], stack[height + 1, 1] = s0 + half, s1
                height += 2
                continue
        sum_log += log_fine
        sum_reached += reached
        sum_growth += growth
        for j in range(k):
            mean_r[j] += fine[j]
        for j in range(mean_slope.size):
            mean_slope[j] += fine_slope[j]
    return sum_log, sum_reached, sum_growth


@numba.njit(error_model="numpy", fastmath=MATH)
def good(difference: float, span: float, rounding: float, tolerance: float, code: int) -> bool:
    """Tell whether a panel that covers ``span`` of the target is integrated well enough.

    The coarse rule errs by ``difference``. Where the integrand is analytic, the fine rule, of 1.6 times the degree,
    errs by its power 1.5 at most; a compact kernel's log p can have a singular end, where it doesn't. A panel may
    spend its span's share of the tolerance, or a hundredth of it in any case.
    """
    error = difference if code > BOX else difference * min(1.0, 30.0 * math.sqrt(difference / span))
    return error <= max(tolerance * max(span, 0.01), rounding * span)
