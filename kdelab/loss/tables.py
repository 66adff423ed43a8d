"""Clusters out of tables: list columns of Arrow, whose buffers are shared, and long tables with a row a neighbour.

pyarrow and narwhals are imported when a table comes, and not before.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kdelab.extras import load
from kdelab.loss.ragged import offsets_of
from kdelab.loss.validate import Floats, Integers, largest, one_form, vector

TABLES = "a pandas or polars DataFrame, a polars LazyFrame, a pyarrow Table or a DuckDB relation"
_LISTS = "a list column of Arrow: a pyarrow ListArray, a polars Series of lists or a DuckDB relation of one such column"


def lists(name: str, given: Any) -> tuple[Floats, Integers]:
    """Return the values of a list column, a view of Arrow's buffer where that is possible, and the lists' offsets.

    Raises
    ------
    ValueError
        If it is no list column of numbers, a list is empty, something is missing, or a number isn't finite.
    """
    types = load("pyarrow", "tables").types
    column = _column(name, given, _LISTS)
    if not any(is_one(column.type) for is_one in (types.is_list, types.is_large_list, types.is_fixed_size_list)):
        raise ValueError(f"{name} must be {_LISTS}, not of type {column.type}")
    _numeric(name, column.type.value_type, "lists of numbers")
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    starts = offsets_of(np.array([len(chunk) for chunk in chunks], dtype=np.int64))
    parts = [_of_chunk(name, chunk, int(start)) for chunk, start in zip(chunks, starts[:-1], strict=True)]
    if len(parts) == 1:
        values, sizes = parts[0]
    else:
        values, sizes = (np.concatenate([np.empty(0, kind), *(part[i] for part in parts)])
                         for i, kind in enumerate((np.float64, np.int64)))  # fmt: skip
    return one_form(values), one_form(offsets_of(sizes), np.int64)


def _of_chunk(name: str, array: Any, start: int) -> tuple[Floats, Integers]:
    """Return the values of one list array and the lists' sizes; `start` is how many lists came before."""
    if array.null_count:
        raise ValueError(f"{name} is missing in {array.null_count} rows, first in row {start + _first_missing(array)}")
    if isinstance(array, load("pyarrow", "tables").FixedSizeListArray):
        ends = (array.offset + np.arange(len(array) + 1, dtype=np.int64)) * array.type.list_size
    else:
        ends = array.offsets.to_numpy().astype(np.int64)
    sizes = np.diff(ends)
    if (sizes < 1).any():
        raise ValueError(f"{name}[{start + np.argmax(sizes < 1)}] is empty: a cluster has at least one point")
    inner = array.values.slice(int(ends[0]), int(ends[-1] - ends[0]))

    def place(flat: int) -> str:
        i = int(np.searchsorted(ends, ends[0] + flat, side="right")) - 1
        return f"{name}[{start + i}][{ends[0] + flat - ends[i]}]"

    if inner.null_count:
        raise ValueError(f"{name} lacks {inner.null_count} values, first {place(_first_missing(inner))}")
    values = np.asarray(inner.to_numpy(zero_copy_only=False), dtype=np.float64)
    if not np.isfinite(largest(values)):
        first = int(np.argmin(np.isfinite(values)))
        raise ValueError(f"{name} must be finite, but {int((~np.isfinite(values)).sum())} of {len(values)} are not: "
                         f"{place(first)} is {values[first]}")  # fmt: skip
    return values, sizes


def numbers(name: str, given: Any) -> Any:
    """Return a column of numbers as an array; what NumPy takes by itself as it is.

    Raises
    ------
    ValueError
        If it is a column of something else, or a number is missing.
    """
    if not _is_arrow(given) or _brief(given).startswith("pandas"):
        return given
    column = _column(name, given, "numbers")
    _numeric(name, column.type, "numbers")
    if column.null_count:
        raise ValueError(f"{name} is missing in {column.null_count} rows, first in row {_first_missing(column)}")
    return column.to_numpy()


def arrow_of(name: str, given: Any, columns: Sequence[str] | None = None) -> tuple[Any, Any]:
    """Return a table, or some of its columns, as a pyarrow Table, and the kind that results should come back as.

    Raises
    ------
    ValueError
        If it is no table, its query fails, it has two columns of a name, or lacks one that is asked for.
    """
    narwhals, pyarrow, lacking = load("narwhals", "tables"), load("pyarrow", "tables"), list[str]()
    if not _is_arrow(given) and not _is_native(given):
        raise ValueError(f"{name} must be {TABLES}, not {_brief(given)}")
    try:
        frame = narwhals.from_native(given if _is_native(given) else pyarrow.table(given))
        there = frame.collect_schema().names()
        lacking = [column for column in columns or () if column not in there]
        if not lacking:
            frame = frame if columns is None else frame.select(list(dict.fromkeys(columns)))
            frame = frame.collect() if isinstance(frame, narwhals.LazyFrame) else frame
            return frame.to_arrow(), frame.implementation.value
    except Exception as error:  # of narwhals, or of the query that the table stands for
        said = " ".join(str(error).split())
        raise ValueError(f"{name} must be {TABLES}; this {_brief(given)} gives no table: {said}") from error
    raise ValueError(f"{name} lacks the columns {', '.join(lacking)}; it has {', '.join(map(str, there))}")


