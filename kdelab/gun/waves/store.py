"""Tables of waves on disk: the four sets that ship with kdelab, and anyone's own.

Parquet rather than npz: typed, named, compressed columns with provenance inside one file, that other tools read too.
The pages carry checksums, and the file's metadata a digest of the whole table, so that a damaged file is refused rather
than read as another one.
"""

import json
import sys
from collections.abc import Mapping
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
from kdelab.gun.waves.reading import DIGEST_KEY, METADATA_KEY, contents
from kdelab.gun.waves.sheet import Sheet, read_csv

SETS = ("samples", "confirm", "fresh", "surfers")

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
