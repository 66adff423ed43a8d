"""The part of the bin-free Laplace loss that doesn't depend on the logits: kernel factors, order and segments."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.arithmetic import exp, exp_parts, two_sum
from kdelab.loss.engines.sort import FEW, sort
from kdelab.loss.runtime import compiled, scalar
from kdelab.loss.validate import Floats, Indices, Integers

_NOWHERE = 1.7e308


class Prepared(NamedTuple):
    """What doesn't depend on the logits.

    Of every point K, (total,); of every prediction how far its nearest point is, in bandwidths, nearest (n,), where its
    segments start and how many points lie inside the target, starts and inside (n,); of every segment the point that
    ends it, order, and d, E and F, (total + n,) each, of which only what predictions start at is filled.
    """

    K: Floats
    nearest: Floats
    starts: Integers
    inside: Integers
    order: Indices
    d: Floats
    E: Floats
    F: Floats


@compiled
def prepare(
    first: int, stop: int, x: Floats, ends: Integers, lower: Floats, upper: Floats, h: float, prepared: Prepared
) -> None:
    """Fill `Prepared`: K and nearest, and for all segments the point that ends each, d, E and F = 1 - E.

    Prediction i has its inside[i] + 1 segments at starts[i] and after; the last one ends with the target, at no point.
    """
    K, nearest, starts, inside, order, d, E, F = prepared
    work = np.empty((3, FEW))
    begin = at = ends[first] + first
    for i in range(first, stop):
        a, b = lower[i], upper[i]
        points, factors = x[ends[i] : ends[i + 1]], K[ends[i] : ends[i + 1]]
        names, places = order[at : at + points.size + 1], d[at : at + points.size + 1]
        m = _select_inside(points, a, b, names, places)
        sort(places[:m], names, work)
        previous = a
        for s in range(m):
            place = places[s]
            places[s] = (place - previous) / h
            previous = place
        names[m], places[m] = -1, (b - previous) / h
        starts[i], inside[i] = at, m
        at += m + 1
        nearest[i] = log_factors(points, a, b, h, m, factors)
        for j in range(points.size):
            factor = exp(factors[j])
            factors[j] = factor if points[j] <= a else -factor if points[j] >= b else 0.0
    d, E, F = d[begin:at], E[begin:at], F[begin:at]
    for s in range(d.size):
        power, rest = exp_parts(-d[s])
        E[s], F[s] = power + rest, (1.0 - power) - rest


@scalar
def _select_inside(x: Floats, a: float, b: float, names: Indices, places: Floats) -> int:
    """Fill names and places with the numbers of the points inside the target and theirs; return how many there are.

    Every point is written, and kept where it counts: a branch would be mispredicted half the time.
    """
    m = np.uint64(0)
    for j in range(x.size):
        names[m], places[m] = j, x[j]
        m += np.uint64((x[j] > a) & (x[j] < b))
    return int(m)


@scalar
def log_factors(x: Floats, a: float, b: float, h: float, inside: int, log_K: Floats) -> float:
    """Fill log K_j = -(d_j - nearest) / h, 0 inside the target; return nearest / h, the least distance to the target.

    With nothing inside, what counts is the difference of the two sides' distances: far away on both sides it is much
    smaller than either, so it is formed with its rounding errors.
    """
    if inside > 0:
        for j in range(x.size):
            log_K[j] = min(min(x[j] - a, b - x[j]), 0.0) / h
        return 0.0
    x_left, x_right = -_NOWHERE, _NOWHERE
    for j in range(x.size):
        x_left = max(x_left, x[j] if x[j] <= a else -_NOWHERE)
    for j in range(x.size):
        x_right = min(x_right, x[j] if x[j] > a else _NOWHERE)
    d_left, error_left = two_sum(a, -x_left)
    d_right, error_right = two_sum(x_right, -b)
    difference = (d_left - d_right) + (error_left - error_right)
    if x_left == -_NOWHERE or x_right == _NOWHERE:
        difference = 0.0
    for j in range(x.size):
        left, right = (x[j] - x_left) - max(difference, 0.0), (x_right - x[j]) + min(difference, 0.0)
        log_K[j] = (left if x[j] <= a else right) / h
    return min(d_left, d_right) / h
