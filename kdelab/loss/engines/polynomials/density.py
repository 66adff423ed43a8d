"""p at the edges, made of moments, and the way back, from derivatives by p to derivatives by moments.

Of an edge y, a point has begun ``begun`` = y - (place - 1) before it, and ends ``ending`` = place + 1 - y behind it.
Both are sums of two distances that are known without cancellation: of y from a cell's end, or from where the outermost
point in the window begins or ends, and of the point from there.
"""

import math

from kdelab.loss.arithmetic import HUGE
from kdelab.loss.engines.polynomials.moments import FIRST, FIRST_D, FIRST_F, FIRST_FD, LAST, LAST_D, LAST_L, LAST_LD
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats, Indices


@scalar
def hats(edges: Floats, around: Indices, kinks: Indices, places: Floats, of: Floats, floor: float, p: Floats) -> float:
    """Fill p = floor + sum_j w_j min(begun_j, ending_j) at each edge; return the lowest.

    Cells are 1 long. The points before y that haven't ended are the last of the cell before, from around[1] on, and the
    first of y's cell, up to kinks[0]; those behind y that have begun are the last of its cell, from kinks[1] on, and
    the first of the next, up to around[0].
    """
    lowest = HUGE
    for e in range(edges.size):
        y, a, b, c, d = edges[e], around[0, e], around[1, e], kinks[0, e], kinks[1, e]
        f = y - math.floor(y)
        falling = (of[c, FIRST_F] + (1.0 - f) * of[c, FIRST]) + (of[b, LAST_D] + (places[b] + 1.0 - y) * of[b, LAST])
        rising = (of[d, LAST_L] + f * of[d, LAST]) + (of[a, FIRST_D] + (y - (places[a] - 1.0)) * of[a, FIRST])
        p[e] = floor + (falling + rising)
        lowest = min(lowest, p[e])
    return lowest


@scalar
def hats_back(edges: Floats, around: Indices, kinks: Indices, places: Floats, by_p: Floats, by: Floats) -> None:
    """Add to the derivatives by moments what those by p contribute."""
    for e in range(edges.size):
        y, a, b, c, d, g = edges[e], around[0, e], around[1, e], kinks[0, e], kinks[1, e], by_p[e]
        f = y - math.floor(y)
        by[c, FIRST_F] += g
        by[c, FIRST] += (1.0 - f) * g
        by[b, LAST_D] += g
        by[b, LAST] += (places[b] + 1.0 - y) * g
        by[d, LAST_L] += g
        by[d, LAST] += f * g
        by[a, FIRST_D] += g
        by[a, FIRST] += (y - (places[a] - 1.0)) * g


@scalar
def parabolas(
    edges: Floats, around: Indices, places: Floats, of: Floats, floor: float, p: Floats, covered: Floats
) -> float:
    """Fill p = floor + sum_j w_j begun_j ending_j at each edge, and the sum of w_j in the window; return the lowest p.

    Cells are 2 long. The points in the window around y are the first of a cell, up to around[0], and the last of the
    cell before, from around[1] on.
    """
    lowest = HUGE
    for e in range(edges.size):
        y, a, b = edges[e], around[0, e], around[1, e]
        middle = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        begun, ending = y - (places[a] - 1.0), places[b] + 1.0 - y
        first = (middle + 1.0 - y) * (of[a, FIRST_D] + begun * of[a, FIRST]) + begun * of[a, FIRST_F] + of[a, FIRST_FD]
        last = (y + 1.0 - middle) * (of[b, LAST_D] + ending * of[b, LAST]) + ending * of[b, LAST_L] + of[b, LAST_LD]
        p[e], covered[e] = floor + (first + last), of[a, FIRST] + of[b, LAST]
        lowest = min(lowest, p[e])
    return lowest


@scalar
def parabolas_back(
    edges: Floats, around: Indices, places: Floats, by_p: Floats, by_covered: Floats, by: Floats
) -> None:
    """Add to the derivatives by moments what those by p and by the weight that covers a panel contribute."""
    for e in range(edges.size):
        y, a, b, g = edges[e], around[0, e], around[1, e], by_p[e]
        middle = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        begun, ending = y - (places[a] - 1.0), places[b] + 1.0 - y
        first, last = (middle + 1.0 - y) * g, (y + 1.0 - middle) * g
        by[a, FIRST_D] += first
        by[a, FIRST] += begun * first + by_covered[e]
        by[a, FIRST_FD] += g
        by[a, FIRST_F] += begun * g
        by[b, LAST_D] += last
        by[b, LAST] += ending * last + by_covered[e]
        by[b, LAST_LD] += g
        by[b, LAST_L] += ending * g
