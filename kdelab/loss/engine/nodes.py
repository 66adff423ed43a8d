"""The densities at one place: what every rule of quadrature evaluates at each of its nodes.

With u_j = (x - x_j) / h, a kernel is K(u) = constant * shape(u). The terms w_j shape(u_j) are returned up to a common
factor, whose logarithm is returned with them. `shape` and `cluster` are those of `panel`.
"""

from typing import Any

import numba
import numpy as np

from kdelab.loss.engine.compiled import MATH, exp, highest, total
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
LAPLACE, GAUSSIAN, CAUCHY, GENERALIZED, BOX, TRIANGULAR, EPANECHNIKOV = range(7)


def code_of(kernel: Kernel) -> tuple[int, float, float]:
    """Return the kernel's number, its shape beta, and log of its constant over h."""
    if type(kernel) not in CODES:
        known = ", ".join(kind.__name__ for kind in CODES)
        raise ValueError(f"kernel must be one of {known}, not {kernel!r}")
    at_zero = float(kernel.log(np.zeros(1))[0])
    return CODES[type(kernel)], float(getattr(kernel, "shape", 1.0)), at_zero


@numba.njit(error_model="numpy", fastmath=MATH)
def terms(shape: Any, cluster: Any, origin: float, y: float, out: Any) -> tuple[float, float, float]:
    """Fill ``out`` with w_j shape(u_j) at x = origin + y, up to a factor; return its log, the sum, and the rounding.

    The sum is 0 where no kernel reaches. The third number is the size of what was rounded before it was exponentiated.
    A point at ``origin`` is at distance y to the last digit, however small y is.
    """
    code, h, x, z, w, anchor = shape.code, shape.h, cluster.x, cluster.z, cluster.w, cluster.anchor
    out = out[: x.size]
    if code == CAUCHY:
        for j in range(x.size):
            u = (origin - x[j] + y) / h
            out[j] = w[j] / (1.0 + u * u)
        return 0.0, total(out), 0.0
    if code >= BOX:
        for j in range(x.size):
            out[j] = w[j]
        times_compact(code, h, x, origin, y, out)
        s = total(out)
        if s > 1e-250:
            return 0.0, s, 0.0
        # Only points of negligible weight reach this place, or none: weigh them against one another.
        top = -1.7e308
        for j in range(x.size):
            if abs(origin - x[j] + y) <= h:
                top = max(top, z[j])
        for j in range(x.size):
            out[j] = exp(min(z[j] - top, 0.0))
        times_compact(code, h, x, origin, y, out)
        return top, total(out), 0.0
    base = z[anchor]
    if code == GAUSSIAN:
        # -(u_j^2 - u_0^2) / 2 = v (u_0 - v / 2) with v = (x_j - x_0) / h: however far the target, no digit is lost.
        u0 = (origin - x[anchor] + y) / h
        base -= 0.5 * u0 * u0
        for j in range(x.size):
            v = (x[j] - x[anchor]) / h
            out[j] = (z[j] - z[anchor]) + v * (u0 - 0.5 * v)
    elif code == LAPLACE:
        for j in range(x.size):
            out[j] = (z[j] - z[anchor]) - abs(origin - x[j] + y) / h
    else:
        for j in range(x.size):
            out[j] = (z[j] - z[anchor]) - (abs(origin - x[j] + y) / h) ** shape.beta
    top = highest(out)
    for j in range(x.size):
        out[j] = exp(out[j] - top)
    return base + top, total(out), abs(top)


@numba.njit(error_model="numpy", fastmath=MATH)
def times_compact(code: int, h: float, x: Any, origin: float, y: float, out: Any) -> None:
    """Multiply ``out`` by the shape of a compact kernel."""
    for j in range(x.size):
        d = abs(origin - x[j] + y)
        u = d / h
        if d > h:
            out[j] = 0.0
        elif code == TRIANGULAR:
            out[j] *= max(1.0 - u, 0.0)
        elif code == EPANECHNIKOV:
            out[j] *= max(1.0 - u, 0.0) * (1.0 + u)


@numba.njit(error_model="numpy", fastmath=MATH)
def slopes(shape: Any, x: Any, origin: float, y: float, r: Any, out: Any) -> None:
    """Fill ``out`` with r_j (log K)'(u_j) sign(x - x_j); the sign is 0 at the point itself."""
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
            slope = -shape.beta * u ** (shape.beta - 1.0) if u > 0.0 else 0.0
        elif r[j] > 0.0:
            if shape.code == TRIANGULAR:
                slope = -1.0 / (1.0 - u)
            elif shape.code == EPANECHNIKOV:
                slope = -2.0 * u / ((1.0 - u) * (1.0 + u))
        out[j] = r[j] * slope * np.sign(d)
