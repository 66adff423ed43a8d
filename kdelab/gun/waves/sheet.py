"""A table of waves as a file of one's own has it, with all that is wrong in it: CSV is read here.

Such a file was written by a robot, or by hand, and perhaps cut off in the middle: every fault is looked for, and said
with the line that it stands in, so that it takes its author one reading and not ten.
"""

import csv
import difflib
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from kdelab.gun.waves.check import needed
from kdelab.gun.waves.from_turns import COLUMNS
from kdelab.gun.waves.parquet import TEXT, cannot_hold, from_arrow

_MISSING = ("", "nan", "na", "n/a", "null", "none", "-")
_BITS = {"true": 1.0, "false": 0.0}
_DECIMAL_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


class Sheet(NamedTuple):
    """A table of waves, as far as it could be read.

    Attributes
    ----------
    waves : DataFrame
    faults : list of str
        All that keeps it from being a table of waves.
    notes : list of str
        What may be wrong.
    lines : list of int, optional
        In which line of a text file each row ends.
    """

    waves: pd.DataFrame
    faults: list[str]
    notes: list[str]
    lines: list[int] | None = None

    def where(self, row: int) -> str:
        """Return where a row is to be found."""
        return f"row {row}" if self.lines is None else f"line {self.lines[row]}"


def read_csv(path: Path) -> Sheet:
    """Return the table that a CSV file holds: a header, then a wave a line, commas between, decimal points.

    Numbers are read to the last digit; those that are missing are empty, NaN or null, bits also true and false.
    """
    raw, faults = path.read_bytes(), []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        return Sheet(pd.DataFrame(), [f"line {line} is no text in UTF-8: save the file as CSV, UTF-8"], [], [])
    if not text.strip():
        return Sheet(pd.DataFrame(), ["the file is empty: needed are a header and a line a wave"], [], [])
    separator = _separator(text.lstrip().split("\n", 1)[0])
    if separator != ",":
        faults.append(f"columns are separated by {_SEPARATORS[separator]}: needed are commas, and decimal points")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        return Sheet(pd.DataFrame(), [*faults, f"line {reader.line_num}: {error}"], [], [])
    header, rows = rows[0][1], rows[1:]
    if again := [line for line, row in rows if row == header]:
        count = f"{len(again)} lines repeat the header, the first is" if len(again) > 1 else "the header is repeated in"
        faults.append(f"{count} line {again[0]}: drop all but the first line of each log")
    rows = [(line, row) for line, row in rows if row != header]
    faults += _ragged(rows, len(header), text)
    rows = [(line, row) for line, row in rows if len(row) == len(header)]
    lines, columns = [line for line, _ in rows], list(zip(*(row for _, row in rows), strict=True)) or [()] * len(header)
    if header[0] == "" and list(columns[0]) == [str(i) for i in range(len(rows))]:  # the index of pandas
        header, columns = header[1:], columns[1:]
    names, said = named(header)
    faults += said
    waves, commas = pd.DataFrame(index=range(len(lines))), list[str]()
    for name, column in dict(zip(names, columns, strict=True)).items():
        waves[name], said = _typed(name, column, lines, commas)
        faults += said
    if commas:
        faults.append(f"decimal commas, where decimal points are needed: {', '.join(commas)}")
    if not rows and not faults:
        faults.append("there is no line with a wave")
    whole = text.endswith(("\n", "\r"))
    notes = [] if whole else ["the last line does not end: if the log was cut off there, drop it"]
    return Sheet(waves, faults, notes, lines)


