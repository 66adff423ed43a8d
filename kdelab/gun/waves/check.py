"""Is a table of waves fit to learn from?  One error that says everything that is wrong with it."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from kdelab.gun.waves.columns import (
    WHOLE,
    name_column,
    names_in,
    no_mark,
    number_column,
    numbers_in,
    round_column,
    series,
)
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.frames import Table, pandas_of
from kdelab.loss.validate import Floats, vector

KEYS = ("battle", "shooter", "round")
INTERVAL = ("lower", "upper")
CLOCK = ("turn", "passed")  # what a memory within the round takes besides
_ROUNDING = 1e-6

Fault = tuple[np.ndarray, str, str]
"""In which rows something is wrong, (waves,) of bool, what, and the column to be shown."""


def checked(
    waves: pd.DataFrame,
    features: Sequence[str],
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    within_round: bool = False,
) -> None:
    """Raise one error that names everything wrong with a table of waves, and return nothing otherwise.

    Parameters
    ----------
    waves : DataFrame
    features : sequence of str
        The features' columns.
    ranges : mapping
        The documented range of each feature that has one.
    within_round : bool
        Whether columns turn and passed are needed, too.

    Raises
    ------
    ValueError
        If columns are missing, stand twice or hold what isn't a finite number, `round` isn't whole, a wave is there
        twice or had passed before it left, intervals are empty or lie outside [-1, 1], or features outside their range;
        for each, how many rows and which is the first.
    """
    if not isinstance(waves, pd.DataFrame):
        raise ValueError(f"waves must be a pandas DataFrame, one row a wave, not {type(waves).__name__}")
    missing = [name for name in needed(features, within_round) if name not in waves.columns]
    if missing and waves.columns.nlevels == 1:
        raise ValueError(f"waves lacks the columns {', '.join(missing)}; it has {', '.join(map(str, waves.columns))}")
    if len(waves) == 0:
        raise ValueError("waves has no rows")
    if faults := told(waves, faults_in(waves, features, ranges, within_round)):
        beyond = any(" is outside its range " in fault for fault in faults)
        advice = ["of a column in other units say so: NeighbourModel(ranges={name: (low, high)})"] if beyond else []
        raise ValueError("waves: " + "; ".join([*faults, *advice]))


def needed(features: Sequence[str], within_round: bool = False) -> list[str]:
    """Return the columns that a table needs."""
    return [*KEYS, *INTERVAL, *(CLOCK if within_round else ()), *features]


def told(waves: pd.DataFrame, faults: Iterable[Fault], where: Callable[[int], str] = "row {}".format) -> list[str]:
    """Return faults in words: of those that there are, in how many rows, and which is the first."""
    said = []
    for bad, what, column in faults:
        if bad.any():
            first = int(np.argmax(bad))
            given = series(waves, column).iloc[first]
            said.append(f"{what} in {int(bad.sum())} rows, first in {where(first)} ({column} = {given})")
    return said


def faults_in(
    waves: pd.DataFrame,
    features: Sequence[str],
    ranges: Mapping[str, tuple[float, float]] = RANGES,
    within_round: bool = False,
) -> Iterator[Fault]:
    """Yield what may be wrong in the rows of a table, as `checked` says; columns that it lacks are passed over."""
    there = [name for name in needed(features, within_round) if name in waves.columns]
    for name in ("battle", "shooter"):
        if name in there:
            yield names_in(waves, name) < 0, f"{name} is missing", name
    numbers = {name: numbers_in(waves, name) for name in there if name not in ("battle", "shooter", *CLOCK)}
    for name, values in numbers.items():
        yield ~np.isfinite(values), f"{name} is not a finite number", name
    if {"turn", *KEYS} <= set(waves.columns):
        keys = [names_in(waves, "battle"), names_in(waves, "shooter"), numbers["round"], numbers_in(waves, "turn")]
        twice = pd.DataFrame(dict(enumerate(keys))).duplicated().to_numpy() & np.isfinite(keys).all(axis=0)
        yield twice, "a (battle, shooter, round, turn) stands there for the second time,", "battle"
    if "round" in numbers:
        with np.errstate(invalid="ignore"):
            broken = (numbers["round"] % 1 > 0) | (np.abs(numbers["round"]) >= WHOLE)
        yield broken, "round is not a whole number", "round"
    if set(INTERVAL) <= set(there):
        yield numbers["lower"] >= numbers["upper"], "the interval is empty, lower >= upper,", "lower"
    for name in INTERVAL:
        if name in there:
            yield np.abs(numbers[name]) > 1 + _ROUNDING, f"{name} is outside [-1, 1]", name
    for name in features:
        if name in ranges and name in there:
            low, high = ranges[name]
            slack = _ROUNDING * (high - low)
            outside = (numbers[name] < low - slack) | (numbers[name] > high + slack)
            yield outside, f"{name} is outside its range [{low:g}, {high:g}]", name
    if set(CLOCK) <= set(there):
        yield from _faults_of_time(waves)


def _faults_of_time(waves: pd.DataFrame) -> Iterator[Fault]:
    """Yield the same of what a memory within the round takes."""
    turns, passed = (numbers_in(waves, name) for name in CLOCK)
    yield ~np.isfinite(turns), "turn is not a finite number", "turn"
    yield no_mark(waves, "passed"), "passed is neither a finite number nor missing", "passed"
    yield passed <= turns, "passed is not later than turn", "passed"


def ranges_of(
    waves: pd.DataFrame, features: Sequence[str], ranges: Mapping[str, tuple[float, float]] = RANGES
) -> dict[str, tuple[float, float]]:
    """Return the range that scales each feature to [0, 1]: the one in `ranges`, or else what the table spans.

    Raises
    ------
    ValueError
        If a feature of one's own spans more than the largest float.
    """
    return {name: ranges.get(name) or spanned(name, number_column(waves, name)) for name in features}


def spanned(name: str, values: ArrayLike) -> tuple[float, float]:
    """Return the range of a feature by its values; ValueError if it is wider than the largest float."""
    low, high = float(np.min(values)), float(np.max(values))
    if high == low:
        high = max(low + 1.0, math.nextafter(low, math.inf))
    if not math.isfinite(high - low):
        raise ValueError(f"waves: {name} spans {low:g} to {high:g}, more than a float can hold")
    return low, high


def late(waves: Table, share: float, by: Sequence[str] = ("battle", "shooter")) -> np.ndarray:
    """Return which waves belong to the last rounds, a share of all, of their battle and shooter, (waves,) of bool."""
    waves = pandas_of(waves)
    rounds = pd.Series(round_column(waves)).groupby([name_column(waves, name) for name in by])
    first, last = (rounds.transform(which).to_numpy() for which in ("min", "max"))
    return np.asarray(rounds.obj.to_numpy() > last - share * (last - first + 1))


def flag(name: str, given: bool) -> bool:
    """Return what was given, if it is True or False; a ValueError otherwise."""
    if not isinstance(given, (bool, np.bool_)):
        raise ValueError(f"{name} must be True or False, not {given!r}")
    return bool(given)


def weights_of(sample_weight: ArrayLike | None, length: int) -> Floats:
    """Return a weight a wave, none negative and not all 0; ones by default.

    Raises
    ------
    ValueError
        If they are something else.
    """
    if sample_weight is None:
        return np.ones(length)
    weights = vector("sample_weight", sample_weight, length, "one a wave")
    if (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight must not be negative, nor all 0")
    return weights / weights.max()  # only proportions count, and huge ones could not be summed
