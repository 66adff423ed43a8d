"""Tables of waves on disk: the two sets that ship with kdelab, and anyone's own.

Parquet rather than npz: typed, named, compressed columns with provenance inside one file, that other tools read too.
Numbers are stored as decimals with six places, in 32-bit integers: smaller than float32 here, and what was rounded to
1e-6 comes back exactly.
"""

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kdelab.gun.files import replacing
from kdelab.gun.waves import COLUMNS, DECIMALS

SETS = ("samples", "surfers")
METADATA_KEY = b"kdelab"

_TEXT = ("battle", "shooter", "enemy")
_OTHER = {"round": pa.int16(), "turn": pa.int32(), "real": pa.bool_(), "hit": pa.int8(), "orbit_direction": pa.int8()}
_REPETITIVE = ("power", "bullet_speed", "escape_angle")  # a dictionary serves these better
_LIMIT = 10 ** (9 - DECIMALS)  # what DECIMAL(9, 6) can hold


def load_waves(name_or_path: str | Path = "samples") -> pd.DataFrame:
    """Return a table of waves.

    Parameters
    ----------
    name_or_path : str or Path
        "samples": Robocode's sample robots, re-recorded by ``make battles``; they do not adapt to being shot at.
        "surfers": BeepBoop and Diamond against each other and against sample robots.  Or a ``.parquet`` file that
        ``python -m kdelab.gun record`` wrote.

    Returns
    -------
    DataFrame
        One row a wave, the columns that `kdelab.gun.waves.waves_of` documents; numbers are float64.  ``attrs`` holds
        where the waves come from: source, attribution, versions, licence.

    Raises
    ------
    ValueError
        If there is no such set or file, or the file isn't a table of waves.
    """
    if name_or_path in SETS:
        with as_file(files("kdelab.gun") / "data" / f"{name_or_path}.parquet") as path:
            return _read(path)
    path = Path(name_or_path)
    if path.suffix != ".parquet":
        raise ValueError(f"name_or_path={str(path)!r} is neither a shipped set {SETS} nor the path of a .parquet file")
    return _read(path)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(f"name_or_path={str(path)!r}: there is no such file")
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"name_or_path={str(path)!r} cannot be read as Parquet: {error}") from error
    missing = [column for column in COLUMNS if column not in table.column_names]
    if missing:
        raise ValueError(f"name_or_path={str(path)!r} is not a table of waves: it lacks the columns {missing}")
    for i, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(i, field.name, table[i].cast(pa.string()))
        elif pa.types.is_decimal(field.type) or field.name == "hit":
            table = table.set_column(i, field.name, table[i].cast(pa.float64()))
        elif pa.types.is_integer(field.type):
            table = table.set_column(i, field.name, table[i].cast(pa.int64()))
    provenance = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    waves = table.replace_schema_metadata(None).to_pandas()
    numbers = waves.select_dtypes("float").columns
    waves[numbers] = waves[numbers].round(DECIMALS)  # from decimal to the nearest double, on every platform
    waves.attrs = provenance
    return waves


def save_waves(path: str | Path, waves: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write a table of waves; equal tables give equal bytes (with one version of pyarrow).

    Parameters
    ----------
    path : str or Path
        Appears whole or not at all.
    waves : DataFrame
        With the columns of `kdelab.gun.waves.COLUMNS`, and perhaps further float columns.
    provenance : dict
        What can be written as JSON; `load_waves` gives it back as ``attrs``.

    Raises
    ------
    ValueError
        If a column is missing, or a number is infinite or too large for six decimals.
    """
    missing = [column for column in COLUMNS if column not in waves.columns]
    if missing:
        raise ValueError(f"waves lacks the columns {missing}")
    arrays, measures = {}, []
    for name in waves.columns:
        if name in _TEXT:
            arrays[name] = pa.array(waves[name].astype(str).tolist()).dictionary_encode()
        elif name in _OTHER:
            arrays[name] = pa.array(waves[name].to_numpy(), from_pandas=True).cast(_OTHER[name])
        else:
            values = waves[name].to_numpy(dtype=np.float64)
            if (np.abs(values) >= _LIMIT).any():
                raise ValueError(f"waves[{name!r}] holds values of {_LIMIT} or more, or infinite ones")
            arrays[name] = pa.array(values.round(DECIMALS), from_pandas=True).cast(pa.decimal128(9, DECIMALS))
            measures += [] if name in _REPETITIVE else [name]
    text = json.dumps(provenance, sort_keys=True, ensure_ascii=False)
    table = pa.table(arrays).replace_schema_metadata({METADATA_KEY: text.encode()})
    with replacing(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=19,
            store_decimal_as_integer=True,
            use_dictionary=[name for name in waves.columns if name not in measures],
            column_encoding={name: "BYTE_STREAM_SPLIT" for name in measures},
        )
