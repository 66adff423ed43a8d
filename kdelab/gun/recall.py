"""Neighbours: which waves a shooter could have learned from, and which of them resemble the present one.

The *memory* of a wave is every wave that the same shooter fired in earlier rounds of the same battle and, where that is
asked for (`within_round`), those of the same round that had wholly passed when it left: what a live gun knows.
What isn't in the table can't be remembered, so a table must hold whole rounds (`kdelab.gun.waves.whole` warns).
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from kdelab.gun.waves.check import checked, flag
from kdelab.gun.waves.columns import name_column, number_column, passed_column, round_column, rows_of, series
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.frames import Table, pandas_of, taken
from kdelab.gun.waves.geometry import bot_width
from kdelab.gun.waves.whole import counted, rounds_of, warn_of_holes
from kdelab.learn.form import UNLEARNED_SCALE
from kdelab.learn.memory import ENOUGH, Memory, Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.frozen import Frozen
from kdelab.loss.ragged import shuffled
from kdelab.loss.validate import Floats, Integers, count, read_only

Ranges = Mapping[str, tuple[float, float]]


class Targets(NamedTuple):
    """Where waves would have hit: what clusters are made of.

    Attributes
    ----------
    lower, upper, middles : array (waves,)
        The interval of guess factors, and its middle: the *point* that a neighbour stands for.
    """

    lower: Floats
    upper: Floats
    middles: Floats

    def intervals(self, rows: Integers) -> tuple[Floats, Floats]:
        """Return the guess factors that would have hit, lower and upper, (rows,) each."""
        return self.lower[rows], self.upper[rows]

    def clusters(self, predictions: Integers, found: Neighbourhood) -> Clusters:
        """Return the clusters: points are the middles of the neighbours' intervals, targets the predictions' own."""
        return Clusters(self.middles[found.rows], found.offsets, *self.intervals(predictions))


class Recall(Frozen):
    """A table of waves, checked, sorted and scaled once, then asked many times: all that takes waves takes it, too.

    It keeps a copy: later changes of the table don't reach it.

    Parameters
    ----------
    waves : table
        Any that `kdelab.gun.waves.frames.Table` names.  Columns battle, shooter, round, lower, upper; those of features
        are checked when a gun first asks for them.
    within_round : bool
        Whether a wave's memory holds, besides earlier rounds, those waves of its own that had wholly passed when it
        left: columns turn and passed, ``passed <= turn``.  A wave whose `passed` is NaN is known in later rounds only.

    Attributes
    ----------
    waves : DataFrame
        The table in pandas, whatever kind was given.
    kind : str
        What it was: "pandas", "polars" or "pyarrow".  Tables of results come back as that.
    within_round : bool

    Raises
    ------
    ValueError
        If the table isn't fit to learn from: all that is wrong with it in one message.

    Warns
    -----
    UserWarning
        If rows seem to have been cut out of the table: `kdelab.gun.waves.whole`.
    """

    def __init__(self, waves: Table, within_round: bool = False) -> None:
        table, kind = taken(waves)
        checked(table, [], RANGES, flag("within_round", within_round))
        self._take(table.copy(), kind, within_round)
        _ = self.memory  # sorted now, and warned of now

    @classmethod
    def of(
        cls,
        waves: "Table | Recall",
        features: Sequence[str] = (),
        ranges: Ranges = RANGES,
        within_round: bool | None = None,
    ) -> "Recall":
        """Return what can be asked about these features: a Recall itself, a table prepared for this once, uncopied.

        `within_round` None takes a Recall as it is, and remembers earlier rounds of a table.

        Raises
        ------
        ValueError
            If the table isn't fit to learn from, features lie outside of `ranges`, or a Recall remembers otherwise.
        """
        if not isinstance(waves, Recall):
            table, kind = taken(waves)
            checked(table, features, ranges, bool(within_round))
            made = object.__new__(cls)
            made._take(table, kind, bool(within_round))
            return made
        if within_round is not None and within_round != waves.within_round:
            raise ValueError(
                f"waves: this Recall was made with within_round={waves.within_round}, and who asks has "
                f"within_round={within_round}; make another, kdelab.Recall(waves, within_round={within_round})"
            )
        asked = tuple(features), tuple(ranges.items())
        if asked not in waves._checked:
            checked(waves.waves, features, ranges)
            waves._checked.add(asked)
        return waves

    def _take(self, waves: pd.DataFrame, kind: str, within_round: bool) -> None:
        self.waves, self.kind, self.within_round = waves, kind, bool(within_round)
        self._checked: set[tuple[tuple[str, ...], tuple[tuple[str, tuple[float, float]], ...]]] = set()
        self._columns: dict[str, Floats] = {}
        self._scaled: dict[tuple[tuple[str, tuple[float, float]], ...], Floats] = {}

    @property
    def memory(self) -> Memory:
        """What the shooter of each wave could have learned from."""
        if "_memory" not in vars(self):  # no cached_property: its frame would be blamed for holes in the table
            self._memory = memory_of(self.waves, self.within_round)
        return self._memory

    def __len__(self) -> int:
        return len(self.waves)

    def numbers(self, name: str) -> Floats:
        """Return a column as finite numbers, (waves,)."""
        if name not in self._columns:
            self._columns[name] = read_only(number_column(self.waves, name))
        return self._columns[name]

    def scaled(self, ranges: Ranges) -> Floats:
        """Return features scaled to [0, 1] by (low, high), clipped, (waves, features)."""
        key = tuple(ranges.items())
        if key not in self._scaled:
            self._scaled[key] = read_only(scaled(self.waves, ranges))
        return self._scaled[key]

    def rows(self, rows: ArrayLike | None) -> Integers:
        """Return the rows that a mask or a list names; all where there is none."""
        return rows_of(rows, len(self))

    @cached_property
    def rounds(self) -> pd.DataFrame:
        """Battle, shooter and round of each wave."""
        return rounds_of(self.waves)

    @cached_property
    def counted(self) -> pd.DataFrame:
        """How many waves there are of each battle, shooter and round."""
        return counted(self.rounds)

    @cached_property
    def targets(self) -> Targets:
        """Where each wave would have hit."""
        return Targets(self.numbers("lower"), self.numbers("upper"), read_only(middles(self.waves)))

    @cached_property
    def battles(self) -> np.ndarray:
        """The battle of each wave, (waves,)."""
        return series(self.waves, "battle").to_numpy()

    def intervals(self, rows: Integers) -> tuple[Floats, Floats]:
        """Return the guess factors that would have hit, lower and upper, (rows,) each."""
        return self.targets.intervals(rows)

    def clusters(self, predictions: Integers, found: Neighbourhood) -> Clusters:
        """Return the clusters of some waves, as `Targets.clusters`."""
        return self.targets.clusters(predictions, found)

    def hit(self, aims: Floats, rows: Integers) -> np.ndarray:
        """Return whether each aim lies in its wave's interval, ends included, (rows,) of bool."""
        lower, upper = self.intervals(rows)
        return np.asarray((lower <= aims) & (aims <= upper))

    def bot_width(self, rows: Integers) -> Floats:
        """Return how wide a robot of 36 pixels is at each wave's distance, in guess factors, (rows,)."""
        return bot_width(*(self.numbers(name)[rows] for name in ("distance", "escape_angle")))


