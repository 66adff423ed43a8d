"""A folder of Parquet parts: one table of waves, cut by whole battles, so that a memory never needs two of them.

A part is a file as `kdelab.gun.waves.store.save_waves` writes it, or any other program.  What the parts must have in
common is looked at before anything is computed, and all that is wrong is said at once, by file and column.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kdelab.files import replacing_folder, sweep
from kdelab.gun.waves import reading, store
from kdelab.gun.waves.columns import name_column
from kdelab.gun.waves.frames import Table, pandas_of
from kdelab.gun.waves.from_turns import SCHEMA
from kdelab.gun.waves.parquet import from_arrow, kind_of
from kdelab.gun.waves.sheet import named
from kdelab.loss.validate import count


class Part(NamedTuple):
    """What is known of a part without reading its numbers.

    Attributes
    ----------
    path : Path
    rows : int
        How many waves.
    battles : tuple of str
        Those that it holds, wholly, in the order in which they appear.
    kinds : dict of str
        What each column holds: text, numbers, whole numbers or truth values, or an Arrow type's name.
    provenance : dict
        What the file says of itself.
    """

    path: Path
    rows: int
    battles: tuple[str, ...]
    kinds: dict[str, str]
    provenance: dict[str, Any]


def paths(folder: str | Path) -> list[Path]:
    """Return the parts of a folder, sorted by name: its ``.parquet`` files, but hidden ones.

    Raises
    ------
    ValueError
        If there is no such folder, no part in it, or parts in a folder within it, where they would be left out.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(
            f"folder={str(folder)!r}: {'that is a file' if folder.exists() else 'there is no such folder'}"
        )
    seen = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    if deep := next((found for path in seen if path.is_dir() for found in path.rglob("*.parquet")), None):
        raise ValueError(
            f"folder={str(folder)!r}: parts must lie side by side, but {str(deep.relative_to(folder))!r} lies deeper"
        )
    found = [path for path in seen if path.suffix == ".parquet" and not path.is_dir()]
    if not found:
        raise ValueError(f"folder={str(folder)!r} holds no .parquet file")
    return found


def checked_parts(folder: str | Path, whole: bool = False) -> list[Part]:
    """Return what the parts of a folder hold, if together they are one table of waves.

    Parameters
    ----------
    folder : str or Path
    whole : bool
        Whether to read every column, so that any damage is found; else names, types and battles alone are read, and
        damage to another column shows when `read_part` comes to it.  One part is in memory at a time.

    Raises
    ------
    ValueError
        As of `paths`; and all that is wrong in one message, with file and column, if a part can't be read, lacks a
        column, has no rows, other columns than the first or a column of another type, or a battle that another part
        has, too.
    """
    survey = _Survey()
    for path in paths(folder):
        survey.look_at(path, whole)
    return survey.sound(folder)


def read_part(path: str | Path) -> pd.DataFrame:
    """Return the waves of a part, as `kdelab.load_waves` does; ValueError if it is damaged or no table of waves."""
    return store.load_waves(Path(path))


def load(folder: str | Path) -> pd.DataFrame:
    """Return the waves of all parts of a folder as one table, part after part, columns in the first one's order.

    ``attrs["parts"]`` holds what the ``attrs`` of each part are, by file name.

    Raises
    ------
    ValueError
        As of `checked_parts`.
    """
    survey = _Survey()
    tables = [survey.look_at(path, whole=True) for path in paths(folder)]
    parts = survey.sound(folder)
    waves = pd.concat([table[list(parts[0].kinds)] for table in tables], ignore_index=True)
    waves.attrs = {"schema": SCHEMA, "parts": {part.path.name: part.provenance for part in parts}}
    return waves


