"""The densities at one place: what every rule of quadrature evaluates at each of its nodes.

With u_j = (x - x_j) / h, a kernel is K(u) = constant * shape(u). The terms w_j shape(u_j) are returned up to a common
factor, whose logarithm is returned with them. `shape` and `cluster` are those of `panel`.
"""

import math
from typing import Any

import numba
import numpy as np

from kdelab.loss.engines.arithmetic import HUGE, exp, gap, highest, total, two_sum
from kdelab.loss.engines.runtime import MATH
from kdelab.loss.kernels import (
    Box,
    Cauchy,
    Epanechnikov,
    Gaussian,
    GeneralizedNormal,
    Kernel,
    Laplace,
    Triangular,
)

CODES: dict[type[Kernel], int] = {
    Laplace: 0,
    Gaussian: 1,
    Cauchy: 2,
    GeneralizedNormal: 3,
    Box: 4,
    Triangular: 5,
    Epanechnikov: 6,
}

# Beyond this difference of exponents an anchor is changed for a better one.
_FAR = 30.0
LAPLACE, GAUSSIAN, CAUCHY, GENERALIZED, BOX, TRIANGULAR, EPANECHNIKOV = range(7)


def code_of(kernel: Kernel) -> tuple[int, float, float]:
    """Return the kernel's number, its shape beta, and log of its constant over h."""
    if type(kernel) not in CODES:
        known = ", ".join(kind.__name__ for kind in CODES)
        raise ValueError(f"kernel must be one of {known}, not {kernel!r}")
    at_zero = float(kernel.log(np.zeros(1))[0])
    return CODES[type(kernel)], float(getattr(kernel, "shape", 1.0)), at_zero


@numba.njit(error_model="numpy", fastmath=MATH)
def terms(shape: Any, cluster: Any, origin: float, y: float, out: Any) -> tuple[float, float]:
    """Fill ``out`` with w_j shape(u_j) at x = origin + y, up to a factor; return its logarithm, and the sum.

    The sum is 0 where no kernel reaches. A point at ``origin`` is at distance y to the last digit, however small y is.
    """
    code, h, x, z, w, anchor = shape.code, shape.h, cluster.x, cluster.z, cluster.w, cluster.anchor
    out = out[: x.size]
    if code == CAUCHY:
        for j in range(x.size):
            u = (origin - x[j] + y) / h
            out[j] = w[j] / (1.0 + u * u)
        return 0.0, total(out)
    if code >= BOX:
        for j in range(x.size):
            out[j] = w[j]
        _times_compact(code, h, x, origin, y, out)
        s = total(out)
        if s > 1e-250:
            return 0.0, s
        # Only points of negligible weight reach this place, or none: weigh them against one another.
        for j in range(x.size):
            out[j] = 1.0
        _times_compact(code, h, x, origin, y, out)
        least = 0.0 if total(out) > 0.0 else -1.0
        top = -HUGE
        for j in range(x.size):
            reached = out[j] > least and min(*_ends(h, x[j], origin, y)) >= 0.0
            top = max(top, z[j] if reached else -HUGE)
        for j in range(x.size):
            out[j] *= exp(min(z[j] - top, 0.0))
        return top, total(out)
    _exponents(code, shape.beta, h, x, z, origin, y, anchor, out)
    top = highest(out)
    common = _exponent(code, shape.beta, abs(origin - x[anchor] + y) / h)
    if not (abs(top) < _FAR and common < _FAR):
        # What all have in common, or what the heaviest and the anchor differ by, would drown what makes others differ.
        for j in range(x.size):
            out[j] = z[j] - _exponent(code, shape.beta, abs(origin - x[j] + y) / h)
        anchor = 0
        for j in range(x.size):
            anchor = j if out[j] > out[anchor] else anchor
        _far_exponents(code, shape.beta, h, x, z, origin, y, anchor, out)
        top = highest(out)
    base = z[anchor] - (_exponent(code, shape.beta, abs(origin - x[anchor] + y) / h))
    for j in range(x.size):
        out[j] = exp(out[j] - top)
    return base + top, total(out)


@numba.njit(error_model="numpy", fastmath=MATH)
def _exponent(code: int, beta: float, u: float) -> float:
    """Return -log K(u) of a kernel with an exponential, less its constant."""
    return 0.5 * u * u if code == GAUSSIAN else u if code == LAPLACE else u**beta


