"""Checks of what users hand in: each failure is one ValueError that names the argument, what came and what may come."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def vector(name: str, given: ArrayLike, length: int | None = None, meaning: str = "") -> Floats:
    """Return ``given`` as a contiguous 1-D float64 array of finite numbers, ``length`` of them where that is said.

    Raises
    ------
    ValueError
        If it is not numeric, not one-dimensional, of another length, or holds NaN or infinity.
    """
    array = numbers(name, given)
    if np.ndim(given) != 1:
        raise ValueError(f"{name} must be one-dimensional, but its shape is {np.shape(given)}")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has {len(array)} entries where {length} are needed{meaning and f' ({meaning})'}")
    bad = ~np.isfinite(array)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"{name} must be finite, but {int(bad.sum())} of {len(array)} are not: "
                         f"{name}[{first}] is {array[first]}")  # fmt: skip
    return array


def numbers(name: str, given: ArrayLike) -> Floats:
    """Return ``given`` as a contiguous float64 array, or raise a ValueError if it isn't numeric."""
    try:
        return np.ascontiguousarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers, not {_brief(given)}") from error


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
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {_brief(given)}")
    return int(given)


def scalar(name: str, given: float) -> float:
    """Return ``given`` as a float if it is one finite number, else raise a ValueError."""
    try:
        number = float(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be one number, not {_brief(given)}") from error
    if not np.isfinite(number):
        raise ValueError(f"{name} must be finite, not {number}")
    return number


def _brief(given: Any) -> str:
    text = repr(given)
    return text if len(text) <= 60 else text[:57] + "..."