def names_of(argument: str, given: Any) -> list[str]:
    """Return names of columns, one at least; ValueError if they are something else."""
    names = list(given) if isinstance(given, Iterable) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{argument} must name columns, not {given!r}")
    return names


def _is_native(given: Any) -> bool:
    """Whether narwhals knows tables of this kind."""
    try:
        load("narwhals", "tables").from_native(given)
    except Exception as error:
        return not isinstance(error, TypeError)  # it does, and finds fault with this one
    return True


def grouped(table: Any, by: Sequence[str], points: str, lower: str, upper: str) -> tuple[Any, Integers, Floats, Floats]:
    """Return points, offsets and targets of a pyarrow Table with a row a neighbour, those of a prediction together.

    Raises
    ------
    ValueError
        If a value is missing, a prediction's rows don't stand together, or its target isn't one.
    """
    keys = _keys(table, by)
    begins = np.flatnonzero(np.diff(keys, prepend=-1))
    _, firsts = np.unique(keys[begins], return_index=True)
    if len(firsts) < len(begins):
        again = int(begins[np.setdiff1d(np.arange(len(begins)), firsts)[0]])
        key = ", ".join(f"{name} = {table[name][again].as_py()}" for name in by)
        raise ValueError(
            f"table: the rows of a prediction must stand together, but those of {key} begin again in row {again}; sort "
            f"it by {', '.join(by)}"
        )
    offsets = np.append(begins, len(keys)) if len(keys) else np.zeros(1, dtype=np.int64)
    ends = list[Floats]()
    for name in (lower, upper):
        values = vector(f"table[{name!r}]", numbers(f"table[{name!r}]", table[name]))
        differs = values != np.repeat(values[begins], np.diff(offsets))
        if differs.any():
            row = int(np.argmax(differs))
            first = int(begins[np.searchsorted(begins, row, side="right") - 1])
            raise ValueError(
                f"table: {name} must be the same in all rows of a prediction, but is {values[first]} in row {first} "
                f"and {values[row]} in row {row}"
            )
        ends.append(values[begins])
    return numbers(f"table[{points!r}]", table[points]), offsets, ends[0], ends[1]


def _keys(table: Any, by: Sequence[str]) -> Integers:
    """Return a number for each combination of values in some columns, (rows,)."""
    types = load("pyarrow", "tables").types
    keys, many = np.zeros(table.num_rows, dtype=np.int64), 1
    for name in by:
        column = table[name]
        if column.null_count:
            raise ValueError(f"table[{name!r}] is missing in {column.null_count} rows, first in row "
                             f"{_first_missing(column)}")  # fmt: skip
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        try:
            words = column.unique()
            codes = load("pyarrow.compute", "tables").index_in(column, words).to_numpy().astype(np.int64)
        except Exception as error:  # Arrow doesn't compare lists
            raise ValueError(f"table[{name!r}] is of type {column.type}: that tells no predictions apart") from error
        if many * len(words) >= 2**62:
            keys = np.unique(keys, return_inverse=True)[1].astype(np.int64)
            many = len(keys)
        keys, many = keys * len(words) + codes, many * len(words)
    return keys


def _column(name: str, given: Any, needed: str) -> Any:
    """Return an Arrow column as a ChunkedArray, of a table its only one."""
    pyarrow = load("pyarrow", "tables")
    is_pandas = _brief(given) == "pandas Series"  # which before version 3 knows no protocol
    if not is_pandas and not _is_arrow(given):
        raise ValueError(f"{name} must be {needed}, not {_brief(given)}")
    try:
        if is_pandas or not hasattr(given, "__arrow_c_stream__"):
            given = pyarrow.array(given)
        column = pyarrow.chunked_array([given] if isinstance(given, pyarrow.Array) else given)
    except Exception as error:  # whatever a foreign object raises when it is asked for its buffers
        raise ValueError(f"{name} must be {needed}; this {_brief(given)} gives no column: {error}") from error
    if not pyarrow.types.is_struct(column.type):
        return column
    if column.type.num_fields != 1:  # a table is a column of structs
        names = ", ".join(field.name for field in column.type)
        raise ValueError(f"{name} must be {needed}, and this {_brief(given)} has {column.type.num_fields}: {names}")
    return pyarrow.chunked_array([chunk.field(0) for chunk in column.chunks], column.type.field(0).type)


def _numeric(name: str, kind: Any, needed: str) -> None:
    types = load("pyarrow", "tables").types
    if not any(is_one(kind) for is_one in (types.is_floating, types.is_integer, types.is_decimal, types.is_boolean)):
        raise ValueError(f"{name} must be {needed}, not of type {kind}")


def _first_missing(column: Any) -> int:
    return int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))


def _is_arrow(given: Any) -> bool:
    return hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")


def _brief(given: Any) -> str:
    package = type(given).__module__.partition(".")[0]
    return f"{'' if package == 'builtins' else package} {type(given).__name__}".strip()
