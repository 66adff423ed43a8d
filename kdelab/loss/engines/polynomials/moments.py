"""Sums over the points in a window, at O(1) each and without a subtraction.

The line is cut into cells. A window that is at most as long as they are reaches over the end of one: it holds the last
points of that cell and the first ones of the next. Of the first points of each cell, up to point t, and of the last
ones, from point t on, moments are kept, about the cell's end and about point t itself; as t moves on by d, both are
formed from sums of positive terms. So a light point doesn't drown beside heavy ones that the window has left, as it
would in a difference of running totals. Derivatives by the weights go the same ways back.
"""

import math
from typing import NamedTuple

from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats

_FAR = 1e300


class Moments(NamedTuple):
    """Moments of the first points of a cell, up to point t, and of the last ones, from t on; and 0, for no points.

    With f_j how far behind its cell's begin a point is, l_j how far before its end, and d_j how far from point t: sums
    over the first of w_j, w_j f_j, w_j d_j and w_j f_j d_j, over the last of w_j, w_j l_j, w_j d_j and w_j l_j d_j.
    """

    first: Floats
    first_f: Floats
    first_d: Floats
    first_fd: Floats
    last: Floats
    last_l: Floats
    last_d: Floats
    last_ld: Floats


@scalar
def moments(cell: float, places: Floats, w: Floats, out: Moments) -> None:
    """Fill the moments of points at ``places``, in order, of weights w; cells begin at the multiples of ``cell``."""
    first, first_f, first_d, first_fd, last, last_l, last_d, last_ld = out
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
        first[t], first_f[t], first_d[t], first_fd[t] = f0, f1, f2, f3
        last[s], last_l[s], last_d[s], last_ld[s] = l0, l1, l2, l3
    first[m] = first_f[m] = first_d[m] = first_fd[m] = last[m] = last_l[m] = last_d[m] = last_ld[m] = 0.0


@scalar
def by_weights(cell: float, places: Floats, by: Moments, out: Floats) -> None:
    """Fill the derivatives by each weight of what has the derivatives ``by`` by the moments."""
    first, first_f, first_d, first_fd, last, last_l, last_d, last_ld = by
    m, begin, end, behind, before = out.size, _FAR, -_FAR, 0.0, 0.0
    f0 = f1 = f2 = f3 = l0 = l1 = l2 = l3 = 0.0
    for t in range(m):
        out[t] = 0.0
    for t in range(m):
        s = m - 1 - t
        if places[s] < begin:
            begin = cell * math.floor(places[s] / cell)
            f0 = f1 = f2 = f3 = 0.0
        if places[t] >= end:
            end = cell * math.floor(places[t] / cell) + cell
            l0 = l1 = l2 = l3 = 0.0
        f0 += (behind - places[s]) * f2 + first[s]
        f1 += (behind - places[s]) * f3 + first_f[s]
        f2 += first_d[s]
        f3 += first_fd[s]
        l0 += (places[t] - before) * l2 + last[t]
        l1 += (places[t] - before) * l3 + last_l[t]
        l2 += last_d[t]
        l3 += last_ld[t]
        behind, before = places[s], places[t]
        out[s] += f0 + (places[s] - begin) * f1
        out[t] += l0 + (end - places[t]) * l1
