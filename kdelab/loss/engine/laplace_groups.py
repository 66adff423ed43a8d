"""The part of the bin-free Laplace loss that doesn't depend on the logits: groups, factors and segments."""

from typing import Any

import numba
import numpy as np
from numba import prange

from kdelab.loss.engine.compiled import MATH, compiled, exp, exp_parts, highest, lowest


@compiled(parallel=True)
def count_inside(x: Any, ends: Any, lower: Any, upper: Any, counts: Any) -> None:
    """Fill counts (n,): how many points lie inside each target."""
    for i in prange(lower.size):
        inside = 0
        for j in range(ends[i], ends[i + 1]):
            inside += (x[j] > lower[i]) & (x[j] < upper[i])
        counts[i] = inside


@compiled(parallel=True)
def prepare(
    blocks: int, x: Any, ends: Any, lower: Any, upper: Any, h: float,
    starts: Any, groups: Any, order: Any, K: Any, nearest: Any, segments: Any,
) -> None:  # fmt: skip
    """Fill groups (n, 2), order (total,), K (total,), nearest (n,) and segments, the rows d, E and F = 1 - E.

    Prediction i has its segments at starts[i] and after.
    """
    for block in prange(blocks):
        first, last = block * lower.size // blocks, (block + 1) * lower.size // blocks
        widest = 1
        for i in range(first, last):
            widest = max(widest, ends[i + 1] - ends[i])
        grouped, spare, spare_order = np.empty(widest), np.empty(widest), np.empty((2, widest), dtype=np.int32)
        for i in range(first, last):
            a, b, k = lower[i], upper[i], ends[i + 1] - ends[i]
            part = slice(ends[i], ends[i + 1])
            left, inside = _group(x[part], a, b, order[part], grouped, spare, spare_order)
            groups[i, 0], groups[i, 1] = left, inside
            nearest[i] = log_factors(grouped[:k], left, inside, a, b, h, K[part])
            d, previous = segments[0, starts[i] : starts[i + 1]], a
            for s in range(inside):
                d[s] = (grouped[left + s] - previous) / h
                previous = grouped[left + s]
            d[inside] = (b - previous) / h
        _exponentials(K[ends[first] : ends[last]])
        mine = slice(starts[first], starts[last])
        _decays(segments[0, mine], segments[1, mine], segments[2, mine])


@numba.njit(error_model="numpy", fastmath=MATH)
def _exponentials(values: Any) -> None:
    """Replace values <= 0 by their exponentials."""
    for j in range(values.size):
        values[j] = exp(values[j])


@numba.njit(error_model="numpy", fastmath=MATH)
def _decays(d: Any, E: Any, F: Any) -> None:
    """Fill E = e^-d and F = 1 - E, each to its last digit."""
    for s in range(d.size):
        power, rest = exp_parts(-d[s])
        E[s], F[s] = power + rest, (1.0 - power) - rest


@numba.njit(error_model="numpy", fastmath=MATH)
def _group(x: Any, a: float, b: float, order: Any, grouped: Any, spare: Any, spare_order: Any) -> tuple[int, int]:
    """Fill order and grouped = x[order]: left of the target, inside, sorted, and right. Return the first two's sizes.

    Every index is written to all three lists, and kept where it counts: a branch would be mispredicted half the time.
    """
    k = x.size
    within, beyond = spare_order[0], spare_order[1]
    left = inside = right = 0
    for j in range(k):
        order[left] = within[inside] = beyond[right] = j
        is_left = x[j] <= a
        is_right = (x[j] >= b) & (x[j] > a)
        left += is_left
        right += is_right
        inside += 1 - is_left - is_right
    for j in range(inside):
        spare[j] = x[within[j]]
    _sort(spare[:inside], within[:inside], order[left : left + inside])
    for j in range(right):
        order[left + inside + j] = beyond[j]
    for j in range(k):
        grouped[j] = x[order[j]]
    return left, inside


@numba.njit(error_model="numpy", fastmath=MATH)
def _sort(values: Any, names: Any, out: Any) -> None:
    """Fill ``out`` with the names in the order of their values. Ties keep their order."""
    m = values.size
    if m <= 256:
        # Everyone's rank is the number of those before it: m^2 comparisons, but many at a time.
        for i in range(m):
            rank = 0
            for j in range(i):
                rank += values[j] <= values[i]
            for j in range(i + 1, m):
                rank += values[j] < values[i]
            out[rank] = names[i]
        return
    turn = np.argsort(values, kind="mergesort")
    for i in range(m):
        out[i] = names[turn[i]]


@numba.njit(error_model="numpy", fastmath=MATH)
def log_factors(grouped: Any, left: int, inside: int, a: float, b: float, h: float, log_K: Any) -> float:
    """Fill log K_j = -(d_j - nearest) / h of grouped points; return nearest / h, the least distance to the target.

    With nothing inside, what counts is the difference of the two sides' distances: far away on both sides it is much
    smaller than either, so it is formed with its rounding errors.
    """
    right, k = left + inside, grouped.size
    x_left, x_right = highest(grouped[:left]), lowest(grouped[right:])
    shift_left, shift_right, nearest = -(a - x_left), -(x_right - b), 0.0
    if inside == 0:
        shift_left = shift_right = 0.0
        nearest = min(a - x_left if left > 0 else np.inf, x_right - b if right < k else np.inf)
        if left > 0 and right < k:
            d_left, error_left = _two_diff(a, x_left)
            d_right, error_right = _two_diff(x_right, b)
            difference = (d_left - d_right) + (error_left - error_right)
            shift_left, shift_right = min(-difference, 0.0), min(difference, 0.0)
    for j in range(left):
        log_K[j] = ((grouped[j] - x_left) + shift_left) / h
    for j in range(left, right):
        log_K[j] = 0.0
    for j in range(right, k):
        log_K[j] = ((x_right - grouped[j]) + shift_right) / h
    return nearest / h


@numba.njit(error_model="numpy")
def _two_diff(a: float, b: float) -> tuple[float, float]:
    """Return a - b and its rounding error (Knuth)."""
    s = a - b
    back = s - a
    return s, (a - (s - back)) - (b + back)
