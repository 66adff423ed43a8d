"""Where to cut a target for quadrature: between the kinks of log p, which are known beforehand."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.validate import Floats, Integers

CLOSE = 4
"""Edges within so many units of the last place are one: kinks that coincide, but for their rounding."""

ROUNDED = float(CLOSE) * 2.0**-52
"""The same as a share of the largest number that they were computed from."""

_EVEN = 0.5  # below, sinh(T s) / sinh(T) is as good as s


class Panels(NamedTuple):
    """The panels of all predictions: those of prediction i are ``offsets[i]:offsets[i + 1]``, (n + 1,).

    Each reaches from its origin o to o + length, (panels,); a negative length runs to the left. Stretches, (panels,),
    and the power that all have in common say how its parameter runs: see `panel.Panel`.
    """

    offsets: Integers
    origins: Floats
    lengths: Floats
    stretches: Floats
    power: float


def whole(clusters: Clusters) -> Panels:
    """Return one panel a target."""
    n = len(clusters)
    return Panels(np.arange(n + 1), clusters.lower.copy(), clusters.upper - clusters.lower, np.zeros(n), 1.0)


def stretched(clusters: Clusters, kernel: Kernel, background: float) -> Panels:
    """Cut every target at the kinks of its log density, and see to it that what happens near them is seen.

    Near its point a kernel changes within a bandwidth, on its flank only with the distance: so a panel of many
    bandwidths is halved, and each half runs over sinh(s) bandwidths from its own end. A cusp is seen from within its
    distance: where one lies closely behind a panel's end, that distance is the unit. Where a compact kernel ends, log p
    may fall without a bound: there a panel has its origin, too.
    """
    h, power = kernel.bandwidth, kernel.power
    offsets, left, right = cut(clusters, kernel, background)
    if power > 1 or kernel.support < np.inf:
        which = np.ones(len(left), dtype=bool)
    else:
        bend = kernel.bend if background == 0 else min(kernel.bend, Kernel.bend)
        which = right - left > bend * h
    owner = np.repeat(np.arange(len(clusters)), np.diff(offsets))
    offsets, origins, lengths = halved(offsets, left, right, which)
    units = np.full(len(lengths), h)
    if power > 1:
        behind = np.column_stack([_behind(clusters, owner, left, 1.0), _behind(clusters, owner, right, -1.0)]).ravel()
        hidden = behind < 0.1**power * np.abs(lengths)  # in the first tenth of s; what lies further on is seen anyway
        units[hidden] = np.minimum(behind[hidden], h)
    stretches = np.where(np.repeat(which, 1 + which), np.arcsinh((np.abs(lengths) / units) ** (1 / power)), 0.0)
    return Panels(offsets, origins, lengths, np.where(stretches < _EVEN, 0.0, stretches), power)


def _behind(clusters: Clusters, owner: Integers, ends: Floats, side: float) -> Floats:
    """Return how far behind each end its cluster's next point lies, on the left for side 1; inf where none does."""
    owners = np.concatenate([owner, clusters.owners])
    places = side * np.concatenate([ends, clusters.points])
    of_point = np.arange(len(places)) >= len(ends)
    order = np.lexsort((of_point, places, owners))  # a point at the very end isn't behind it
    last = np.maximum.accumulate(np.where(of_point[order], np.arange(len(order)), -1))
    found = (last >= 0) & (owners[order][last] == owners[order])
    away = np.empty(len(order))
    away[order] = np.where(found, places[order] - places[order][last], np.inf)
    return away[: len(ends)]


def halved(offsets: Integers, left: Floats, right: Floats, which: NDArray[np.bool_]) -> tuple[Integers, Floats, Floats]:
    """Return offsets, origins and lengths of panels, some cut in two halves, each with its origin at its own end."""
    owner = np.repeat(np.arange(len(which)), 1 + which)
    second = np.diff(owner, prepend=-1) == 0
    length = np.where(which, (right - left) / 2, right - left)[owner]
    places = np.concatenate([[0], np.cumsum(1 + which)])
    return places[offsets], np.where(second, right[owner], left[owner]), np.where(second, -length, length)


def cut(clusters: Clusters, kernel: Kernel, background: float) -> tuple[Integers, Floats, Floats]:
    """Cut every target at the kinks of its log density; return offsets, as in `Panels`, and both ends of each panel."""
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
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner[:-1][inside], minlength=len(clusters)))])
    return offsets, edge[:-1][inside], edge[1:][inside]


def _edges(clusters: Clusters, kernel: Kernel, background: float) -> tuple[Integers, Floats, Floats]:
    """Return owner, place and merging distance of every edge, unsorted; -1 marks the ends of targets."""
    n, h = len(clusters), kernel.bandwidth
    each = np.arange(n)
    owners = clusters.owners
    parts = [(each, clusters.lower, np.full(n, -1.0)), (each, clusters.upper, np.full(n, -1.0))]

    def add(owner: Integers, place: Floats, scale: Floats, rounded: bool = False) -> None:
        inside = (place > clusters.lower[owner]) & (place < clusters.upper[owner])
        merge = CLOSE * np.spacing(np.maximum(np.abs(place), scale)) if rounded else np.zeros(len(place))
        parts.append((owner[inside], place[inside], merge[inside]))

    for kink in kernel.kinks:
        add(owners, clusters.points + h * kink, np.maximum(np.abs(clusters.points), h), rounded=kink != 0)
    if not (kernel.kinks or (kernel.log_concave and background == 0)):
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
