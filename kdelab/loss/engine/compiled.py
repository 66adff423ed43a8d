"""What the compiled loops share: a cache on disk that can't go stale, threads, and an exp and log that vectorise."""

import hashlib
import math
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core.caching import FunctionCache, IndexDataCacheFile
from numba.extending import intrinsic

from kdelab.loss.validate import Integers

# Infinities stay meaningful, signed zeros and NaNs don't occur, a * b + c may be one operation. Sums keep their order,
# except in the reductions below, whose order is fixed when they are compiled.
MATH = {"contract", "nnan", "nsz", "arcp"}

# Points for which it is worth starting a thread.
ENOUGH = 8192

HUGE = 1.7976931348623157e308

inlined = numba.njit(inline="always", error_model="numpy", fastmath=MATH)


@cache
def _stamp(folder: Path) -> str:
    digest = hashlib.sha256()
    for source in sorted(folder.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


class _Files(IndexDataCacheFile):
    """The files of a cache, compiled code with its digest before it: what isn't whole must not run."""

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(code).digest() + code)

    def _load_data(self, name: str) -> Any:
        stored = Path(self._data_path(name)).read_bytes()
        digest, code = stored[:32], stored[32:]
        if hashlib.sha256(code).digest() != digest:
            raise ValueError(f"{name} is not whole")
        return pickle.loads(code)


class _Cache(FunctionCache):
    """A cache on disk that can't go stale, and that nothing depends on.

    numba's own looks at the file of the decorated function only, and would keep using code inlined from a helper module
    that was edited since: so the stamp that it compares is one of the whole folder. What can't be read back, truncated,
    damaged or not a file, is compiled again and replaced; where nothing can be written, on a full disk or a read-only
    one, there is no cache.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = _stamp(Path(function.__code__.co_filename).parent)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # unpickling what isn't a pickle may raise anything
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except Exception:
            with suppress(Exception):  # a broken index can't be added to: begin a new one
                self.flush()
                super().save_overload(sig, data)


def compiled(function: Callable[..., Any] | None = None, *, fastmath: Any = MATH) -> Any:
    """Decorate with numba.njit, without the GIL, cached on disk until any module of the function's folder changes.

    The only way to compile what is called from Python, in the loss and in the gun: see `_Cache`.

    Parameters
    ----------
    fastmath : bool or set of str
        What numba may do to the order and the rounding of operations.
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    with suppress(RuntimeError, OSError):  # no folder that can be written to
        dispatcher._cache = _Cache(function)
    return dispatcher


def in_parallel(function: Callable[..., Any], offsets: Integers, *arguments: Any) -> None:
    """Call ``function(first, last, *arguments)`` for all predictions, dealt to threads by about equally many points.

    Threads of Python, over functions that have let go of the GIL, rather than numba's: those double the time that
    compiling takes, and a process that has used them can't be forked any more. NUMBA_NUM_THREADS says how many.
    """
    n, points = len(offsets) - 1, int(offsets[-1])
    parts = min(numba.config.NUMBA_NUM_THREADS, points // ENOUGH + 1)
    cuts = [int(c) for c in np.searchsorted(offsets, np.arange(1, parts) * (points / parts))]
    spans = list(pairwise([0, *cuts, n]))
    if parts == 1:
        function(0, n, *arguments)
        return
    others = [_pool().submit(function, first, last, *arguments) for first, last in spans[1:]]
    function(*spans[0], *arguments)
    for other in others:
        other.result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(numba.config.NUMBA_NUM_THREADS)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads don't survive a fork


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


_LOG2_E = 1.4426950408889634
_LOG2_HIGH, _LOG2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10


@inlined
def exp_parts(x: float) -> tuple[float, float]:
    """Return s and s t with exp(x) = s (1 + t) for x <= 0, s a power of 2: exp(x) is s + s t, expm1(x) (s - 1) + s t.

    A polynomial in the rest of x modulo log 2, without branches or tables, so that a loop over it vectorises: 3.5
    times the speed of the library's exp. Below -708 the result is 3e-308.
    """
    x = max(x, -708.0)
    n = np.floor(x * _LOG2_E + 0.5)
    r = (x - n * _LOG2_HIGH) - n * _LOG2_LOW
    t = 1.0 / 6227020800.0
    t = t * r + 1.0 / 479001600.0
    t = t * r + 1.0 / 39916800.0
    t = t * r + 1.0 / 3628800.0
    t = t * r + 1.0 / 362880.0
    t = t * r + 1.0 / 40320.0
    t = t * r + 1.0 / 5040.0
    t = t * r + 1.0 / 720.0
    t = t * r + 1.0 / 120.0
    t = t * r + 1.0 / 24.0
    t = t * r + 1.0 / 6.0
    t = t * r + 0.5
    t = t * r * r + r
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


@numba.njit(fastmath=True, error_model="numpy")
def highest(values: Any) -> float:
    """Return the largest of finite values; -1.8e308 if there are none."""
    top = -HUGE
    for j in range(values.size):
        top = max(top, values[j])
    return top


@numba.njit(fastmath=True, error_model="numpy")
def total(values: Any) -> float:
    """Return the sum, in several strands at once."""
    s = 0.0
    for j in range(values.size):
        s += values[j]
    return s


@numba.njit(fastmath=True, error_model="numpy")
def absolute(values: Any) -> float:
    """Return the sum of what values are without their signs, in several strands at once."""
    s = 0.0
    for j in range(values.size):
        s += abs(values[j])
    return s


@numba.njit(fastmath=True, error_model="numpy")
def dot(a: Any, b: Any) -> float:
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
