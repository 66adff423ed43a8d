"""One Parquet file of waves, read: whole, or as far as it is asked about; and what is wrong with it."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from kdelab.gun.waves.from_turns import SCHEMA
from kdelab.gun.waves.parquet import digest, from_arrow
from kdelab.gun.waves.sheet import Sheet, named

METADATA_KEY = b"kdelab"
DIGEST_KEY = b"kdelab.sha256"


@contextmanager
def opened(path: Path) -> Iterator[tuple[pq.ParquetFile, dict[Any, Any]]]:
    """Give an open Parquet file, and what it says of itself.

    Raises
    ------
    ValueError
        If it is no Parquet, or of another schema.
    """
    sys.audit("kdelab.read", str(path))  # a report's run keeps account of the files that it depends on
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
    """Return what a Parquet file holds, as `kdelab.gun.waves.store.read` does; its errors don't name the file."""
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
