"""The columns of a table of waves as plain arrays: the one conversion that everything which reads a table uses."""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_complex_dtype, is_numeric_dtype

from kdelab.loss.validate import Floats, Integers, real

WHOLE = 2.0**53  # from here on float64 can't tell whole numbers apart


def series(waves: pd.DataFrame, name: str) -> pd.Series:
    """Return one column.

    Raises
    ------
    ValueError
        If `waves` is no table with one row of column names, or there is no such column, or more than one.
    """
    if not isinstance(waves, pd.DataFrame):
        raise ValueError(f"waves must be a pandas DataFrame, one row a wave, not {type(waves).__name__}")
    if waves.columns.nlevels > 1:
        raise ValueError(f"waves has column names of {waves.columns.nlevels} levels; they must be plain")
    places = np.flatnonzero(waves.columns == name)
    if len(places) == 0:
        raise ValueError(f"waves lacks the columns {name}; it has {', '.join(map(str, waves.columns))}")
    if len(places) > 1:
        raise ValueError(f"waves has {len(places)} columns {name}; it needs one")
    return waves.iloc[:, places[0]]


def numbers_in(waves: pd.DataFrame, name: str) -> Floats:
    """Return a column as float64, with NaN for whatever is no real number: dates, complex numbers, words, nothing.

    Numbers may be of any type: integers, Booleans, decimals, categories or text that spell one, of NumPy, pandas or
    Arrow.
    """
    column = series(waves, name)
    if is_numeric_dtype(column.dtype) and not is_complex_dtype(column.dtype):
        with np.errstate(over="ignore"):
            return column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.array([_number(value) for value in column.astype(object)], dtype=np.float64)


def number_column(waves: pd.DataFrame, name: str) -> Floats:
    """Return a column as finite float64 numbers, (waves,).

    Raises
    ------
    ValueError
        If a value is not a finite number.
    """
    values = numbers_in(waves, name)
    bad = ~np.isfinite(values)
    if bad.any():
        first = int(np.argmax(bad))
        raise ValueError(
            f"waves: {name} is not a finite number in {int(bad.sum())} rows, first in row {first} "
            f"({name} = {series(waves, name).iloc[first]})"
        )
    return values


def round_column(waves: pd.DataFrame) -> Integers:
    """Return the rounds, (waves,); ValueError if one isn't a whole number."""
    rounds = number_column(waves, "round")
    if (rounds % 1 != 0).any() or (np.abs(rounds) >= WHOLE).any():
        raise ValueError("waves: round must hold whole numbers")
    return rounds.astype(np.int64)


def passed_column(waves: pd.DataFrame) -> Floats:
    """Return in which turn of its round each wave had wholly passed, (waves,); NaN where it never had.

    Raises
    ------
    ValueError
        If there is something else than a finite number, or nothing.
    """
    values, bad = numbers_in(waves, "passed"), no_mark(waves, "passed")
    if bad.any():
        raise ValueError(f"waves: passed is neither a finite number nor missing in {int(bad.sum())} rows")
    return values


def no_mark(waves: pd.DataFrame, name: str) -> np.ndarray:
    """Return where a column holds something that is no finite number, (waves,) of bool."""
    return ~np.isfinite(numbers_in(waves, name)) & series(waves, name).notna().to_numpy(dtype=bool)


def names_in(waves: pd.DataFrame, name: str) -> Integers:
    """Return a number for each different name in a column, -1 where it is missing, (waves,).

    Raises
    ------
    ValueError
        If the column holds what is no name: lists, say.
    """
    try:
        return pd.factorize(series(waves, name))[0].astype(np.int64)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(f"waves: {name} holds what is no name: {error}") from error


def name_column(waves: pd.DataFrame, name: str) -> Integers:
    """Return a number for each different name in a column, (waves,); ValueError if one is missing."""
    codes = names_in(waves, name)
    if (codes < 0).any():
        raise ValueError(f"waves: {name} is missing in {int((codes < 0).sum())} rows, first in row {np.argmin(codes)}")
    return codes


def rows_of(rows: ArrayLike | None, length: int) -> Integers:
    """Return the rows that a mask or a list of rows names; all where there is none.

    Raises
    ------
    ValueError
        If it is neither, or names rows that there aren't.
    """
    try:
        asked = np.arange(length) if rows is None else real("rows", rows)
    except ValueError as error:
        raise ValueError(f"rows must be a mask or a list of rows from 0 to {length - 1}: {error}") from error
    if asked.dtype == bool:
        if asked.shape != (length,):
            raise ValueError(f"rows has shape {asked.shape}; as a mask it needs {(length,)}")
        return np.flatnonzero(asked)
    if asked.ndim != 1 or (len(asked) and (asked.dtype.kind not in "iu" or asked.min() < 0 or asked.max() >= length)):
        raise ValueError(f"rows must be a mask or a list of rows from 0 to {length - 1}")
    return asked.astype(np.int64)


def _number(value: Any) -> float:
    if not isinstance(value, (Real, Decimal, np.bool_, str)) or isinstance(value, np.timedelta64):
        return np.nan
    try:
        return float(value)
    except (ValueError, OverflowError):  # text that spells no number, an integer beyond float64
        return np.nan
