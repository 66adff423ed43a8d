"""Tables of waves on disk: the four sets that ship with kdelab, and anyone's own.

Parquet rather than npz: typed, named, compressed columns with provenance inside one file, that other tools read too.
The pages carry checksums, and the file's metadata a digest of the whole table, so that a damaged file is refused rather
than read as another one.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kdelab.files import replacing
from kdelab.gun.waves.check import needed
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.frames import Table, pandas_of
from kdelab.gun.waves.from_turns import SCHEMA
from kdelab.gun.waves.parquet import digest, from_arrow, to_arrow
from kdelab.gun.waves.sheet import Sheet, named, read_csv

SETS = ("samples", "confirm", "fresh", "surfers")
METADATA_KEY = b"kdelab"
DIGEST_KEY = b"kdelab.sha256"

_REPETITIVE = ("power", "bullet_speed", "escape_angle")  # a dictionary serves these better


def load_waves(name_or_path: str | Path = "samples") -> pd.DataFrame:
    """Return a table of waves.

    Parameters
    ----------
    name_or_path : str or Path
        "samples": Robocode's sample robots, re-recorded by ``make battles``; they do not adapt to being shot at.
        "confirm": other shooters and robots with other seeds, to decide on what was explored on "samples".
        "fresh": the pairs of "confirm" with new seeds, to decide on what was explored there.
        "surfers": BeepBoop, Diamond and four more robots that adapt, at each other and at sample robots.
        Or a ``.parquet`` file that ``python -m kdelab.gun record`` wrote, or any other program, or a ``.csv`` file of
        one's own: docs/logs.md says which columns it needs.  Or a folder of ``.parquet`` parts, each with whole
        battles: they are read in the order of their names, as `kdelab.gun.waves.parts.load` says.

    Returns
    -------
    DataFrame
        One row a wave, the columns that `kdelab.gun.waves.from_turns.waves_of` documents, as far as the file has them
        (battle, shooter, round, lower and upper it must have), and one's own.  Text is
        str, ``real`` bool, ``round``, ``turn`` and ``orbit_direction`` int64, and all else float64 with NaN for what is
        missing; one's own whole numbers are int64.  ``attrs`` holds the schema's version and where the waves come
        from: source, attribution, versions, licence.

    Raises
    ------
    ValueError
        If there is no such set or file, or the file isn't a table of waves (all its faults in one message), is of
        another schema, or is damaged; of parts all faults in one message.
    """
    return _read(path_of(name_or_path))


def path_of(name_or_path: str | Path) -> Path:
    """Return where a table is; ValueError if that is no set's name, nor a path of .parquet, .csv or a folder."""
    if str(name_or_path) in SETS:
        with as_file(files("kdelab.gun.waves") / "data" / f"{name_or_path}.parquet") as path:
            return path
    path = Path(name_or_path)
    if path.suffix not in (".parquet", ".csv") and not path.is_dir():
        raise ValueError(
            f"name_or_path={str(path)!r} is neither a shipped set {SETS} nor the path of a .parquet or .csv file, "
            "nor a folder of parts"
        )
    return path


def _read(path: Path) -> pd.DataFrame:
    sheet = read(path)
    if sheet.faults:
        raise ValueError(f"name_or_path={str(path)!r} is not a table of waves: {'; '.join(sheet.faults)}")
    return sheet.waves


def read(path: Path) -> Sheet:
    """Return what a file or a folder of parts holds, and all that keeps it from being a table of waves.

    Raises
    ------
    ValueError
        If there is no such file, it is no Parquet, of another schema, or damaged; of parts, if anything is wrong.
    """
    if path.is_dir():
        from kdelab.gun.waves import parts  # they are made of files, which are read here

        return Sheet(parts.load(path), [], [])
    if not path.is_file():
        raise ValueError(f"name_or_path={str(path)!r}: there is no such file")
    if path.suffix == ".csv":
        sys.audit("kdelab.read", str(path))  # a report's run keeps account of the files that it depends on
        return read_csv(path)
    try:
        return contents(path)
    except ValueError as error:
        raise ValueError(f"name_or_path={str(path)!r} {error}") from error


@contextmanager
def opened(path: Path) -> Iterator[tuple[pq.ParquetFile, dict[Any, Any]]]:
    """Give an open Parquet file, and what it says of itself.

    Raises
    ------
    ValueError
        If it is no Parquet, or of another schema.
    """
    sys.audit("kdelab.read", str(path))  # as above
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        metadata = file.metadata.metadata or {}
        provenance = dict(json.loads(metadata.get(METADATA_KEY, b"{}")))
    except Exception as error:  # whatever Arrow's readers raise on damaged bytes
        raise ValueError(f"cannot be read as Parquet: {error}") from error
    with file:
        schema = provenance.get("schema", 1 if METADATA_KEY in metadata else SCHEMA)
        if schema != SCHEMA:
            raise ValueError(
                f"is a table of waves of schema {schema}, and this kdelab reads schema {SCHEMA}: record its battles "
                f"again with `python -m kdelab.gun record` (seeds: {provenance.get('seeds')}), or make it again from "
                "turn logs with kdelab.gun.waves.from_turns.waves_of"
            )
        yield file, provenance


