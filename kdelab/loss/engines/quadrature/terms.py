"""The terms of the density at one place: what every rule of quadrature evaluates at each of its nodes.

With u_j = (x - x_j) / h, a kernel is K(u) = constant * ratio(u). The terms w_j ratio(u_j) are returned up to a common
factor, whose logarithm is returned with them. `kernel` is a `kdelab.loss.kernels.base.Compiled`, whose class says, when
code is compiled, to which family it belongs and which functions are its own.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import overload

from kdelab.loss.arithmetic import HUGE, exp, gap, highest, total, two_sum
from kdelab.loss.kernels.base import Algebraic, Compact, Compiled, Exponential
from kdelab.loss.runtime import MATH, scalar
from kdelab.loss.validate import Floats

# Beyond this difference of exponents an anchor is changed for a better one.
_FAR = 30.0
_OPTIONS = {"error_model": "numpy", "fastmath": MATH}


class Cluster(NamedTuple):
    """One prediction: points, logits less their maximum, weights exp(z), and log p = log_scale + log of the terms."""

    x: Floats
    z: Floats
    w: Floats
    anchor: int
    log_scale: float
    width: float


def _of_one(name: str) -> Any:
    """Return a function of the kernel and one number that is, in compiled code, the kernel's own of that name."""

    def stub(kernel: Compiled, u: float) -> float:
        raise NotImplementedError("compiled code only")

    @overload(stub, jit_options=_OPTIONS, strict=False)
    def of_kernel(kernel: Any, u: Any) -> Any:
        own = getattr(kernel.instance_class, name)
        return lambda kernel, u: own(kernel, u)

    return stub


def _of_two(name: str) -> Any:
    """Return the same of two numbers."""

    def stub(kernel: Compiled, u: float, v: float) -> float:
        raise NotImplementedError("compiled code only")

    @overload(stub, jit_options=_OPTIONS, strict=False)
    def of_kernel(kernel: Any, u: Any, v: Any) -> Any:
        own = getattr(kernel.instance_class, name)
        return lambda kernel, u, v: own(kernel, u, v)

    return stub


def _of_three(name: str) -> Any:
    """Return the same of three numbers."""

    def stub(kernel: Compiled, u: float, v: float, w: float) -> float:
        raise NotImplementedError("compiled code only")

    @overload(stub, jit_options=_OPTIONS, strict=False)
    def of_kernel(kernel: Any, u: Any, v: Any, w: Any) -> Any:
        own = getattr(kernel.instance_class, name)
        return lambda kernel, u, v, w: own(kernel, u, v, w)

    return stub


_exponent, _slope, _ratio = map(_of_one, ("exponent", "slope", "ratio"))
_rise, _height = map(_of_two, ("rise", "height"))
_steepness = _of_three("steepness")


def terms(kernel: Compiled, cluster: Cluster, origin: float, y: float, out: Floats) -> tuple[float, float]:
    """Fill ``out`` with w_j ratio(u_j) at x = origin + y, up to a factor; return its logarithm, and the sum.

    The sum is 0 where no kernel reaches. A point at ``origin`` is at distance y to the last digit, however small y is.
    """
    raise NotImplementedError("compiled code only")


def slopes(
    kernel: Compiled, cluster: Cluster, origin: float, y: float, middle: float, scale: float, r: Floats, out: Floats
) -> None:
    """Fill ``out`` with r_j (log K)'(u_j) sign(x - x_j), r_j = w_j ratio(u_j) up to exp(scale) as `terms` has it.

    A kernel with a cusp slopes as on the side of origin + ``middle``, the middle of a panel that cusps only bound.
    At a kink it is the mean of both sides: half of the slope where a compact kernel ends, 0 at the point itself.
    """
    raise NotImplementedError("compiled code only")


@scalar
def _exponential_terms(kernel: Compiled, cluster: Cluster, origin: float, y: float, out: Floats) -> tuple[float, float]:
    x, z, h, anchor = cluster.x, cluster.z, kernel.h, cluster.anchor
    out = out[: x.size]
    common = _exponent(kernel, abs(origin - x[anchor] + y) / h)
    base = z[anchor] - common
    for j in range(x.size):
        out[j] = z[j] - _exponent(kernel, abs(origin - x[j] + y) / h) - base
    top = highest(out)
    if not (abs(top) < _FAR and common < _FAR):
        # What all have in common, or what the heaviest and the anchor differ by, would drown what makes others differ.
        for j in range(x.size):
            out[j] = z[j] - _exponent(kernel, abs(origin - x[j] + y) / h)
        for j in range(x.size):
            anchor = j if out[j] > out[anchor] else anchor
        _far_exponents(kernel, x, z, origin, y, anchor, out)
        top = highest(out)
        base = z[anchor] - _exponent(kernel, abs(origin - x[anchor] + y) / h)
    for j in range(x.size):
        out[j] = exp(out[j] - top)
    return base + top, total(out)