def save_parts(
    folder: str | Path,
    waves: Table,
    parts: int,
    provenance: dict[str, Any],
    ranges: Mapping[str, tuple[float, float]] | None = None,
) -> list[Path]:
    """Cut a table of waves into parts by whole battles, and write each as `kdelab.gun.waves.store.save_waves` does.

    Battles stay in the order in which they first appear, and parts have about as many waves each as whole battles
    allow.  `load` gives the same table back if the waves of each battle stood together, and else sorted by battle.

    Parameters
    ----------
    folder : str or Path
        It appears whole or not at all; if it is there, it must be empty.
    waves : table
        Any that `kdelab.gun.waves.frames.Table` names.
    parts : int
        How many, 1 to the number of battles.
    provenance, ranges
        Of every part, as `kdelab.gun.waves.store.save_waves` takes them.

    Returns
    -------
    list of Path
        The parts: part-000.parquet and so on.

    Raises
    ------
    ValueError
        If there are fewer battles than parts, the folder isn't empty, or as of `save_waves`.
    """
    folder, waves, parts = Path(folder), pandas_of(waves), count("parts", parts)
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ValueError(f"folder={str(folder)!r} must not be there, or be empty")
    battles = name_column(waves, "battle")
    ends = np.cumsum(np.bincount(battles))
    if len(ends) < parts:
        raise ValueError(f"parts={parts} given, but waves has {len(ends)} battles, and each stays whole")
    cuts = _cuts(ends, parts)
    names = [f"part-{i:0{max(3, len(str(parts - 1)))}}.parquet" for i in range(parts)]
    sweep(folder.parent, folder.name)
    with replacing_folder(folder) as temporary:
        for name, first, last in zip(names, [0, *cuts], [*cuts, len(ends)], strict=True):
            rows = np.flatnonzero((battles >= first) & (battles < last))
            rows = rows[np.argsort(battles[rows], kind="stable")]
            store.save_waves(temporary / name, waves.iloc[rows], provenance, ranges)
    return [folder / name for name in names]


def _cuts(ends: np.ndarray, parts: int) -> list[int]:
    """Return before which battles to cut: next to equal shares of the waves, no part empty."""
    cuts = list[int]()
    for i in range(1, parts):
        share = ends[-1] * i / parts
        nearest = 1 + int(np.argmin(np.abs(ends - share)))
        cuts.append(min(max(nearest, (cuts or [0])[-1] + 1), len(ends) - parts + i))
    return cuts


class _Survey:
    """What parts hold, one after the other, and all that is wrong with them."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._faults: list[str] = []
        self._owners: dict[str, str] = {}

    def look_at(self, path: Path, whole: bool) -> pd.DataFrame:
        """Take the next part; return its waves, none if it isn't read whole."""
        waves, faults = pd.DataFrame(), list[str]()
        try:
            part, faults = _glance(path)
            if not faults:
                faults = self._unlike(part)
                if whole:
                    waves, more, *_ = reading.contents(path)
                    faults += more
        except ValueError as error:
            faults.append(str(error))
        if faults:
            self._faults.append(f"{path.name}: {', '.join(faults)}")
        else:
            self._parts.append(part)
        return waves

    def sound(self, folder: str | Path) -> list[Part]:
        """Return the parts; ValueError if anything was wrong."""
        if self._faults:
            many = len(self._faults)
            total = many + len(self._parts)
            raise ValueError(
                f"folder={str(folder)!r}: {many} of {total} parts can't be used: {'; '.join(self._faults)}"
            )
        return self._parts

    def _unlike(self, part: Part) -> list[str]:
        """Return how a part doesn't go with those before it."""
        faults = []
        if self._parts and part.kinds != self._parts[0].kinds:
            first, theirs = self._parts[0].path.name, self._parts[0].kinds
            faults += [f"it lacks the column {name!r} of {first}" for name in theirs if name not in part.kinds]
            faults += [f"column {name!r} isn't in {first}" for name in part.kinds if name not in theirs]
            faults += [
                f"column {name!r} holds {kind}, and in {first} {theirs[name]}"
                for name, kind in part.kinds.items()
                if theirs.get(name, kind) != kind
            ]
        shared = [battle for battle in part.battles if battle in self._owners]
        if shared:
            more = f" and {len(shared) - 1} more" if len(shared) > 1 else ""
            faults.append(f"column 'battle': {shared[0]!r}{more} stands in {self._owners[shared[0]]}, too")
        self._owners |= {battle: part.path.name for battle in part.battles if battle not in self._owners}
        return faults


def _glance(path: Path) -> tuple[Part, list[str]]:
    """Return what the footer and the column of battles say, and what is wrong; ValueError if they can't be read."""
    with reading.opened(path) as (file, provenance):
        names, faults = named(file.schema_arrow.names)
        kinds = {}
        for name, kind in zip(names, file.schema_arrow.types, strict=True):
            try:
                if not reading.is_index(name):
                    kinds[name] = kind_of(name, kind)
            except ValueError as error:
                faults.append(f"column {name!r} {error}")
        if not file.metadata.num_rows:
            faults.append("it has no rows")
        if faults:
            return Part(path, file.metadata.num_rows, (), kinds, provenance), faults
        column = reading.table_in(file, ["battle"])["battle"]
        try:
            battles = from_arrow("battle", column)
        except ValueError as error:
            raise ValueError(f"column 'battle' {error}") from error
        return Part(path, len(battles), tuple(battles.unique()), kinds, provenance), []
