"""Where to fire: where the density holds most mass, for a target of a given width, or where most intervals pile up."""

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Integers, integers, vector

STEP = (
    0.005  # guess factors between the places tried: a fortieth of the median bot, and a twentieth of a bandwidth of 0.1
)
_ROWS = 4096  # predictions at a time, so that memory stays small


def most_mass(clusters: Clusters, weights: Floats, kernel: Kernel, width: Floats) -> Floats:
    """Return the x in [-1, 1] that has most density in [x - width/2, x + width/2].

    The weights are spread linearly onto a grid of step 0.005, on which the kernel is one matrix; mass in a window is a
    difference of cumulated density.  A width of 0 asks for the density's peak.  Of equally good places the one nearest
    to head-on counts.

    Parameters
    ----------
    clusters : Clusters
    weights : array (total,)
        S, one a point.
    kernel : Kernel
    width : array (n,)
        In guess factors.

    Returns
    -------
    array (n,)
    """
    half = round(1 / STEP)
    grid = np.arange(-half, half + 1) * STEP
    matrix = np.exp(kernel.log(grid[:, None] - grid))
    by_nearness = np.argsort(np.abs(grid), kind="stable")
    aims = np.empty(len(clusters))
    for start in range(0, len(clusters), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(clusters)))
        density = _on_grid(clusters, weights, rows, len(grid)) @ matrix
        halves = np.minimum(width[rows] / 2, 1.0)[:, None] / STEP
        mass = np.cumsum((density[:, 1:] + density[:, :-1]) / 2, axis=1)
        mass = np.pad(mass, ((0, 0), (1, 0)))
        places = np.arange(len(grid))
        window = _interpolated(mass, places + halves) - _interpolated(mass, places - halves)
        score = np.where(halves > 0.5, window, density)[:, by_nearness]
        best = np.argmax(score >= score.max(axis=1, keepdims=True) * (1 - 1e-12), axis=1)
        aims[rows] = grid[by_nearness[best]]
    return aims


def densest(weights: Floats, lower: Floats, upper: Floats, offsets: Integers) -> Floats:
    """Return the guess factor that most weight's intervals contain, (n,): the middle of the stretch that wins.

    BeepBoop's edge-sorting sweep.

    Of equally good stretches the first counts, from the left.
    """
    ends = integers("offsets", offsets)
    if len(ends) == 0 or ends[0] != 0 or (np.diff(ends) < 0).any():
        raise ValueError(f"offsets must begin with 0 and not decrease, but they are {ends}")
    total = int(ends[-1])
    given = {"weights": weights, "lower": lower, "upper": upper}
    return _densest(*(vector(name, part, total, "one a point") for name, part in given.items()), ends)


def _on_grid(clusters: Clusters, weights: Floats, rows: np.ndarray, size: int) -> Floats:
    """Return the weights of some clusters, shared out between the two places of the grid around each point."""
    flat = slice(clusters.offsets[rows[0]], clusters.offsets[rows[-1] + 1])
    place = (np.clip(clusters.points[flat], -1.0, 1.0) + 1) / STEP
    left = np.minimum(place.astype(np.int64), size - 2)
    right_share = (place - left) * weights[flat]
    cell = np.repeat(np.arange(len(rows)) * size, clusters.sizes[rows]) + left
    length = len(rows) * size
    spread = np.bincount(cell, weights[flat] - right_share, length) + np.bincount(cell + 1, right_share, length)
    return np.asarray(spread, dtype=np.float64).reshape(len(rows), size)


def _interpolated(table: Floats, at: Floats) -> Floats:
    """Return each row of a table between its columns, linearly; beyond its ends, the end."""
    at = np.clip(at, 0, table.shape[1] - 1)
    left = np.minimum(at.astype(np.int64), table.shape[1] - 2)
    low, high = (np.take_along_axis(table, left + step, axis=1) for step in (0, 1))
    return low + (at - left) * (high - low)


@compiled(fastmath=False)
def _densest(weights: Floats, lower: Floats, upper: Floats, offsets: Integers) -> Floats:
    aims = np.zeros(len(offsets) - 1)
    for i in range(len(aims)):
        start, end = offsets[i], offsets[i + 1]
        k = end - start
        edges, change = np.empty(2 * k), np.empty(2 * k)
        for j in range(k):
            edges[2 * j], change[2 * j] = lower[start + j], weights[start + j]
            edges[2 * j + 1], change[2 * j + 1] = upper[start + j], -weights[start + j]
        order = np.argsort(edges, kind="mergesort")
        height, best = 0.0, -1.0
        for e in range(2 * k - 1):
            height += change[order[e]]
            left, right = edges[order[e]], edges[order[e + 1]]
            if right > left and height > best * (1 + 1e-12):
                best, aims[i] = height, (left + right) / 2
    return aims
