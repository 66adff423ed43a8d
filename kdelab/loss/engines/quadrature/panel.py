"""One panel of a target, integrated adaptively in log space."""

import math
from typing import NamedTuple

import numba
import numpy as np

from kdelab.loss.arithmetic import absolute, highest, total
from kdelab.loss.engines.quadrature.nodes import Nodes
from kdelab.loss.engines.quadrature.terms import Cluster, slopes, terms
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.runtime import MATH, inlined
from kdelab.loss.validate import Floats

# A panel is halved no further than 2^-48 of its parameter: by then a logarithmic singularity at its end is integrated
# to the last digit, and nothing can keep the loop from ending.
_FINEST = 2.0**-48
ROUNDING = 8 * 2.0**-52
# The part of the whole tolerance that a panel may spend, however little it adds.
LEAST = 0.01
# Slopes change within a small part of a panel: there the two rules' difference tells less of the finer one's error.
_CAUTION = 10.0
DEPTH = 64


class Panel(NamedTuple):
    """From its origin o to o + length, over s from 0 to 1; ``share`` is its part of the target.

    x = o + length s^power; where stretch T > 0, x = o + length (sinh(T s) / sinh(T))^power.
    """

    origin: float
    length: float
    stretch: float
    power: float
    share: float


class Piece(NamedTuple):
    """A part of a panel, from s0 to s1 of its parameter, as its nodes saw it.

    By how much the two rules differ on the mean of log p and on that of growth; the mean of R; the largest abs(log p),
    at least 1, and from its least to its most; and the two sizes of `add_panel`.
    """

    s0: float
    s1: float
    log_apart: float
    reached: float
    largest: float
    rise: float
    growth_apart: float
    steepness: float
    leverage: float


@numba.njit(error_model="numpy", fastmath=MATH)
def log_background(kernel: Compiled, place: float) -> float:
    """Return the logarithm of what the background contributes at a place."""
    return math.log(kernel.background / 2) if kernel.background > 0.0 and abs(place) <= 1.0 else -np.inf


@numba.njit(error_model="numpy", fastmath=MATH)
def log_background_over(kernel: Compiled, panel: Panel) -> float:
    """Return the same for a panel that reaches across no end of the background, but may begin at one."""
    outward = abs(panel.origin) == 1.0 and panel.origin * panel.length > 0.0
    return -np.inf if outward else log_background(kernel, panel.origin)


@numba.njit(error_model="numpy", fastmath=MATH)
def mix(log_p: float, log_floor: float) -> tuple[float, float]:
    """Return log(p + floor) and the share of p in it."""
    larger, smaller = max(log_p, log_floor), min(log_p, log_floor)
    mixed = larger + math.log1p(math.exp(smaller - larger))
    return mixed, math.exp(log_p - mixed)


@numba.njit(error_model="numpy", fastmath=MATH)
def progress(panel: Panel, s: float) -> tuple[float, float]:
    """Return how much of a panel lies behind its parameter s, and the derivative of that."""
    pace = 1.0
    if panel.stretch > 0.0:
        whole = math.sinh(panel.stretch)
        pace = panel.stretch * math.cosh(panel.stretch * s) / whole
        s = math.sinh(panel.stretch * s) / whole
    if panel.power == 1.0:
        return s, pace
    return s**panel.power, pace * panel.power * s ** (panel.power - 1.0)