@scalar
def _far_exponents(kernel: Compiled, x: Floats, z: Floats, origin: float, y: float, anchor: int, out: Floats) -> None:
    """Fill ``out`` with z_j + log K(u_j), less the same of the anchor, by differences of distances.

    Of points on the same side distances differ by what the points are apart. Across the place they are subtracted, and
    what they lost when they were rounded is added again.
    """
    h = kernel.h
    s0, below = two_sum(origin, -x[anchor])
    d0 = s0 + y
    for j in range(x.size):
        s, lower = two_sum(origin, -x[j])
        d = s + y
        if (d < 0.0) != (d0 < 0.0):
            farther = ((s + s0) + (2.0 * y + (lower + below))) * (-1.0 if d < 0.0 else 1.0) / h
        else:
            farther = (x[anchor] - x[j]) * (-1.0 if d < 0.0 else 1.0) / h
        out[j] = (z[j] - z[anchor]) - _rise(kernel, abs(d0) / h, farther)


@scalar
def _algebraic_terms(kernel: Compiled, cluster: Cluster, origin: float, y: float, out: Floats) -> tuple[float, float]:
    x, w = cluster.x, cluster.w
    out = out[: x.size]
    for j in range(x.size):
        out[j] = w[j] * _ratio(kernel, abs(origin - x[j] + y) / kernel.h)
    return 0.0, total(out)


@scalar
def _compact_terms(kernel: Compiled, cluster: Cluster, origin: float, y: float, out: Floats) -> tuple[float, float]:
    x, z = cluster.x, cluster.z
    out = out[: x.size]
    for j in range(x.size):
        before, behind = _ends(kernel.h, x[j], origin, y)
        out[j] = cluster.w[j] * _height(kernel, before, behind) if min(before, behind) >= 0.0 else 0.0
    s = total(out)
    if s > 1e-250:
        return 0.0, s
    # Only points of negligible weight reach this place, or none: weigh them against one another.
    least = -1.0
    for j in range(x.size):
        before, behind = _ends(kernel.h, x[j], origin, y)
        out[j] = _height(kernel, before, behind) if min(before, behind) >= 0.0 else -1.0
        least = 0.0 if out[j] > 0.0 else least
    top = -HUGE
    for j in range(x.size):
        top = max(top, z[j] if out[j] > least else -HUGE)
    for j in range(x.size):
        out[j] = max(out[j], 0.0) * exp(min(z[j] - top, 0.0))
    return top, total(out)


@scalar
def _ends(h: float, x: float, origin: float, y: float) -> tuple[float, float]:
    """Return how far, in bandwidths, origin + y lies behind where a compact kernel begins, and before its end."""
    return (gap(origin, x, h) + y) / h, (gap(x, origin, h) - y) / h


@scalar
def _tail_slopes(
    kernel: Compiled, cluster: Cluster, origin: float, y: float, middle: float, scale: float, r: Floats, out: Floats
) -> None:
    inner = middle if kernel.cusped else y
    for j in range(cluster.x.size):
        u = abs(origin - cluster.x[j] + y) / kernel.h
        out[j] = r[j] * _slope(kernel, u) * np.sign(origin - cluster.x[j] + inner)


@scalar
def _compact_slopes(
    kernel: Compiled, cluster: Cluster, origin: float, y: float, middle: float, scale: float, r: Floats, out: Floats
) -> None:
    for j in range(cluster.x.size):
        d = origin - cluster.x[j] + y
        before, behind = _ends(kernel.h, cluster.x[j], origin, y)
        out[j] = 0.0
        if min(before, behind) >= 0.0:
            weight = cluster.w[j] if scale == 0.0 else math.exp(min(cluster.z[j] - scale, 0.0))
            half = 0.5 if min(before, behind) == 0.0 else 1.0
            out[j] = half * weight * _steepness(kernel, abs(d) / kernel.h, before, behind) * np.sign(d)


_TERMS = {Exponential: _exponential_terms, Algebraic: _algebraic_terms, Compact: _compact_terms}
_SLOPES = {Exponential: _tail_slopes, Algebraic: _tail_slopes, Compact: _compact_slopes}


def _of_family(functions: dict[Any, Any], kind: type) -> Any:
    return next(function for family, function in functions.items() if issubclass(kind, family))


@overload(terms, jit_options=_OPTIONS, strict=False)
def _terms(kernel: Any, cluster: Any, origin: Any, y: Any, out: Any) -> Any:
    own = _of_family(_TERMS, kernel.instance_class)
    return lambda kernel, cluster, origin, y, out: own(kernel, cluster, origin, y, out)


@overload(slopes, jit_options=_OPTIONS, strict=False)
def _slopes(kernel: Any, cluster: Any, origin: Any, y: Any, middle: Any, scale: Any, r: Any, out: Any) -> Any:
    own = _of_family(_SLOPES, kernel.instance_class)
    return lambda kernel, cluster, origin, y, middle, scale, r, out: own(
        kernel, cluster, origin, y, middle, scale, r, out
    )