def named(header: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the columns' names as they should be, and what is wrong with them: misspelt, missing or there twice."""
    given = [str(name) for name in header]
    names, faults, misspelt = [], [], list[str]()
    for i, name in enumerate(given):
        spelt = re.sub(r"[\s-]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip())).lower()
        if spelt != name and spelt in COLUMNS and spelt not in given:
            misspelt.append(f"{name!r} must be written {spelt!r}")
            name = spelt
        names.append(name)
        if not name.strip():
            faults.append(f"column {i + 1} has no name")
    if misspelt:
        faults.append(f"columns: {', '.join(misspelt)}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        faults.append(f"there is more than one column of a name: {', '.join(twice)}")
    for name in needed(()):
        if name not in names:
            near = difflib.get_close_matches(name, [other for other in names if other not in COLUMNS], 2)
            hint = f"is it {' or '.join(map(repr, near))}?" if near else f"there are {', '.join(names[:30])}"
            faults.append(f"it lacks the column {name!r} ({hint})")
    return names, faults


def _separator(header: str) -> str:
    counts = {mark: header.count(mark) for mark in (",", ";", "\t", "|")}
    best = max(counts, key=lambda mark: counts[mark])
    if counts[best]:
        return best
    return " " if len(header.split()) > len(needed(())) - 1 else ","


def _ragged(rows: list[tuple[int, list[str]]], width: int, text: str) -> list[str]:
    """Say which lines don't have as many fields as the header."""
    faults, wrong = [], [(line, len(row)) for line, row in rows if len(row) != width]
    if wrong and wrong[-1][0] == rows[-1][0] and wrong[-1][1] < width:
        line, fields = wrong.pop()
        faults.append(f"the last line, {line}, is not finished: {fields} fields of {width}; drop it")
    if wrong:
        (line, fields), commas = wrong[0], "; decimal commas?" if wrong[0][1] > width else ""
        faults.insert(0, f"{len(wrong)} lines don't have the {width} fields of the header, "
                         f"the first is line {line} with {fields}{commas}")  # fmt: skip
    return faults


def _typed(name: str, column: tuple[str, ...], lines: list[int], commas: list[str]) -> tuple[Any, list[str]]:
    """Return a column as it is in memory, and what is wrong with it; decimal commas are added to `commas`."""
    if name in TEXT:
        words = [word.strip() or None for word in column]
        gaps = [line for line, word in zip(lines, words, strict=True) if word is None]
        faults = [f"{name} is missing in {len(gaps)} lines, first in line {gaps[0]}"] if gaps else []
        return pd.Series(words, dtype="str"), faults
    try:
        values, faults = np.array(column, dtype=np.float64), []
    except ValueError:
        parsed = [_number(word) for word in column]
        bad = [i for i, value in enumerate(parsed) if value is None]
        if name not in COLUMNS and 2 * len(bad) > sum(word.strip().lower() not in _MISSING for word in column):
            return pd.Series(column, dtype="str"), []  # text of one's own
        faults, values = _unread(name, column, parsed, bad, lines, commas)
    wrong, allowed = cannot_hold(name, values)
    if wrong.any():
        first = int(np.argmax(wrong))
        faults.append(f"{name} is {column[first].strip() or 'missing'} in line {lines[first]}, the first of "
                      f"{int(wrong.sum())} such; allowed are {allowed}")  # fmt: skip
        return values, faults
    if name in COLUMNS:
        return (values if faults else from_arrow(name, pa.array(values, from_pandas=True))), faults
    whole = len(values) > 0 and np.isfinite(values).all() and (abs(values) < 2**53).all() and (values % 1 == 0).all()
    return (values.astype(np.int64) if whole else values), faults


def _unread(
    name: str,
    column: tuple[str, ...],
    parsed: list[float | None],
    bad: list[int],
    lines: list[int],
    commas: list[str],
) -> tuple[list[str], np.ndarray]:
    """Say what could not be read as numbers; return the others, and what decimal commas meant."""
    values = np.array([math.nan if value is None else value for value in parsed])
    if not bad:
        return [], values
    first = f"{column[bad[0]]!r} in line {lines[bad[0]]}"
    if all(_DECIMAL_COMMA.fullmatch(column[i].strip()) for i in bad):
        values[bad] = [float(column[i].strip().replace(",", ".")) for i in bad]
        commas.append(f"{name} ({first})")
        return [], values
    return [f"{name} holds what is no number, {first}{f', the first of {len(bad)}' if len(bad) > 1 else ''}"], values


def _number(word: str) -> float | None:
    """Return a number, NaN where it is missing, None where it can't be read."""
    word = word.strip().lower()
    if word in _MISSING:
        return math.nan
    try:
        return _BITS[word] if word in _BITS else float(word)
    except ValueError:
        return None
