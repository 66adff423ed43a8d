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
        grouped, spare, spare_order = np.empty(widest + 1), np.empty(widest + 1), np.empty(widest + 1, dtype=np.int32)
        for i in range(first, last):
            a, b, k = lower[i], upper[i], ends[i + 1] - ends[i]
            part = slice(ends[i], ends[i + 1])
            left, inside = _group(x[part], a, b, order[part], grouped, spare, spare_order)
            groups[i, 0], groups[i, 1] = left, inside
            nearest[i] = log_factors(grouped[:k], left, inside, a, b, h, K[part])
            for j in range(ends[i], ends[i + 1]):
                K[j] = exp(K[j])
            d, E, F = segments[0, starts[i] :], segments[1, starts[i] :], segments[2, starts[i] :]
            previous = a
            for s in range(inside):
                d[s] = (grouped[left + s] - previous) / h
                previous = grouped[left + s]
            d[inside] = (b - previous) / h
            for s in range(inside + 1):
                power, rest = exp_parts(-d[s])
                E[s], F[s] = power + rest, (1.0 - power) - rest


@numba.njit(error_model="numpy", fastmath=MATH)
def _group(x: Any, a: float, b: float, order: Any, grouped: Any, spare: Any, spare_order: Any) -> tuple[int, int]:
    """Fill order and grouped = x[order]: left of the target, inside, sorted, and right. Return the first two's sizes.

    Every place is written, and kept only if it counts: a branch here would be mispredicted half of the time.
    """
    k = x.size
    left = inside = 0
    for j in range(k):
        spare_order[left] = j
        grouped[left] = x[j]
        left += x[j] <= a
    for j in range(left):
        order[j] = spare_order[j]
    for j in range(k):
        spare_order[inside] = j
        spare[inside] = x[j]
        inside += (x[j] > a) & (x[j] < b)
    _sort(spare[:inside], spare_order[:inside], grouped[left : left + inside], order[left : left + inside])
    right = 0
    for j in range(k):
        spare_order[right] = j
        spare[right] = x[j]
        right += (x[j] >= b) & (x[j] > a)
    for j in range(right):
        order[left + inside + j] = spare_order[j]
        grouped[left + inside + j] = spare[j]
    return left, inside


@numba.njit(error_model="numpy", fastmath=MATH)
def _sort(values: Any, names: Any, out: Any, out_names: Any) -> None:
    """Sort values, and their names along with them. Ties keep their order."""
    m = values.size
    if m <= 64:
        # Everyone's rank is the number of those before it: m^2 comparisons, but many at a time.
        for i in range(m):
            rank = 0
            for j in range(i):
                rank += values[j] <= values[i]
            for j in range(i + 1, m):
                rank += values[j] < values[i]
            out[rank], out_names[rank] = values[i], names[i]
        return
    sorted_to = np.argsort(values, kind="mergesort")
    for i in range(m):
        out[i], out_names[i] = values[sorted_to[i]], names[sorted_to[i]]


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
