"""A log of one's own, read and checked: the way in of every command that takes one."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.parameters import bounds_of
from kdelab.gun.waves import diagnosis, store
from kdelab.gun.waves.columns import numbers_in
from kdelab.gun.waves.parquet import TEXT


class Log(NamedTuple):
    """A log in which nothing wrong was found.

    Attributes
    ----------
    waves : DataFrame
    features : list of str
        Columns to learn from.
    ranges : dict or None
        As of `kdelab.NeighbourModel`.
    notes : list of str
        What its author may want to know.
    """

    waves: pd.DataFrame
    features: list[str]
    ranges: dict[str, tuple[float, float]] | None
    notes: list[str]


def checked_log(
    path: str | Path, features: Sequence[str] = (), ranges: dict[str, tuple[float, float]] | None = None
) -> Log:
    """Return a table of waves that was read and looked through.

    Parameters
    ----------
    path : str or Path
        A .parquet or .csv file, a folder of .parquet parts, or the name of a set that ships.
    features : sequence of str
        Columns to learn from; by default all of numbers, but those that say what a wave is or became.
    ranges : dict, optional
        As of `kdelab.NeighbourModel`.

    Raises
    ------
    ValueError
        If the file is no table of waves, or contradicts itself: all that is wrong in one message, a line each.
    """
    sheet = store.read(store.path_of(path))
    names = list(features) or diagnosis.features_in(sheet.waves)
    faults = list(sheet.faults)
    faults += [f"it lacks the feature {name!r}" for name in dict.fromkeys(names) if name not in sheet.waves.columns]
    if twice := list(dict.fromkeys(name for name in names if names.count(name) > 1)):
        faults.append(f"--features names more than once: {', '.join(twice)}")
        names = list(dict.fromkeys(names))
    faults += [f"{name} is text, and only numbers can be learned from" for name in names if name in TEXT]
    if not names and len(sheet.waves.columns):
        faults.append("it has no column to learn from: what was known when a wave left, in numbers")
    here = [name for name in names if name in sheet.waves.columns]
    known = bounds_of(ranges, names) if names else {}
    wide = [name for name in here if name not in known and _too_wide(sheet.waves, name)]
    faults += [f"{name} spans more than a float can hold" for name in wide]
    named = {fault.split(" ")[0] for fault in faults}  # a column that could not be read needn't be complained of twice
    said = diagnosis.contradictions(sheet.waves, here, known, sheet.where)
    faults += [fault for fault in said if fault.split(" ")[0] not in named]
    if any(" is outside its range " in fault for fault in faults):
        faults.append("where a column has the name of one of ours and other units, say so: --ranges power=0:1, say")
    if faults:
        count = f"{len(faults)} faults" if len(faults) > 1 else "one fault"
        raise ValueError("\n- ".join([f"{path}: {count}", *dict.fromkeys(faults)]))
    return Log(sheet.waves, names, ranges, [*sheet.notes, *diagnosis.notes_on(sheet.waves, names)])


def _too_wide(waves: pd.DataFrame, name: str) -> bool:
    """Whether the numbers of a column can't be scaled by what they span."""
    values = numbers_in(waves, name)
    values = values[np.isfinite(values)]
    with np.errstate(over="ignore"):
        return len(values) > 0 and not np.isfinite(values.max() - values.min())


def ranges_from(given: Sequence[str]) -> dict[str, tuple[float, float]] | None:
    """Return what texts like "power=0:1" say of features' ranges; None if there are none.

    Raises
    ------
    ValueError
        If one is something else.
    """
    ranges = {}
    for text in given:
        name, _, ends = text.rpartition("=")
        try:
            low, high = map(float, ends.split(":"))
        except ValueError as error:
            raise ValueError(f"--ranges: {text!r} given; it is written name=low:high, power=0:1 say") from error
        ranges[name] = low, high
    return ranges or None
