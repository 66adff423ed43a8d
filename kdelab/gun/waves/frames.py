"""The gate for tables: what users keep their waves in becomes a pandas DataFrame, and results go back in kind."""

from contextlib import suppress
from functools import partial
from typing import Any

import narwhals as nw
import pandas as pd
import pyarrow as pa

from kdelab.gun.waves.parquet import from_arrow
from kdelab.loss.tables import arrow_of

Table = pd.DataFrame | Any
"""A table of waves: a pandas or polars DataFrame, a polars LazyFrame (collected), a pyarrow Table, a DuckDB relation
(run), or whatever else narwhals or Arrow's PyCapsule protocol take.  A table comes back as the kind that was given; for
what isn't computed yet that is what it is collected as: polars, and for DuckDB a pyarrow Table."""


def taken(waves: Table) -> tuple[pd.DataFrame, Any]:
    """Return a table in pandas, and the kind that it was, for `like`.

    A DataFrame of pandas is passed on as it is, with its row labels.  Any other has none, so rows are numbered, and its
    columns are of the types that `kdelab.load_waves` gives; where one can't be of its type, it is as pandas takes it
    from Arrow, for `kdelab.gun.waves.check.checked` to find what is wrong.

    Raises
    ------
    ValueError
        If it is no table, or pandas can't hold it.
    """
    if isinstance(waves, pd.DataFrame):
        return waves, "pandas"
    table, kind = arrow_of("waves", waves)
    columns = {name: _column(name, table[name]) for name in table.column_names}
    return pd.DataFrame(columns, index=range(table.num_rows)), kind


def pandas_of(waves: Table) -> pd.DataFrame:
    """Return a table in pandas, as `taken` does."""
    return taken(waves)[0]


def like(kind: Any, frame: pd.DataFrame) -> Table:
    """Return a table of results as the kind that `taken` told."""
    if kind == "pandas":
        return frame
    table = pa.table({str(name): pa.array(values, from_pandas=False) for name, values in frame.items()})
    return nw.from_arrow(table, backend=kind).to_native()


def _column(name: str, column: Any) -> Any:
    for convert in (partial(from_arrow, name), pa.ChunkedArray.to_pandas):
        with suppress(Exception):  # of the first; `checked` says in its own words what is wrong
            return convert(column)
    raise ValueError(f"waves: {name} is of type {column.type}, which pandas can't hold")
