"""p at the edges, made of moments, and the way back, from derivatives by p to derivatives by moments.

A point ends ``ending`` = place + 1 - y behind an edge y, and has begun ``begun`` = y - (place - 1) before it. Both are
sums of two distances that are known without cancellation: of the edge from a cell's end, or of the outermost point in
the window from where it begins or ends, and of the point from the same.
"""

import math

from kdelab.loss.engines.polynomials.moments import Moments
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats, Indices


@scalar
def hats(edges: Floats, around: Indices, kinks: Indices, places: Floats, of: Moments, p: Floats) -> None:
    """Add sum_j w_j min(begun_j, ending_j) to p at each edge.

    Cells are 1 long. The points before y that haven't ended are the last of the cell before, from around[1] on, and the
    first of y's cell, up to kinks[0]; those behind y that have begun are the last of its cell, from kinks[1] on, and
    the first of the next, up to around[0].
    """
    for e in range(edges.size):
        y, a, b, c, d = edges[e], kinks[0, e], around[1, e], kinks[1, e], around[0, e]
        f = y - math.floor(y)
        falling = (of.first_f[a] + (1.0 - f) * of.first[a]) + (of.last_d[b] + (places[b] + 1.0 - y) * of.last[b])
        rising = (of.last_l[c] + f * of.last[c]) + (of.first_d[d] + (y - (places[d] - 1.0)) * of.first[d])
        p[e] += falling + rising


@scalar
def hats_back(edges: Floats, around: Indices, kinks: Indices, places: Floats, by_p: Floats, by: Moments) -> None:
    """Add to the derivatives by moments what those by p contribute."""
    for e in range(edges.size):
        y, a, b, c, d, g = edges[e], kinks[0, e], around[1, e], kinks[1, e], around[0, e], by_p[e]
        f = y - math.floor(y)
        by.first_f[a] += g
        by.first[a] += (1.0 - f) * g
        by.last_d[b] += g
        by.last[b] += (places[b] + 1.0 - y) * g
        by.last_l[c] += g
        by.last[c] += f * g
        by.first_d[d] += g
        by.first[d] += (y - (places[d] - 1.0)) * g


@scalar
def parabolas(edges: Floats, around: Indices, places: Floats, of: Moments, p: Floats, covered: Floats) -> None:
    """Add sum_j w_j begun_j ending_j to p at each edge, and fill the sum of all w_j that are above 0 just behind it.

    Cells are 2 long. The points in the window around y are the first of a cell, up to around[0], and the last of the
    cell before, from around[1] on.
    """
    for e in range(edges.size):
        y, a, b = edges[e], around[0, e], around[1, e]
        middle = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        begun, ending = y - (places[a] - 1.0), places[b] + 1.0 - y
        first = (middle + 1.0 - y) * (of.first_d[a] + begun * of.first[a]) + (of.first_fd[a] + begun * of.first_f[a])
        last = (y + 1.0 - middle) * (of.last_d[b] + ending * of.last[b]) + (of.last_ld[b] + ending * of.last_l[b])
        p[e] += first + last
        covered[e] = of.first[a] + of.last[b]


@scalar
def parabolas_back(
    edges: Floats, around: Indices, places: Floats, by_p: Floats, by_covered: Floats, by: Moments
) -> None:
    """Add to the derivatives by moments what those by p and by the weight that covers a panel contribute."""
    for e in range(edges.size):
        y, a, b, g = edges[e], around[0, e], around[1, e], by_p[e]
        middle = 2.0 * math.floor(0.5 * (y - 1.0)) + 2.0
        begun, ending = y - (places[a] - 1.0), places[b] + 1.0 - y
        first, last = (middle + 1.0 - y) * g, (y + 1.0 - middle) * g
        by.first_d[a] += first
        by.first[a] += begun * first + by_covered[e]
        by.first_fd[a] += g
        by.first_f[a] += begun * g
        by.last_d[b] += last
        by.last[b] += ending * last + by_covered[e]
        by.last_ld[b] += g
        by.last_l[b] += ending * g
