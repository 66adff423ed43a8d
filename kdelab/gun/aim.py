"""Where to fire: the guess factor around which the density holds most mass, for a target of a given width."""

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats

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
