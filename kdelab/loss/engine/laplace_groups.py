"""The part of the bin-free Laplace loss that doesn't depend on the logits: groups, factors and segments."""

from typing import Any

import numba
import numpy as np
from numba import prange

from kdelab.loss.engine.compiled import MATH, compiled, exp, exp_parts


@compiled(parallel=True)
def count(x: Any, ends: Any, lower: Any, upper: Any, groups: Any) -> None:
    """Fill groups (n, 2): how many points lie left of the target, and how many inside."""
    for i in prange(lower.size):
        left = inside = 0
        for j in range(ends[i], ends[i + 1]):
            left += x[j] <= lower[i]
            inside += (x[j] > lower[i]) & (x[j] < upper[i])
        groups[i, 0], groups[i, 1] = left, inside


@compiled(parallel=True)
def prepare(
    blocks: int, x: Any, ends: Any, lower: Any, upper: Any, h: float,
    groups: Any, starts: Any, order: Any, K: Any, nearest: Any, segments: Any,
) -> None:  # fmt: skip
    """Fill order (total,), K (total,), nearest (n,) and segments, the rows d, E, F = 1 - E."""
    for block in prange(blocks):
        for i in range(block * lower.size // blocks, (block + 1) * lower.size // blocks):
            a, b = lower[i], upper[i]
            points, sorted_to = x[ends[i] : ends[i + 1]], order[ends[i] : ends[i + 1]]
            left, inside = groups[i, 0], groups[i, 1]
            next_left, next_inside, next_right = 0, left, left + inside
            for j in range(points.size):
                if points[j] <= a:
                    sorted_to[next_left] = j
                    next_left += 1
                elif points[j] < b:
                    sorted_to[next_inside] = j
                    next_inside += 1
                else:
                    sorted_to[next_right] = j
                    next_right += 1
            _sort(points, sorted_to[left : left + inside])
            log_K = K[ends[i] : ends[i + 1]]
            nearest[i] = log_factors(points, sorted_to, left, inside, a, b, h, log_K)
            for j in range(points.size):
                log_K[j] = exp(log_K[j])
            previous = a
            for s in range(inside + 1):
                edge = points[sorted_to[left + s]] if s < inside else b
                segments[0, starts[i] + s] = (edge - previous) / h
                previous = edge
            for s in range(starts[i], starts[i] + inside + 1):
                power, rest = exp_parts(-segments[0, s])
                segments[1, s] = power + rest
                segments[2, s] = (1.0 - power) - rest


@numba.njit(error_model="numpy", fastmath=MATH)
def log_factors(points: Any, order: Any, left: int, inside: int, a: float, b: float, h: float, log_K: Any) -> float:
    """Fill log K_j = -(d_j - nearest) / h in the groups' order; return nearest / h, the least distance to the target.

    With nothing inside, what counts is the difference of the two sides' distances: far away on both sides it is much
    smaller than either, so it is formed with its rounding errors.
    """
    right = left + inside
    x_left, x_right = -np.inf, np.inf
    for j in range(left):
        x_left = max(x_left, points[order[j]])
    for j in range(right, points.size):
        x_right = min(x_right, points[order[j]])
    shift_left, shift_right, nearest = -(a - x_left), -(x_right - b), 0.0
    if inside == 0:
        shift_left = shift_right = 0.0
        nearest = min(a - x_left, x_right - b)
        if left > 0 and right < points.size:
            d_left, error_left = _two_diff(a, x_left)
            d_right, error_right = _two_diff(x_right, b)
            difference = (d_left - d_right) + (error_left - error_right)
            shift_left, shift_right = min(-difference, 0.0), min(difference, 0.0)
    for j in range(left):
        log_K[j] = ((points[order[j]] - x_left) + shift_left) / h
    for j in range(left, right):
        log_K[j] = 0.0
    for j in range(right, points.size):
        log_K[j] = ((x_right - points[order[j]]) + shift_right) / h
    return nearest / h


@numba.njit(error_model="numpy")
def _two_diff(a: float, b: float) -> tuple[float, float]:
    """Return a - b and its rounding error (Knuth)."""
    s = a - b
    back = s - a
    return s, (a - (s - back)) - (b + back)


@numba.njit(error_model="numpy", fastmath=MATH)
def _sort(points: Any, order: Any) -> None:
    """Sort ``order`` by the points that it names (Shell's sort: short lists, no memory)."""
    for gap in (301, 132, 57, 23, 10, 4, 1):
        for i in range(gap, order.size):
            item = order[i]
            key = points[item]
            j = i
            while j >= gap and points[order[j - gap]] > key:
                order[j] = order[j - gap]
                j -= gap
            order[j] = item
