"""The integrals of `integrals`, of many panels at once: nothing branches, and where p >= `LEAST` nothing underflows."""

import math

from kdelab.loss.arithmetic import log, plus, polynomial
from kdelab.loss.runtime import inlined, scalar
from kdelab.loss.validate import Floats

LEAST = 1e-100
"""The least density, on the scale of the heaviest weight, that goes without logarithms."""

# So many panels are taken at a time, in rows of one array that lie so far apart: a loop over them runs several at once.
_TILE = 128
_SHARE, _COVERED, _LEFT, _RIGHT, _BY_LEFT, _BY_RIGHT, _BY_COVERED = (row * _TILE for row in range(7))
ROOM = 7 * _TILE
"""Numbers of work that `integrate` needs."""

_TINY = 1e-300
# So little is added to what may be 0, as a share of what it is beside: divisions by 0 needn't be looked for.
_NEXT_TO_NOTHING = 1e-32
# 1/3, 1/5, ...: the series of (artanh(x) / x - 1) / x^2 in x^2, to the last digit where x <= 1/5.
_ARTANH = tuple(1.0 / (2 * n + 3) for n in range(10))


@scalar
def lines(edges: Floats, p: Floats, rows: Floats, by_p: Floats) -> float:
    """Return the mean of log p, p >= `LEAST` at all edges and straight between; fill its derivatives by p there."""
    mean = by_p[0] = 0.0
    for begin in range(0, edges.size - 1, _TILE):
        m = min(_TILE, edges.size - 1 - begin)
        for e in range(_fill(edges, p, begin, m, rows)):
            share, p0, p1 = rows[_SHARE + e], rows[_LEFT + e], rows[_RIGHT + e]
            low, high = min(p0, p1), max(p0, p1)
            q = (high - low) / low + _NEXT_TO_NOTHING
            M, N = _MN(q)
            mean = plus(mean, share * (log(high) + N))
            scale = share / (q * low)
            by_low, by_high = scale * M, -scale * N
            rows[_BY_LEFT + e] = by_low if p0 < p1 else by_high
            rows[_BY_RIGHT + e] = by_high if p0 < p1 else by_low
        for e in range(m):
            by_p[begin + e] += rows[_BY_LEFT + e]
            by_p[begin + e + 1] = rows[_BY_RIGHT + e]
    return mean


@scalar
def parabolas_between(edges: Floats, p: Floats, covered: Floats, rows: Floats, by_p: Floats) -> float:
    """Do so with a term ``covered`` (y - y_0) (y_1 - y) between y_0 and y_1; replace it by the derivatives by it.

    p(t) = p0 (1 - t) + p1 t + c t (1 - t), in terms of M and N as in `integrals`.
    """
    n = edges.size - 1
    mean = by_p[0] = 0.0
    for begin in range(0, n, _TILE):
        m = min(_TILE, n - begin)
        full = _fill(edges, p, begin, m, rows)
        for e in range(m):
            rows[_COVERED + e] = covered[begin + e]
        for e in range(full):
            share, weight, p0, p1 = rows[_SHARE + e], rows[_COVERED + e], rows[_LEFT + e], rows[_RIGHT + e]
            length, both, rise = share * edges[n], p0 + p1, p1 - p0
            c = weight * length * length + _NEXT_TO_NOTHING * both
            D = math.sqrt(c * c + 2.0 * c * both + rise * rise)
            Mq, Nq = _MN(_reciprocal(c, c + rise, D, p0))
            Ms, Ns = _MN(_reciprocal(c, c - rise, D, p1))
            # log p0 + Mq + Ns or the same from the other end, whichever is higher: M rises, N falls.
            mean = plus(mean, share * (log(max(p0, p1)) + (min(Mq, Ms) + min(Nq, Ns))))
            left, right = (Mq - Ns) / D, (Ms - Nq) / D
            rows[_BY_LEFT + e], rows[_BY_RIGHT + e] = share * left, share * right
            rows[_BY_COVERED + e] = share * max(1.0 - p0 * left - p1 * right, 0.0) / max(weight, _TINY)
        for e in range(m):
            by_p[begin + e] += rows[_BY_LEFT + e]
            by_p[begin + e + 1] = rows[_BY_RIGHT + e]
            covered[begin + e] = rows[_BY_COVERED + e]
    covered[n] = 0.0
    return mean


@scalar
def _fill(edges: Floats, p: Floats, begin: int, m: int, rows: Floats) -> int:
    """Fill m panels' shares of the target and p at both ends; return how many panels are to be worked on.

    Some more, of length 0, so that none is left over when several are taken at once.
    """
    full = m + -m % 8
    for e in range(m, full):
        rows[_SHARE + e], rows[_LEFT + e], rows[_RIGHT + e], rows[_COVERED + e] = 0.0, 1.0, 1.0, 0.0
    per_width = 1.0 / edges[edges.size - 1]
    for e in range(m):
        rows[_SHARE + e] = (edges[begin + e + 1] - edges[begin + e]) * per_width
        rows[_LEFT + e], rows[_RIGHT + e] = p[begin + e], p[begin + e + 1]
    return full


@inlined
def _reciprocal(c: float, slope: float, D: float, p0: float) -> float:
    """Return q, 1/q being the distance from 0 to the zero of p before it."""
    both = abs(slope) + D
    above, below = 0.5 * both if slope >= 0.0 else 2.0 * c, p0 if slope >= 0.0 else both
    return above / below


@inlined
def _MN(q: float) -> tuple[float, float]:
    """Return M and N of q > 0; for small q by x = q / (2 + q), log1p(q) = 2 artanh(x)."""
    v, per = log(1.0 + q), 1.0 / (q * (2.0 + q))
    x = q * q * per
    t = x * x * polynomial(x * x, _ARTANH)  # artanh(x) / x - 1
    N, series_N = v * ((2.0 + q) * per) - 1.0, t * (1.0 - x) - x
    M, series_M = v + N, x + t * (1.0 + x)
    return M if q > 0.5 else series_M, N if q > 0.5 else series_N
