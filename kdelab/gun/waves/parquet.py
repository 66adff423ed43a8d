"""The columns of a table of waves: of which type each is in memory, and how it is stored in Parquet.

Numbers with at most six decimals are stored as decimals in 32-bit integers: smaller than float32 here, and what was
rounded to 1e-6 comes back exactly.  Any other column of numbers is stored in float64, as it is.
"""

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from kdelab.gun.waves.from_turns import COLUMNS, DECIMALS

TEXT = ("battle", "shooter", "enemy")
WHOLE = ("round", "turn", "orbit_direction")
MARKS = ("hit", "passed")  # whole numbers that may be missing, hence floats in memory

_DECIMAL = pa.decimal128(9, DECIMALS)
_LIMIT = 10 ** (9 - DECIMALS)  # what it cannot hold any more


def from_arrow(name: str, column: Any) -> Any:
    """Return a column of a table of waves as it is in memory, whatever Parquet, Arrow or pandas type it came in.

    Text is str, ``real`` bool, round, turn and orbit direction int64, other columns of `COLUMNS` float64 with NaN for
    what is missing.  Of one's own columns whole numbers are int64 (float64 where some are missing), other numbers
    float64; the rest stays as pandas takes it from Arrow.

    Raises
    ------
    ValueError
        If the type or a value cannot be one of this column's.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if name in TEXT:
        return _text(column)
    holds = kind_of(name, column.type)
    if name not in COLUMNS:
        if holds == "whole numbers" and not column.null_count:
            return column.cast(pa.int64()).to_pandas()
        if "numbers" not in holds:
            return column.to_pandas()
    values = _floats(column)
    if name in ("real", *WHOLE, *MARKS):
        _refuse_fractions(name, values)
    return values == 1 if name == "real" else values.astype(np.int64) if name in WHOLE else values


def kind_of(name: str, kind: Any) -> str:
    """Return what a column of an Arrow type holds, in words: the same for all types that are one in memory.

    Raises
    ------
    ValueError
        If the type cannot be this column's.
    """
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind) or str(kind) == "string_view"
    is_whole, is_bits = pa.types.is_integer(kind), pa.types.is_boolean(kind)
    is_real = pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    if name in TEXT and not is_text:
        raise ValueError(f"is of type {kind}; needed is text")
    if name in COLUMNS and name not in TEXT and not (is_whole or is_real or is_bits):
        raise ValueError(f"is of type {kind}; needed are numbers")
    if is_text:
        return "text"
    if is_real or name in COLUMNS:
        return "numbers"
    return "whole numbers" if is_whole else "truth values" if is_bits else str(kind)


def _text(column: Any) -> Any:
    """Return a column of text as str; ValueError if it is something else, or missing somewhere."""
    if len(column):  # of no rows nobody can tell
        kind_of(TEXT[0], column.type)
    if column.null_count:
        raise ValueError(f"is missing in {column.null_count} rows")
    return column.cast(pa.string()).to_pandas()


def cannot_hold(name: str, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Return which numbers a column can't hold, (waves,) of bool, and what is allowed there."""
    missing = np.isnan(values)
    if name not in ("real", *WHOLE, *MARKS):
        return np.zeros(len(values), dtype=bool), "numbers"
    with np.errstate(invalid="ignore"):
        right = np.isin(values, (0, 1)) if name in ("real", "hit") else (values % 1 == 0) & (abs(values) < 2**31)
    allowed = "0 and 1" if name in ("real", "hit") else "whole numbers of 32 bits"
    return ~(right | missing) | (missing & (name not in MARKS)), allowed


def _refuse_fractions(name: str, values: np.ndarray) -> None:
    """Raise a ValueError if numbers aren't whole, or 0 and 1, or missing where they can't be."""
    bad, allowed = cannot_hold(name, values)
    if (missing := bad & np.isnan(values)).any():
        raise ValueError(f"is missing in {int(missing.sum())} rows")
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(f"is {values[first]:g} in row {first}; allowed are {allowed}")


def _floats(column: Any) -> np.ndarray:
    """Return numbers as float64, NaN where missing."""
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_decimal(column.type):  # to the nearest double, on every platform
        near, scale = column.cast(pa.float64()).to_pandas().to_numpy(), column.type.scale
        if 0 <= scale <= 22 and not np.nanmax(np.abs(near), initial=0) * 10.0**scale > 2**53:
            return np.round(near, scale)
        return np.array([np.nan if value is None else float(value) for value in column.to_pylist()])
    return column.to_pandas().to_numpy(dtype=np.float64)


def to_arrow(name: str, values: pd.Series) -> Any:
    """Return a column that `from_arrow` gave as it is stored; what comes back is equal to the last bit."""
    if name in TEXT:
        return pa.array(values, from_pandas=True).cast(pa.string()).dictionary_encode()
    if name in (*WHOLE, *MARKS):
        return pa.array(values, from_pandas=True).cast(pa.int32())
    if values.dtype != np.float64:
        return pa.array(values, from_pandas=True)
    numbers = values.to_numpy()
    with np.errstate(invalid="ignore"):
        fits = np.isnan(numbers) | ((np.abs(numbers) < _LIMIT) & (numbers == numbers.round(DECIMALS)))
    return pa.array(numbers, from_pandas=True).cast(_DECIMAL if fits.all() else pa.float64())


def digest(waves: pd.DataFrame, said: str) -> str:
    """Return the SHA-256 of a table as it is in memory, and of what is said of it: names, types and values."""
    sums = hashlib.sha256(json.dumps([said, len(waves)]).encode())
    for name, values in waves.items():
        kind = values.dtype.kind if isinstance(values.dtype, np.dtype) else "O"
        sums.update(json.dumps([name, kind]).encode())
        if kind in "fib":
            sums.update(np.ascontiguousarray(values.to_numpy(), dtype=f"<{kind}8" if kind != "b" else "?").tobytes())
        else:
            places, words = pd.factorize(values)
            sums.update(json.dumps([str(word) for word in words]).encode() + places.astype("<i8").tobytes())
    return sums.hexdigest()
