"""Tables of waves on disk: the three sets that ship with kdelab, and anyone's own.

Parquet rather than npz: typed, named, compressed columns with provenance inside one file, that other tools read too.
The pages carry checksums, and the file's metadata a digest of the whole table, so that a damaged file is refused rather
than read as another one.
"""

import json
import re
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kdelab.files import replacing
from kdelab.gun.waves.features import FEATURE_TABLE
from kdelab.gun.waves.from_turns import COLUMNS, SCHEMA
from kdelab.gun.waves.parquet import digest, from_arrow, to_arrow

SETS = ("samples", "confirm", "surfers")
METADATA_KEY = b"kdelab"
DIGEST_KEY = b"kdelab.sha256"

_RANGES = {feature.name: (feature.low, feature.high) for feature in FEATURE_TABLE}
_REPETITIVE = ("power", "bullet_speed", "escape_angle")  # a dictionary serves these better
_INDEX = re.compile(r"__index_level_\d+__")  # the index of a table that pandas had filtered: no column of anybody's


def load_waves(name_or_path: str | Path = "samples") -> pd.DataFrame:
    """Return a table of waves.

    Parameters
    ----------
    name_or_path : str or Path
        "samples": Robocode's sample robots, re-recorded by ``make battles``; they do not adapt to being shot at.
        "confirm": other shooters and robots with other seeds, to decide on what was explored on "samples".
        "surfers": BeepBoop, Diamond and four more robots that adapt, at each other and at sample robots.
        Or a ``.parquet`` file that ``python -m kdelab.gun record`` wrote, or any other program.

    Returns
    -------
    DataFrame
        One row a wave, the columns that `kdelab.gun.waves.from_turns.waves_of` documents, then one's own.  Text is
        str, ``real`` bool, ``round``, ``turn`` and ``orbit_direction`` int64, and all else float64 with NaN for what is
        missing; one's own whole numbers are int64.  ``attrs`` holds the schema's version and where the waves come
        from: source, attribution, versions, licence.

    Raises
    ------
    ValueError
        If there is no such set or file, or the file isn't a table of waves, is of another schema, or is damaged.
    """
    if name_or_path in SETS:
        with as_file(files("kdelab.gun.waves") / "data" / f"{name_or_path}.parquet") as path:
            return _read(path)
    path = Path(name_or_path)
    if path.suffix != ".parquet":
        raise ValueError(f"name_or_path={str(path)!r} is neither a shipped set {SETS} nor the path of a .parquet file")
    return _read(path)


def _read(path: Path) -> pd.DataFrame:
    this = f"name_or_path={str(path)!r}"
    if not path.is_file():
        raise ValueError(f"{this}: there is no such file")
    sys.audit("kdelab.read", str(path))  # a report's run keeps account of the files that it depends on
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table, metadata = file.read(), file.metadata.metadata or {}
            footer = path.read_bytes()[-8 - file.metadata.serialized_size :]
        said = metadata.get(METADATA_KEY, b"{}").decode()
        provenance = dict(json.loads(said))
    except Exception as error:  # whatever Arrow's readers raise on damaged bytes
        raise ValueError(f"{this} cannot be read as Parquet: {error}") from error
    schema = provenance.get("schema", 1 if METADATA_KEY in metadata else SCHEMA)
    if schema != SCHEMA:
        raise ValueError(
            f"{this} is a table of waves of schema {schema}, and this kdelab reads schema {SCHEMA}: record its battles "
            f"again with `python -m kdelab.gun record` (seeds: {provenance.get('seeds')}), or make it again from turn "
            "logs with kdelab.gun.waves.from_turns.waves_of"
        )
    missing = [column for column in COLUMNS if column not in table.column_names]
    if missing:
        raise ValueError(f"{this} is not a table of waves: it lacks the columns {missing}")
    if len(set(table.column_names)) < len(table.column_names):
        raise ValueError(f"{this} has more than one column of a name: {table.column_names}")
    columns = {}
    for name in table.column_names:
        try:
            if not _INDEX.fullmatch(name):
                columns[name] = from_arrow(name, table[name])
        except Exception as error:
            raise ValueError(f"{this}: column {name!r} {error}") from error
    waves = pd.DataFrame(columns)
    ours = METADATA_KEY in metadata or DIGEST_KEY in footer  # no single damage hides both
    if ours and (metadata.get(DIGEST_KEY, b"").decode(errors="replace") != digest(waves, said)):
        raise ValueError(
            f"{this} does not hold what kdelab wrote: it is damaged, or another program changed it and left the "
            f"metadata {DIGEST_KEY.decode()!r} behind"
        )
    waves.attrs = provenance
    return waves


def save_waves(path: str | Path, waves: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write a table of waves; equal tables give equal bytes (with one version of pyarrow).

    No number is rounded: a column whose numbers have at most six decimals is stored as decimals, any other as float64.
    Of -0.0 the sign is lost.

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    waves : DataFrame
        With the columns of `kdelab.gun.waves.from_turns.COLUMNS`, and perhaps one's own: numbers, text or bool.
    provenance : dict
        What can be written as JSON; `load_waves` gives it back as ``attrs``, with the schema's version.

    Raises
    ------
    ValueError
        If a column is missing or there twice, holds what cannot be its values, or a number is infinite or outside its
        feature's range.
    """
    missing = [column for column in COLUMNS if column not in waves.columns]
    if missing:
        raise ValueError(f"waves lacks the columns {missing}")
    if not waves.columns.is_unique or not all(isinstance(name, str) for name in waves.columns):
        raise ValueError(f"waves must have columns of different names, all text, not {list(waves.columns)}")
    columns, arrays = {}, {}
    for name in waves.columns:
        try:
            columns[name] = _sound(name, from_arrow(name, pa.array(waves[name], from_pandas=True)))
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


def _sound(name: str, values: Any) -> pd.Series:
    """Return a column that may be stored, -0.0 made 0.0."""
    column = pd.Series(values)
    if column.dtype.kind == "f":
        column = column + 0.0
        low, high = _RANGES.get(name, (-np.inf, np.inf))
        bad = np.isinf(column) | (column < low - 1e-6) | (column > high + 1e-6)
        if bad.any():
            first = int(np.argmax(bad))
            allowed = f"[{low:g}, {high:g}]" if name in _RANGES else "finite numbers"
            raise ValueError(f"is {column[first]:g} in row {first}; allowed are {allowed}")
    elif column.dtype.kind not in "ib" and not pd.api.types.is_string_dtype(column.dtype):
        raise ValueError(f"is of type {column.dtype}; allowed are numbers, text and bool")
    return column