class Retrieved(NamedTuple):
    """Real clusters: what an unlearned gun would base its predictions on.

    Attributes
    ----------
    clusters : Clusters
        Points are the middles of the neighbours' intervals, targets the predictions' own.
    logits : array (total,)
        Minus four Manhattan distances, features scaled to [0, 1].
    predictions : array of int (n,)
        Rows of the table of waves, ascending.
    neighbours : array of int (total,)
        Rows of the table of waves, nearest first within a cluster.
    """

    clusters: Clusters
    logits: Floats
    predictions: Integers
    neighbours: Integers


def memory_of(waves: Table | Recall, within_round: bool = False) -> Memory:
    """Return what the shooter of each wave could have learned from; a Recall has its own.

    Columns ``battle``, ``shooter`` and ``round``; `within_round` takes ``turn`` and ``passed``, too.
    """
    if isinstance(waves, Recall):
        return waves.memory
    waves = pandas_of(waves)
    battle, shooter = name_column(waves, "battle"), name_column(waves, "shooter")
    group, rounds = battle * (shooter.max(initial=0) + 1) + shooter, round_column(waves)
    warn_of_holes(waves.index, group, rounds)
    if not within_round:
        return Memory(group, rounds)
    return Memory(group, rounds, number_column(waves, "turn"), passed_column(waves))


def scaled(waves: Table, ranges: Ranges = RANGES) -> Floats:
    """Return features scaled to [0, 1] by (low, high), clipped, (waves, features); by default all documented ones."""
    waves = pandas_of(waves)
    columns = {name: np.clip(number_column(waves, name), low, high) for name, (low, high) in ranges.items()}
    return np.column_stack([(columns[name] - low) / (high - low) for name, (low, high) in ranges.items()])


def middles(waves: Table) -> Floats:
    """Return the middle of each wave's interval of guess factors: the *point* that a neighbour stands for."""
    waves = pandas_of(waves)
    return (number_column(waves, "lower") + number_column(waves, "upper")) / 2


def retrieve(waves: Table | Recall, rng: np.random.Generator, predictions: int, neighbours: int = 50) -> Retrieved:
    """Retrieve real clusters for waves picked at random.

    Parameters
    ----------
    waves : table or Recall
        As `kdelab.load_waves` gives it.
    rng : numpy.random.Generator
        Picks the waves, all different, among those with at least 50 waves in memory.
    predictions : int
        How many; all that there are, where there are fewer.
    neighbours : int
        At most so many a prediction, and never more than a fifth of its memory.

    Raises
    ------
    ValueError
        If no wave has enough memory.
    """
    recall = Recall.of(waves, list(RANGES))
    able = np.flatnonzero(recall.memory.stored >= ENOUGH)
    if len(able) == 0:
        raise ValueError(f"waves: none of the {len(recall)} has {ENOUGH} waves in memory")
    chosen = np.sort(able[shuffled(rng, len(able))[: count("predictions", predictions)]])
    found = recall.memory.nearest(recall.scaled(RANGES), chosen, neighbours)
    return Retrieved(recall.clusters(chosen, found), -UNLEARNED_SCALE * found.distances, chosen, found.rows)