def contents(path: Path) -> Sheet:
    """Return what a Parquet file holds, as `read` does; its errors don't name the file."""
    with opened(path) as (file, provenance):
        metadata = file.metadata.metadata or {}
        table, footer = table_in(file), path.read_bytes()[-8 - file.metadata.serialized_size :]
    names, faults = named(table.column_names)
    columns = {}
    for name, column in zip(names, table.columns, strict=True):
        try:
            if not is_index(name):
                columns[name] = from_arrow(name, column)
        except Exception as error:
            faults.append(f"column {name!r} {error}")
    waves = pd.DataFrame(columns)
    said = metadata.get(METADATA_KEY, b"{}").decode()
    ours = METADATA_KEY in metadata or DIGEST_KEY in footer  # no single damage hides both
    if ours and not faults and (metadata.get(DIGEST_KEY, b"").decode(errors="replace") != digest(waves, said)):
        raise ValueError(
            "does not hold what kdelab wrote: it is damaged, or another program changed it and left the "
            f"metadata {DIGEST_KEY.decode()!r} behind"
        )
    waves.attrs = provenance
    return Sheet(waves, faults, [])


def is_index(name: str) -> bool:
    """Whether that is the index of a table that pandas had filtered: no column of anybody's."""
    return re.fullmatch(r"__index_level_\d+__", name) is not None


def table_in(file: pq.ParquetFile, names: list[str] | None = None) -> pa.Table:
    """Return columns of a Parquet file, all by default; ValueError that names those that can't be read."""
    try:
        return file.read(columns=names)
    except Exception as error:  # as above
        bad = [repr(name) for name in names or file.schema_arrow.names if not _is_sound(file, name)]
        where = f", column{'s' if len(bad) > 1 else ''} {', '.join(bad)}" if bad else ""
        raise ValueError(f"cannot be read as Parquet{where}: {error}") from error


def _is_sound(file: pq.ParquetFile, name: str) -> bool:
    try:
        file.read(columns=[name])
    except Exception:  # as above
        return False
    return True


def save_waves(
    path: str | Path,
    waves: Table,
    provenance: dict[str, Any],
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Write a table of waves; equal tables give equal bytes (with one version of pyarrow).

    No number is rounded: a column whose numbers have at most six decimals is stored as decimals, any other as float64.
    Of -0.0 the sign is lost.

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    waves : table
        Any that `kdelab.gun.waves.frames.Table` names, with columns battle, shooter, round, lower and upper, others of
        `kdelab.gun.waves.from_turns.COLUMNS`, and perhaps one's own: numbers, text or bool.
    provenance : dict
        What can be written as JSON; `load_waves` gives it back as ``attrs``, with the schema's version.
    ranges : mapping, optional
        As of `kdelab.NeighbourModel`: (low, high) of columns that have a documented feature's name and other units.

    Raises
    ------
    ValueError
        If a column is missing or there twice, holds what cannot be its values, or a number is infinite or outside its
        feature's range.
    """
    waves = pandas_of(waves)
    missing = [column for column in needed(()) if column not in waves.columns]
    if missing:
        raise ValueError(f"waves lacks the columns {missing}")
    allowed = RANGES | dict(ranges or {})
    if not waves.columns.is_unique or not all(isinstance(name, str) for name in waves.columns):
        raise ValueError(f"waves must have columns of different names, all text, not {list(waves.columns)}")
    columns, arrays = {}, {}
    for name in waves.columns:
        try:
            columns[name] = _sound(from_arrow(name, pa.array(waves[name], from_pandas=True)), allowed.get(name))
            arrays[name] = to_arrow(name, columns[name])
        except Exception as error:
            raise ValueError(f"waves[{name!r}] {error}") from error
    said = json.dumps(provenance | {"schema": SCHEMA}, sort_keys=True, ensure_ascii=False)
    metadata = {METADATA_KEY: said.encode(), DIGEST_KEY: digest(pd.DataFrame(columns), said).encode()}
    table = pa.table(arrays).replace_schema_metadata(metadata)
    measures = [name for name, array in arrays.items() if columns[name].dtype == np.float64 and name not in _REPETITIVE]
    with replacing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            store_decimal_as_integer=True,
            use_dictionary=[name for name in arrays if name not in measures],
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in measures},
            write_page_checksum=True,
        )


def _sound(values: Any, allowed: tuple[float, float] | None) -> pd.Series:
    """Return a column that may be stored, -0.0 made 0.0."""
    column = pd.Series(values)
    if column.dtype.kind == "f":
        column = column + 0.0
        low, high = allowed or (-np.inf, np.inf)
        bad = np.isinf(column) | (column < low - 1e-6) | (column > high + 1e-6)
        if bad.any():
            first = int(np.argmax(bad))
            what = f"[{low:g}, {high:g}], unless `ranges` says otherwise" if allowed else "finite numbers"
            raise ValueError(f"is {column[first]:g} in row {first}; allowed are {what}")
    elif column.dtype.kind not in "ib" and not pd.api.types.is_string_dtype(column.dtype):
        raise ValueError(f"is of type {column.dtype}; allowed are numbers, text and bool")
    return column
