"""Sums over the points in a window, at O(1) each and without a subtraction.

The line is cut into cells. A window that is at most as long as they are reaches over the end of one: it holds the last
points of that cell and the first ones of the next. Of the first points of each cell, up to point t, and of the last
ones, from point t on, moments are kept, about the cell's end and about point t itself; as t moves on by d, both are
formed from sums of positive terms. So a light point doesn't drown beside heavy ones that the window has left, as it
would in a difference of running totals. Derivatives by the weights go the same ways back.

A row holds what there is of point t, by the columns below, where f_j is how far behind its cell's begin a point is, l_j
how far before its end, and d_j how far from point t: sums over the first points of w_j, w_j f_j, w_j d_j and w_j f_j
d_j, over the last of w_j, w_j l_j, w_j d_j and w_j l_j d_j. The row after all points' is 0, and stands for none.
"""

import math

from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats

FIRST, FIRST_F, FIRST_D, FIRST_FD, LAST, LAST_L, LAST_D, LAST_LD = range(8)

_FAR = 1e300


@scalar
def moments(cell: float, places: Floats, w: Floats, out: Floats) -> None:
    """Fill the moments of points at ``places``, in order, of weights w; cells begin at the multiples of ``cell``."""
    m, begin, end, before, behind = w.size, -_FAR, _FAR, 0.0, 0.0
    f0 = f1 = f2 = f3 = l0 = l1 = l2 = l3 = 0.0
    for t in range(m):
        s = m - 1 - t
        if places[t] >= begin + cell:
            begin = cell * math.floor(places[t] / cell)
            f0 = f1 = f2 = f3 = 0.0
        if places[s] < end - cell:
            end = cell * math.floor(places[s] / cell) + cell
            l0 = l1 = l2 = l3 = 0.0
        f3 += (places[t] - before) * f1
        f2 += (places[t] - before) * f0
        f1 += (places[t] - begin) * w[t]
        f0 += w[t]
        l3 += (behind - places[s]) * l1
        l2 += (behind - places[s]) * l0
        l1 += (end - places[s]) * w[s]
        l0 += w[s]
        before, behind = places[t], places[s]
        out[t, FIRST], out[t, FIRST_F], out[t, FIRST_D], out[t, FIRST_FD] = f0, f1, f2, f3
        out[s, LAST], out[s, LAST_L], out[s, LAST_D], out[s, LAST_LD] = l0, l1, l2, l3
    for q in range(8):
        out[m, q] = 0.0


@scalar
def by_weights(cell: float, places: Floats, by: Floats, by_first: Floats, by_last: Floats) -> None:
    """Fill the derivatives by each weight of what has the derivatives ``by`` by the moments, and set those to 0.

    Those by way of the moments of first points, and by way of those of last points: they are to be added.
    """
    m, begin, end, behind, before = by_first.size, _FAR, -_FAR, 0.0, 0.0
    f0 = f1 = f2 = f3 = l0 = l1 = l2 = l3 = 0.0
    for t in range(m):
        s = m - 1 - t
        if places[s] < begin:
            begin = cell * math.floor(places[s] / cell)
            f0 = f1 = f2 = f3 = 0.0
        if places[t] >= end:
            end = cell * math.floor(places[t] / cell) + cell
            l0 = l1 = l2 = l3 = 0.0
        f0 += (behind - places[s]) * f2 + by[s, FIRST]
        f1 += (behind - places[s]) * f3 + by[s, FIRST_F]
        f2 += by[s, FIRST_D]
        f3 += by[s, FIRST_FD]
        l0 += (places[t] - before) * l2 + by[t, LAST]
        l1 += (places[t] - before) * l3 + by[t, LAST_L]
        l2 += by[t, LAST_D]
        l3 += by[t, LAST_LD]
        by[s, FIRST] = by[s, FIRST_F] = by[s, FIRST_D] = by[s, FIRST_FD] = 0.0
        by[t, LAST] = by[t, LAST_L] = by[t, LAST_D] = by[t, LAST_LD] = 0.0
        behind, before = places[s], places[t]
        by_first[s], by_last[t] = f0 + (places[s] - begin) * f1, l0 + (end - places[t]) * l1
    for q in range(8):
        by[m, q] = 0.0