@numba.njit(error_model="numpy", fastmath=MATH)
def _exponents(
    code: int, beta: float, h: float, x: Any, z: Any, origin: float, y: float, anchor: int, out: Any
) -> None:
    """Fill ``out`` with z_j + log K(u_j), less the same of the anchor."""
    u0 = (origin - x[anchor] + y) / h
    if code == GAUSSIAN:
        # -(u_j^2 - u_0^2) / 2 = v (u_0 - v / 2) with v = (x_j - x_0) / h: however far the target, no digit is lost.
        for j in range(x.size):
            v = (x[j] - x[anchor]) / h
            out[j] = (z[j] - z[anchor]) + v * (u0 - 0.5 * v)
        return
    base = z[anchor] - _exponent(code, beta, abs(u0))
    if code == LAPLACE:
        for j in range(x.size):
            out[j] = z[j] - abs(origin - x[j] + y) / h - base
    else:
        for j in range(x.size):
            out[j] = z[j] - (abs(origin - x[j] + y) / h) ** beta - base


@numba.njit(error_model="numpy", fastmath=MATH)
def _far_exponents(
    code: int, beta: float, h: float, x: Any, z: Any, origin: float, y: float, anchor: int, out: Any
) -> None:
    """Do what `_exponents` does, by differences of distances: u_j^beta - u_0^beta = u_0^beta expm1(beta log(u_j/u_0)).

    Of points on the same side distances differ by what the points are apart. Across the place they are subtracted, and
    what they lost when they were rounded is added again.
    """
    s0, below = two_sum(origin, -x[anchor])
    d0 = s0 + y
    u0 = abs(d0) / h
    for j in range(x.size):
        s, lower = two_sum(origin, -x[j])
        d = s + y
        if (d < 0.0) != (d0 < 0.0):
            farther = ((s + s0) + (2.0 * y + (lower + below))) * (-1.0 if d < 0.0 else 1.0) / h
        else:
            farther = (x[anchor] - x[j]) * (-1.0 if d < 0.0 else 1.0) / h
        if code == GAUSSIAN:
            rise = farther * (u0 + 0.5 * farther)
        elif code == LAPLACE:
            rise = farther
        elif farther >= u0:
            rise = (u0 + farther) ** beta - u0**beta
        else:
            rise = u0**beta * math.expm1(beta * math.log1p(max(farther / u0, -1.0)))
        out[j] = (z[j] - z[anchor]) - rise


@numba.njit(error_model="numpy", fastmath=MATH)
def _times_compact(code: int, h: float, x: Any, origin: float, y: float, out: Any) -> None:
    """Multiply ``out`` by the shape of a compact kernel."""
    for j in range(x.size):
        before, behind = _ends(h, x[j], origin, y)
        if code == BOX:
            place = origin + y
            out[j] *= 1.0 if gap(place, x[j], h) >= 0.0 and gap(x[j], place, h) >= 0.0 else 0.0
        elif code == TRIANGULAR:
            out[j] *= max(min(before, behind), 0.0)
        else:
            out[j] *= max(before, 0.0) * max(behind, 0.0)


@numba.njit(error_model="numpy", fastmath=MATH)
def _ends(h: float, x: float, origin: float, y: float) -> tuple[float, float]:
    """Return how far, in bandwidths, origin + y lies behind where a compact kernel begins, and before its end."""
    return (gap(origin, x, h) + y) / h, (gap(x, origin, h) - y) / h


@numba.njit(error_model="numpy", fastmath=MATH)
def slopes(
    shape: Any, cluster: Any, origin: float, y: float, middle: float, scale: float, r: Any, out: Any
) -> None:  # fmt: skip
    """Fill ``out`` with r_j (log K)'(u_j) sign(x - x_j), r_j = w_j shape(u_j) up to exp(scale) as `terms` has it.

    A kernel with a cusp slopes as on the side of origin + ``middle``, the middle of a panel that cusps only bound.
    At a kink it is the mean of both sides: half of the slope where a compact kernel ends, 0 at the point itself.
    """
    inner = middle if shape.code == LAPLACE or (shape.code == GENERALIZED and shape.beta % 2.0 != 0.0) else y
    x = cluster.x
    for j in range(x.size):
        d = origin - x[j] + y
        u = abs(d) / shape.h
        slope = 0.0
        if shape.code == LAPLACE:
            slope = -1.0
        elif shape.code == GAUSSIAN:
            slope = -u
        elif shape.code == CAUCHY:
            slope = -2.0 * u / (1.0 + u * u)
        elif shape.code == GENERALIZED:
            slope = -shape.beta * u ** (shape.beta - 1.0) if u > 0.0 or shape.beta >= 1.0 else 0.0
        elif shape.code > BOX:
            before, behind = _ends(shape.h, x[j], origin, y)
            slope = 0.0
            if min(before, behind) >= 0.0:
                weight = cluster.w[j] if scale == 0.0 else math.exp(min(cluster.z[j] - scale, 0.0))
                slope = -weight if shape.code == TRIANGULAR else -2.0 * u * weight
                slope *= 0.5 if min(before, behind) == 0.0 else 1.0
            out[j] = slope * np.sign(d)
            continue
        out[j] = r[j] * slope * np.sign(origin - x[j] + inner)
