"""Arithmetic of the compiled loops: an exp and a log that vectorise, sums, logarithms of sums, exact differences."""

import math
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

from kdelab.loss.runtime import MATH, inlined
from kdelab.loss.validate import Floats

HUGE = 1.7976931348623157e308


@intrinsic
def _bits_of(context: Any, value: Any) -> Any:
    """Reinterpret a float64 as an int64."""
    return types.int64(types.float64), lambda ctx, builder, sig, args: builder.bitcast(
        args[0], ctx.get_value_type(types.int64)
    )


@intrinsic
def _float_of(context: Any, value: Any) -> Any:
    """Reinterpret an int64 as a float64."""
    return types.float64(types.int64), lambda ctx, builder, sig, args: builder.bitcast(
        args[0], ctx.get_value_type(types.float64)
    )


_FAST = ("contract", "nnan", "nsz", "arcp")


@intrinsic
def polynomial(context: Any, x: Any, coefficients: Any) -> Any:
    """Return sum_n c_n x^n for a tuple of floats c, by Horner's rule; as one call it compiles many times as fast."""

    def code(ctx: Any, builder: Any, sig: Any, args: Any) -> Any:
        x, row = args
        value = builder.extract_value(row, len(coefficients) - 1)
        for n in range(len(coefficients) - 2, -1, -1):
            value = builder.fadd(builder.fmul(value, x, flags=_FAST), builder.extract_value(row, n), flags=_FAST)
        return value

    return types.float64(types.float64, coefficients), code


@intrinsic
def plus(context: Any, a: Any, b: Any) -> Any:
    """Return a + b, for sums whose order is free: a loop over it runs in several strands at once."""

    def code(ctx: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.fadd(*args, flags=("reassoc", *_FAST))

    return types.float64(types.float64, types.float64), code


_LOG2_E = 1.4426950408889634
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_HALF_LOG2 = 0.5 * math.log(2.0)
# (e^r - 1 - r) / r^2 for abs(r) <= log(2) / 2, by Chebyshev's interpolation, to 2^-53 of e^r.
_EXP = tuple(
    float(c)
    for c in np.polynomial.Chebyshev.interpolate(
        np.polynomial.Polynomial([1.0 / math.factorial(n + 2) for n in range(18)]), 9, [-_HALF_LOG2, _HALF_LOG2]
    )
    .convert(kind=np.polynomial.Polynomial)
    .coef
)


@inlined
def exp_parts(x: float) -> tuple[float, float]:
    """Return s and s t with exp(x) = s (1 + t) for x <= 0, s a power of 2: exp(x) is s + s t, expm1(x) (s - 1) + s t.

    A polynomial in the rest of x modulo log 2, without branches or tables, so that a loop over it vectorises: 3.5
    times the speed of the library's exp. Below -708 the result is 3e-308.
    """
    x = max(x, -708.0)
    n = np.floor(x * _LOG2_E + 0.5)
    r = (x - n * _LOG2_HIGH) - n * _LOG2_LOW
    t = polynomial(r, _EXP) * r * r + r
    s = _float_of((np.int64(np.int32(n)) + np.int64(1023)) << np.int64(52))
    return s, s * t


@inlined
def exp(x: float) -> float:
    """Return exp(x) for x <= 0, to 1 ulp, and 0 below -708."""
    s, st = exp_parts(x)
    return s + st if x > -708.0 else 0.0


@inlined
def log(x: float) -> float:
    """Return log(x) for a normal x > 0, to 1 ulp, without branches: the polynomial of fdlibm's e_log.c."""
    bits = _bits_of(x) + (np.int64(0x3FF00000 - 0x3FE6A09E) << np.int64(32))
    exponent = np.float64(np.int32(bits >> np.int64(52)) - np.int32(1023))
    mantissa = (bits & np.int64(0x000FFFFFFFFFFFFF)) + (np.int64(0x3FE6A09E) << np.int64(32))
    f = _float_of(mantissa) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    even = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    return s * (half + odd + even) + exponent * _LOG2_LOW - half + f + exponent * _LOG2_HIGH


@numba.njit(fastmath=MATH, error_model="numpy")
def log1p(q: float) -> float:
    """Return log(1 + q) for 0 <= q <= 1, to 1 ulp."""
    u = 1.0 + q
    return log(u) + (q - (u - 1.0)) / u


@numba.njit(fastmath=True, error_model="numpy")
def highest(values: Floats) -> float:
    """Return the largest of finite values; -1.8e308 if there are none."""
    top = -HUGE
    for j in range(values.size):
        top = max(top, values[j])
    return top


@numba.njit(fastmath=True, error_model="numpy")
def total(values: Floats) -> float:
    """Return the sum, in several strands at once."""
    s = 0.0
    for j in range(values.size):
        s += values[j]
    return s


@numba.njit(fastmath=True, error_model="numpy")
def absolute(values: Floats) -> float:
    """Return the sum of what values are without their signs, in several strands at once."""
    s = 0.0
    for j in range(values.size):
        s += abs(values[j])
    return s


@numba.njit(fastmath=True, error_model="numpy")
def dot(a: Floats, b: Floats) -> float:
    """Return the sum of products, in several strands at once."""
    s = 0.0
    for j in range(a.size):
        s += a[j] * b[j]
    return s


@numba.njit(error_model="numpy")
def log_add(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b)); either may be -inf."""
    larger, smaller = max(a, b), min(a, b)
    return larger + math.log1p(math.exp(smaller - larger)) if smaller > -np.inf else larger


@numba.njit(error_model="numpy")
def softplus(v: float) -> float:
    """Return log(1 + exp(v)); v may be infinite."""
    return v + math.log1p(math.exp(-v)) if v > 0.0 else math.log1p(math.exp(v))


@numba.njit(error_model="numpy")
def two_sum(a: float, b: float) -> tuple[float, float]:
    """Return a + b and its rounding error (Knuth)."""
    s = a + b
    back = s - a
    return s, (a - (s - back)) + (b - back)


@numba.njit(error_model="numpy")
def gap(p: float, q: float, m: float) -> float:
    """Return p - q + m with one rounding, so that its sign is right: places that differ at all differ in order."""
    s, below = two_sum(p, -q)
    t, lower = two_sum(s, m)
    return t + (below + lower)
