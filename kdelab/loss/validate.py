"""The gate: whatever users hand in as numbers comes through here, or is refused.

Each refusal is one ValueError that names the argument, what came and what may come. What is let through is of one form,
a read-only array of float64 or int64, C-contiguous, aligned, in the machine's byte order, whatever the array, list,
series or column was: so compiled code is compiled once, and can't write into what isn't its own.
"""

import numbers as abstract
import operator
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Indices = NDArray[np.int32]
Flags = NDArray[np.bool_]
Kind = TypeVar("Kind")

_NOT_NUMBERS = {
    "c": "complex numbers",
    "M": "dates",
    "m": "durations",
    "U": "text",
    "T": "text",
    "S": "bytes",
    "V": "records",
}


def vector(name: str, given: ArrayLike, length: int | None = None, meaning: str = "", *, own: bool = False) -> Floats:
    """Return ``given`` as a 1-D array of finite numbers, ``length`` of them where that is said.

    Parameters and errors as in `numbers`; it also raises a ValueError if ``given`` is not one-dimensional, of another
    length, or holds NaN or infinity.
    """
    array = _floats(name, given, own)
    _one_dimensional(name, array, length, meaning)
    if not np.isfinite(largest(array)):
        bad = ~np.isfinite(array)
        first = int(np.argmax(bad))
        raise ValueError(f"{name} must be finite, but {int(bad.sum())} of {len(array)} are not: "
                         f"{name}[{first}] is {array[first]}")  # fmt: skip
    return array


def largest(array: Floats) -> float:
    """Return a bound of the absolute values of a vector, infinite or NaN only if one of them is.

    The square root of the sum of squares, a quarter of the time of looking at each, with room for what rounds off and
    underflows; or, where that overflows, the largest itself.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        # Not `dot`: BLAS would wake threads, which where others are busy takes a hundred times as long.
        norm = (1.0 + 1e-9) * float(np.sqrt(np.einsum("i,i", array, array))) + 1e-150
    return norm if norm < np.inf else float(np.abs(array).max())


def integers(
    name: str, given: ArrayLike, length: int | None = None, meaning: str = "", *, own: bool = False
) -> Integers:
    """Return ``given`` as a 1-D array of int64; whole numbers of any type will do.

    Parameters and errors as in `numbers`; it also raises a ValueError if ``given`` is not one-dimensional, of another
    length, or holds what isn't a whole number below 2^63.
    """
    array = real(name, given)
    _one_dimensional(name, array, length, meaning)
    if array.dtype.kind not in "bi":
        floats = _floats(name, array, False)
        bad = ~((np.floor(floats) == floats) & (np.abs(floats) < 2.0**63))
        if bad.any():
            first = int(np.argmax(bad))
            raise ValueError(f"{name} must be whole numbers, but {name}[{first}] is {array[first]}")
    return one_form(array, np.int64, own)


def numbers(name: str, given: ArrayLike, *, own: bool = False) -> Floats:
    """Return ``given`` as an array of float64, of any shape, in the one form that compiled code sees.

    Parameters
    ----------
    name : str
        The argument, for the message.
    given : array_like
        Real numbers; truth values count as 0 and 1.
    own : bool
        Whether the result is to be kept: then it is a copy, the only one that is made, and nobody else's. Otherwise it
        may be a read-only view of what was given.

    Raises
    ------
    ValueError
        If it is masked, holds complex numbers, dates, durations, text, bytes, objects that aren't numbers, or NaN, or a
        number too large for a float64.
    """
    array = _floats(name, given, own)
    if np.isnan(array).any():
        raise ValueError(f"{name} must be numbers, but {int(np.isnan(array).sum())} of {array.size} are NaN")
    return array


def places(given: ArrayLike, n: int, name: str = "x") -> Floats:
    """Return places, finite numbers of the shape (m,), for all of n predictions, or (n, m), for each, as (n, m)."""
    array = numbers(name, given)
    rows = np.atleast_2d(array)
    if rows.ndim != 2 or rows.shape[0] not in (1, n):
        raise ValueError(f"{name} must have the shape (m,) or ({n}, m), but its shape is {array.shape}")
    if not np.isfinite(rows).all():
        raise ValueError(f"{name} must be finite, but {int((~np.isfinite(rows)).sum())} of its entries are not")
    return one_form(np.broadcast_to(rows, (n, rows.shape[1])))


def _floats(name: str, given: ArrayLike, own: bool) -> Floats:
    array = real(name, given)
    try:
        return one_form(array, np.float64, own)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must be real numbers within the range of float64, not {_brief(given)}") from error


def real(name: str, given: ArrayLike) -> NDArray[Any]:
    """Return ``given`` as an array of real numbers, of whatever type they are; errors as in `numbers`."""
    if _masked(given):
        raise ValueError(f"{name} must not be a masked array, since its mask would be lost: fill or drop what it masks")
    if isinstance(given, bytearray) or (isinstance(given, memoryview) and isinstance(given.obj, (bytes, bytearray))):
        raise ValueError(f"{name} must be real numbers, not bytes: {_brief(given)}")
    try:
        array = np.asarray(given)
    except Exception as error:  # whatever a foreign object may raise when it is asked for an array
        raise ValueError(f"{name} must be an array of numbers, not {_brief(given)}") from error
    if what := _NOT_NUMBERS.get(array.dtype.kind):
        raise ValueError(f"{name} must be real numbers, not {what} ({array.dtype}): {_brief(given)}")
    if array.dtype.kind == "O":
        for i, entry in enumerate(array.ravel()):
            if not _is_real(entry):
                where = f"but entry {i} is" if array.ndim else "not"
                raise ValueError(f"{name} must be real numbers, {where} {_brief(entry)}, {type(entry).__name__}")
    return array


def truths(name: str, given: ArrayLike, shape: tuple[int, ...]) -> Flags:
    """Return ``given`` as an array of truth values of this shape, else raise a ValueError."""
    array = real(name, given)
    if array.dtype != bool or array.shape != shape:
        raise ValueError(f"{name} must hold truth values of shape {shape}, not {array.dtype} of shape {array.shape}")
    flags: Flags = array
    return flags


def positive(name: str, given: float) -> float:
    """Return ``given`` as a float if it is a finite number above zero, else raise a ValueError."""
    number = scalar(name, given)
    if number <= 0:
        raise ValueError(f"{name} must be greater than 0, not {number!r}")
    return number


def fraction(name: str, given: float) -> float:
    """Return ``given`` as a float if it lies in [0, 1), else raise a ValueError."""
    number = scalar(name, given)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be at least 0 and less than 1, not {number!r}")
    return number


def count(name: str, given: int, least: int = 1) -> int:
    """Return ``given`` as an int if it is a whole number of at least ``least``, else raise a ValueError."""
    try:
        if isinstance(given, (bool, np.bool, np.ma.MaskedArray)):
            raise TypeError
        number = operator.index(given)
    except TypeError as error:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {_brief(given)}") from error
    if not least <= number < 2**63:
        raise ValueError(f"{name} must be a whole number of at least {least} and below 2^63, not {_brief(given)}")
    return number


def scalar(name: str, given: float) -> float:
    """Return ``given`` as a float if it is one finite number, else raise a ValueError."""
    array = _floats(name, given, False)
    if array.ndim:
        raise ValueError(f"{name} must be one number, not an array of shape {array.shape}")
    number = float(array)
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite, not {number}")
    return number


def names(name: str, given: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Return ``given``, one name or several, as a tuple if all are ``known``, else raise a ValueError."""
    wanted = (given,) if isinstance(given, str) else tuple(given)
    for one in wanted:
        if one not in known:
            raise ValueError(f"{name} may name {', '.join(known)}, not {one!r}")
    return wanted


