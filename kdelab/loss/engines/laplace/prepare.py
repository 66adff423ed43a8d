"""The part of the bin-free Laplace loss that doesn't depend on the logits: kernel factors, order and segments."""

from typing import NamedTuple

import numba
import numpy as np

from kdelab.loss.arithmetic import exp, exp_parts, two_sum
from kdelab.loss.engines.base import Batch
from kdelab.loss.runtime import MATH, compiled
from kdelab.loss.validate import Floats, Indices, Integers

_NOWHERE = 1.7e308
_TILE = 64  # predictions


class Prepared(NamedTuple):
    """What doesn't depend on the logits.

    Of every point K, (total,); of every prediction where its segments start, (n + 1,), and how far its nearest point
    is, in bandwidths, (n,); of every segment the point that ends it, order, and d, E and F, (segments,) each.
    """

    starts: Integers
    K: Floats
    nearest: Floats
    order: Indices
    d: Floats
    E: Floats
    F: Floats


@compiled
def count_inside(first: int, stop: int, batch: Batch, counts: Integers) -> None:
    """Fill counts (n,): how many points lie inside each target, for predictions first to stop."""
    x, ends, lower, upper = batch
    for i in range(first, stop):
        inside = 0
        for j in range(ends[i], ends[i + 1]):
            inside += (x[j] > lower[i]) & (x[j] < upper[i])
        counts[i] = inside


@compiled
def prepare(first: int, stop: int, batch: Batch, h: float, prepared: Prepared) -> None:
    """Fill `Prepared`: K and nearest, and for all segments the point that ends each, d, E and F = 1 - E.

    Prediction i has its segments at starts[i] and after; the last one ends with the target, at no point. A tile at a
    time, so that exponentials run over long arrays.
    """
    x, ends, lower, upper = batch
    starts, K, nearest, order, d, E, F = prepared
    widest = 1
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    places, names, ranks = np.empty(widest), np.empty(widest, np.int32), np.empty(widest, np.int64)
    while first < stop:
        last = min(first + _TILE, stop)
        for i in range(first, last):
            points, mine = x[ends[i] : ends[i + 1]], slice(starts[i], starts[i + 1])
            inside = _select_inside(points, lower[i], upper[i], places, names)
            nearest[i] = log_factors(points, lower[i], upper[i], h, inside, K[ends[i] : ends[i + 1]])
            _sort(places[:inside], names[:inside], ranks, order[mine])
            _gaps(points, lower[i], upper[i], h, order[mine], d[mine])
        _exponentials(K[ends[first] : ends[last]])
        for i in range(first, last):
            _signs(x[ends[i] : ends[i + 1]], lower[i], upper[i], K[ends[i] : ends[i + 1]])
        tile = slice(starts[first], starts[last])
        _decays(d[tile], E[tile], F[tile])
        first = last


@numba.njit(error_model="numpy", fastmath=MATH)
def log_factors(x: Floats, a: float, b: float, h: float, inside: int, log_K: Floats) -> float:
    """Fill log K_j = -(d_j - nearest) / h, 0 inside the target; return nearest / h, the least distance to the target.

    With nothing inside, what counts is the difference of the two sides' distances: far away on both sides it is much
    smaller than either, so it is formed with its rounding errors.
    """
    x_left, x_right = _nearest_outside(x, a, b)
    shift_left, shift_right, nearest = -(a - x_left), -(x_right - b), 0.0
    if inside == 0:
        has_left, has_right = x_left > -_NOWHERE, x_right < _NOWHERE
        shift_left = shift_right = 0.0
        nearest = min(a - x_left if has_left else np.inf, x_right - b if has_right else np.inf)
        if has_left and has_right:
            d_left, error_left = two_sum(a, -x_left)
            d_right, error_right = two_sum(x_right, -b)
            difference = (d_left - d_right) + (error_left - error_right)
            shift_left, shift_right = min(-difference, 0.0), min(difference, 0.0)
    for j in range(x.size):
        left, right = (x[j] - x_left) + shift_left, (x_right - x[j]) + shift_right
        log_K[j] = (left if x[j] <= a else right if x[j] >= b else 0.0) / h
    return nearest / h


@numba.njit(fastmath=True, error_model="numpy")
def _nearest_outside(x: Floats, a: float, b: float) -> tuple[float, float]:
    """Return the nearest points left (x <= a) and right (x >= b, x > a) of the target; +-1.7e308 for none."""
    x_left, x_right = -_NOWHERE, _NOWHERE
    for j in range(x.size):
        x_left = max(x_left, x[j] if x[j] <= a else -_NOWHERE)
    for j in range(x.size):
        x_right = min(x_right, _NOWHERE if (x[j] < b) | (x[j] <= a) else x[j])
    return x_left, x_right


@numba.njit(error_model="numpy", fastmath=MATH)
def _select_inside(x: Floats, a: float, b: float, places: Floats, names: Indices) -> int:
    """Fill places and names with the points inside the target and their numbers; return how many there are.

    Every point is written, and kept where it counts: a branch would be mispredicted half the time.
    """
    inside = 0
    for j in range(x.size):
        places[inside], names[inside] = x[j], j
        inside += (x[j] > a) & (x[j] < b)
    return inside


@numba.njit(error_model="numpy", fastmath=MATH)
def _sort(values: Floats, names: Indices, ranks: Indices, out: Floats) -> None:
    """Fill ``out`` with the names in the order of their values. Ties keep their order."""
    m = values.size
    if m > 256:
        turn = np.argsort(values, kind="mergesort")
        for i in range(m):
            out[i] = names[turn[i]]
        return
    # Everyone's rank is the number of smaller values: m^2 comparisons, but many at a time.
    for i in range(m):
        ranks[i] = 0
        out[i] = -1
    for j in range(m):
        for i in range(m):
            ranks[i] += values[i] > values[j]
    for i in range(m):
        rank = ranks[i]
        while out[rank] >= 0:
            rank += 1
        out[rank] = names[i]


@numba.njit(error_model="numpy", fastmath=MATH)
def _gaps(x: Floats, a: float, b: float, h: float, order: Indices, d: Floats) -> None:
    """Fill the lengths of the segments, in bandwidths."""
    previous, m = a, d.size - 1
    for s in range(m):
        place = x[order[s]]
        d[s] = (place - previous) / h
        previous = place
    order[m] = -1
    d[m] = (b - previous) / h


@numba.njit(error_model="numpy", fastmath=MATH)
def _exponentials(values: Floats) -> None:
    """Replace values <= 0 by their exponentials."""
    for j in range(values.size):
        values[j] = exp(values[j])


@numba.njit(error_model="numpy", fastmath=MATH)
def _signs(x: Floats, a: float, b: float, K: Floats) -> None:
    """Make K negative right of the target, and 0 inside it."""
    for j in range(x.size):
        K[j] = K[j] if x[j] <= a else -K[j] if x[j] >= b else 0.0


@numba.njit(error_model="numpy", fastmath=MATH)
def _decays(d: Floats, E: Floats, F: Floats) -> None:
    """Fill E = e^-d and F = 1 - E, each to its last digit."""
    for s in range(d.size):
        power, rest = exp_parts(-d[s])
        E[s], F[s] = power + rest, (1.0 - power) - rest