@numba.njit(error_model="numpy", fastmath=MATH)
def add_panel(
    kernel: Compiled, nodes: Nodes, cluster: Cluster, panel: Panel, halved: bool, work: Floats, stack: Floats,
    sums: Floats, mean_r: Floats, mean_slope: Floats | None,
) -> None:  # fmt: skip
    """Add what the panel adds to the means over the target to ``sums``: log p, R = sum_j r_j, growth, and two sizes.

    Adds r_j to mean_r, and, unless it is None, r_j s_j to mean_slope, s_j = (log K)'(u_j) sign(x - x_j). Growth is
    the sum of r_j (1 + u_j (log K)'(u_j)), -d log p / d log h. The sizes are the sums of abs(r_j s_j) and of
    abs(u_j r_j s_j). The first number is -inf where p is 0. ``halved`` says that the whole panel has been tried before.
    """
    k = cluster.x.size
    adaptive = nodes.tolerance > 0.0 and panel.length != 0.0
    r, fine, coarse, steep, fine_slope, coarse_slope, levers = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    )  # fmt: skip
    log_floor = log_background_over(kernel, panel)
    stack[0, 0], stack[0, 1], height = 0.0, 1.0, 1
    if halved:
        stack[0, 1], stack[1, 0], stack[1, 1], height = 0.5, 0.5, 1.0, 2
    while height > 0:
        height -= 1
        s0, s1 = stack[height, 0], stack[height, 1]
        half = 0.5 * (s1 - s0)
        log_fine, log_coarse, reached, largest = 0.0, 0.0, 0.0, 1.0
        highest_log, lowest_log = -np.inf, np.inf
        growth, coarse_growth, steepness, leverage = 0.0, 0.0, 0.0, 0.0
        for j in range(k):
            fine[j] = coarse[j] = fine_slope[j] = coarse_slope[j] = 0.0
        for q in range(nodes.places.size):
            done, pace = progress(panel, s0 + half * (1.0 + nodes.places[q])) if panel.length != 0.0 else (0.0, 1.0)
            weight, weight_coarse = (
                half * panel.share * pace * nodes.fine[q],
                half * panel.share * pace * nodes.coarse[q],
            )
            if weight == 0.0:
                continue
            y = panel.length * done
            scale, s_total = terms(kernel, cluster, panel.origin, y, r)
            if not adaptive:
                log_floor = log_background(kernel, panel.origin + y)
            log_p, part = cluster.log_scale + scale + math.log(s_total) if s_total > 0.0 else -np.inf, 1.0
            if log_floor > -np.inf:
                log_p, part = mix(log_p, log_floor)
            log_fine += weight * log_p
            log_coarse += weight_coarse * log_p
            if log_p == -np.inf:
                continue
            largest = max(largest, abs(log_p))
            highest_log, lowest_log = max(highest_log, log_p), min(lowest_log, log_p)
            reached += weight * part
            if mean_slope is not None:
                middle = 0.5 * panel.length if adaptive else y
                slopes(kernel, cluster, panel.origin, y, middle, scale, r, steep)
                ratio = part / s_total if s_total > 0.0 else math.exp(cluster.log_scale + scale - log_p)
                for j in range(k):
                    steep[j] *= ratio
                    levers[j] = (panel.origin - cluster.x[j] + y) / kernel.h * steep[j]
                    fine_slope[j] += weight * steep[j]
                    coarse_slope[j] += weight_coarse * steep[j]
                pull = part + total(levers[:k])
                growth += weight * pull
                coarse_growth += weight_coarse * pull
                steepness += weight * absolute(steep[:k])
                leverage += weight * absolute(levers[:k])
            if s_total > 0.0:
                weight *= part / s_total
                weight_coarse *= part / s_total
                for j in range(k):
                    fine[j] += weight * r[j]
                    coarse[j] += weight_coarse * r[j]
        piece = Piece(
            s0, s1, log_fine - log_coarse, reached, largest, highest_log - lowest_log, growth - coarse_growth,
            steepness, leverage,
        )  # fmt: skip
        if adaptive and log_fine == -np.inf and (highest_log == -np.inf or s1 - s0 <= _FINEST):
            # Cuts leave p at 0 on all of a panel, or on none but where rounding puts a node beyond an end.
            sums[0] = -np.inf if s1 - s0 == 1.0 else sums[0]
            continue
        fits = (
            not adaptive
            or s1 - s0 <= _FINEST
            or (log_fine > -np.inf and _fits(kernel, nodes, panel, piece, k, mean_slope, work, sums))
        )
        if not fits:
            stack[height, 0], stack[height, 1] = s0, s0 + half
            stack[height + 1, 0], stack[height + 1, 1] = s0 + half, s1
            height += 2
            continue
        sums[0] += log_fine
        sums[1] += reached
        sums[2] += growth
        sums[3] += steepness
        sums[4] += leverage
        for j in range(k):
            mean_r[j] += fine[j]
        if mean_slope is not None:
            for j in range(k):
                mean_slope[j] += fine_slope[j]


@numba.njit(error_model="numpy", fastmath=MATH)
def _fits(
    kernel: Compiled, nodes: Nodes, panel: Panel, piece: Piece, k: int, mean_slope: Floats | None, work: Floats,
    sums: Floats,
) -> bool:  # fmt: skip
    """Tell whether both rules agree as well as the tolerance, or rounding, allows: on log p, each r_j, and slopes."""
    fine, coarse, fine_slope, coarse_slope = work[1], work[2], work[4], work[5]
    behind = panel.share * progress(panel, piece.s1)[0]
    span = behind - panel.share * progress(panel, piece.s0)[0]
    # Nodes are rounded, too, as far as they lie behind the origin, and by more where they are stretched.
    rounding = ROUNDING * (1.0 + panel.stretch * panel.power)
    noise = ROUNDING * (1.0 + kernel.shape) * piece.largest * span + rounding * behind * piece.rise
    if not good(narrowed(abs(piece.log_apart), span), span, LEAST, noise, nodes.tolerance):
        return False
    for j in range(k):
        coarse[j] = narrowed_square(abs(coarse[j] - fine[j]), min(fine[j], piece.reached - fine[j]))
    if not good(math.sqrt(highest(coarse[:k])), span, LEAST, rounding * behind, nodes.tolerance):
        return False
    if mean_slope is None:
        return True
    for j in range(k):
        coarse[j] = abs(coarse_slope[j] - fine_slope[j])
    error, noise = _CAUTION * narrowed(highest(coarse[:k]), piece.steepness), rounding * behind / span
    fit = good(error, piece.steepness, LEAST * sums[3], noise * piece.steepness, nodes.tolerance)
    size = span + piece.leverage
    error = _CAUTION * narrowed(abs(piece.growth_apart), size)
    return fit and good(error, size, LEAST * (1.0 + sums[4]), noise * size, nodes.tolerance)


@numba.njit(error_model="numpy", fastmath=MATH)
def narrowed(difference: float, amount: float) -> float:
    """Return by how much the fine rule errs in an ``amount`` in which the coarse rule errs by ``difference``.

    It has 1.6 times the degree, so that its error is a power 1.5 of the other's, wherever they see what they integrate.
    """
    return difference * min(1.0, 30.0 * math.sqrt(difference / amount)) if amount > 0.0 else difference


@inlined
def narrowed_square(difference: float, amount: float) -> float:
    """Return the square of that, without a root."""
    square = difference * difference
    return square * min(1.0, 900.0 * difference / max(amount, 1e-200))


@numba.njit(error_model="numpy", fastmath=MATH)
def good(error: float, amount: float, least: float, rounding: float, tolerance: float) -> bool:
    """Tell whether a panel that adds ``amount`` to what is integrated is integrated well enough.

    It may err by its amount's share of the tolerance, or as if it added ``least``, or by its rounding.
    """
    return error <= max(tolerance * max(amount, least), rounding)