def instance(name: str, given: Kind, kind: Any, such_as: str) -> Kind:
    """Return ``given`` if it is one of ``kind``, else raise a ValueError that says ``such_as``."""
    if not isinstance(given, kind):
        raise ValueError(f"{name} must be a kdelab {kind.__name__}, {such_as} say, not {_brief(given)}")
    return given


def generator(name: str, given: Any) -> np.random.Generator:
    """Return ``given`` if it is a ``numpy.random.Generator``, else raise a ValueError."""
    if not isinstance(given, np.random.Generator):
        raise ValueError(f"{name} must be a numpy.random.Generator, numpy.random.Generator(numpy.random.PCG64(seed)) "
                         f"say, not {_brief(given)}")  # fmt: skip
    return given


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view of the array through which nobody can write."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view


def one_form(array: NDArray[Any], kind: type = np.float64, own: bool = False) -> NDArray[Any]:
    """Return an array of numbers in the one form that compiled code sees, unchecked; ``own`` as in `numbers`."""
    with np.errstate(over="ignore"):  # a long double beyond float64 becomes infinite, and is refused as such
        plain: NDArray[Any] = np.array(array, dtype=kind, order="C", copy=True if own else None)
    if own:
        plain.flags.writeable = False  # the owner itself, so that not even its views can be made writeable
    return read_only(plain if plain.flags.aligned else plain.copy())


def _one_dimensional(name: str, array: NDArray[Any], length: int | None, meaning: str) -> None:
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, but its shape is {array.shape}")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has {len(array)} entries where {length} are needed{meaning and f' ({meaning})'}")


def _masked(given: Any) -> bool:
    """Whether there is a masked array in it: in lists, too, whose masks NumPy would drop."""
    if isinstance(given, (list, tuple)):
        return any(_masked(entry) for entry in given if isinstance(entry, (list, tuple, np.ma.MaskedArray)))
    return isinstance(given, np.ma.MaskedArray)


def _is_real(entry: Any) -> bool:
    if isinstance(entry, (abstract.Number, np.generic)):
        return isinstance(entry, (abstract.Real, Decimal, np.bool_))
    return hasattr(type(entry), "__float__")


def _brief(given: Any) -> str:
    text = " ".join(repr(given).split())
    return text if len(text) <= 60 else text[:57] + "..."
