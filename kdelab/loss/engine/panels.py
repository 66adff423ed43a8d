"""Where to cut a target for quadrature: between the kinks of log p, which are known beforehand."""

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Cauchy, GeneralizedNormal, Kernel
from kdelab.loss.validate import Floats, Integers

CLOSE = 4
"""Edges within so many units of the last place are one: kinks that coincide, but for their rounding."""


def whole(clusters: Clusters) -> tuple[Integers, Floats, Floats, int]:
    """Return one panel a target, in the form of `cut`."""
    return np.arange(len(clusters) + 1), clusters.lower.copy(), clusters.upper - clusters.lower, 1  # writable, as cut's


def cut(clusters: Clusters, kernel: Kernel, background: float) -> tuple[Integers, Floats, Floats, int]:
    """Cut every target at the kinks of its log density.

    Returns
    -------
    offsets : (n + 1,)
        The panels of prediction i are ``offsets[i]:offsets[i + 1]``.
    origins, lengths : (panels,)
        A panel reaches from its origin o to o + length; a negative length runs to the left.
    power : int
        Where above 1, each origin is a cusp, to be integrated over s with x = o + length s^power.
    """
    owner, edge, merge = _edges(clusters, kernel, background)
    order = np.lexsort((edge, owner))
    owner, edge, merge = owner[order], edge[order], merge[order]
    # The two ends of a target have merge = -1 and stay; an inner edge gives way to a neighbour that is too close.
    same = owner[1:] == owner[:-1]
    near = same & (np.diff(edge) <= np.maximum(merge[1:], merge[:-1]))
    drop = np.zeros(len(edge), dtype=bool)
    drop[1:] |= near & (merge[1:] >= 0)
    drop[:-1] |= near & (merge[:-1] >= 0) & (merge[1:] < 0)
    owner, edge = owner[~drop], edge[~drop]

    inside = owner[1:] == owner[:-1]
    left, right, panel_owner = edge[:-1][inside], edge[1:][inside], owner[:-1][inside]
    power = 1
    if isinstance(kernel, GeneralizedNormal) and kernel.shape != round(kernel.shape):
        # abs(u)^beta isn't smooth beside the point either. Halve, and let x = o + length s^4 iron out the cusp.
        power = 4
        middle = left + (right - left) / 2
        panel_owner = np.repeat(panel_owner, 2)
        origins = np.column_stack([left, right]).ravel()
        lengths = np.column_stack([middle - left, middle - right]).ravel()
    else:
        origins, lengths = left, right - left
    offsets = np.concatenate([[0], np.cumsum(np.bincount(panel_owner, minlength=len(clusters)))])
    return offsets, np.ascontiguousarray(origins), np.ascontiguousarray(lengths), power


def _edges(clusters: Clusters, kernel: Kernel, background: float) -> tuple[Integers, Floats, Floats]:
    """Return owner, place and merging distance of every edge, unsorted; -1 marks the ends of targets."""
    n, h = len(clusters), kernel.bandwidth
    each = np.arange(n)
    owners = np.repeat(each, clusters.sizes)
    parts = [(each, clusters.lower, np.full(n, -1.0)), (each, clusters.upper, np.full(n, -1.0))]

    def add(owner: Integers, place: Floats, scale: Floats) -> None:
        inside = (place > clusters.lower[owner]) & (place < clusters.upper[owner])
        merge = CLOSE * np.spacing(np.maximum(np.abs(place), scale))
        parts.append((owner[inside], place[inside], merge[inside]))

    smooth = isinstance(kernel, GeneralizedNormal) and kernel.shape % 2 == 0
    kinks = () if smooth else kernel.kinks
    for kink in kinks:
        add(owners, clusters.points + h * kink, np.maximum(np.abs(clusters.points), h))
    if isinstance(kernel, Cauchy) or (background > 0 and not kinks):
        # A light point shows only as a narrow bump in heavier tails, which nodes far from it would miss. One edge in
        # every quarter of a bandwidth is enough to see them all. (For a log-concave K the ratio of any two terms is
        # monotone, so that nothing can hide between two nodes, but for the background.)
        cell = np.floor((clusters.points - clusters.lower[owners]) / (h / 4))
        first = np.unique(np.column_stack([owners, cell]), axis=0, return_index=True)[1] if n else owners
        add(owners[first], clusters.points[first], np.abs(clusters.points[first]))
    if background > 0:
        for end in (-1.0, 1.0):
            add(each, np.full(n, end), np.ones(n))
    owner, place, merge = (np.concatenate(column) for column in zip(*parts, strict=True))
    return owner, place, merge
