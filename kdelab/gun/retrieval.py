"""Neighbours: which waves a shooter could have learned from, and which of them resemble the present one.

The *memory* of a wave is every wave that the same shooter fired in earlier rounds of the same battle.  Rounds are the
unit, since waves of one round overlap in time; which of them had passed, column ``passed`` says, is not looked at.
What isn't in the table can't be remembered, so a table must hold whole rounds (`kdelab.gun.whole` warns of others).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from kdelab.gun.arrays import name_column, number_column, round_column
from kdelab.gun.features import FEATURE_TABLE
from kdelab.gun.whole import warn_of_holes
from kdelab.loss.batches import shuffled
from kdelab.loss.clusters import Clusters
from kdelab.loss.validate import Floats, Integers, count, read_only

RANGES = {feature.name: (feature.low, feature.high) for feature in FEATURE_TABLE}
SHARE = 5  # a neighbourhood is at most a fifth of what is stored: BeepBoop's rule
ENOUGH = 50  # stored waves from which on a prediction is worth learning from: ten neighbours
UNLEARNED_SCALE = 4.0  # logits = -4 distance: about the best single scale of unlearned weights on the shipped waves


class Neighbourhood(NamedTuple):
    """The neighbours of several waves, nearest first, one wave's behind the other's.

    Attributes
    ----------
    offsets : array of int (n + 1,)
        The neighbours of the i-th wave are entries ``offsets[i]:offsets[i + 1]``.
    rows : array of int (total,)
        Rows of the table of waves.
    distances : array (total,)
        Manhattan distances.
    """

    offsets: Integers
    rows: Integers
    distances: Floats


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


class Memory:
    """What the shooter of each wave of a table could have learned from.

    Parameters
    ----------
    waves : DataFrame
        With columns ``battle``, ``shooter`` and ``round``.

    Attributes
    ----------
    stored : array of int (n,)
        The size of each wave's memory.
    """

    def __init__(self, waves: pd.DataFrame) -> None:
        battle, shooter = name_column(waves, "battle"), name_column(waves, "shooter")
        group, number = battle * (shooter.max(initial=0) + 1) + shooter, round_column(waves)
        warn_of_holes(waves.index, group, number)
        self._order = read_only(np.lexsort((number, group)))  # stable: rows stay in the table's order within a round
        group, number = group[self._order], number[self._order]
        rank = np.arange(len(group))
        new_group = np.diff(group, prepend=-1) != 0
        new_round = new_group | (np.diff(number, prepend=number[:1]) != 0)
        self._start, self._end = (np.empty(len(rank), dtype=np.int64) for _ in range(2))
        self._start[self._order] = np.maximum.accumulate(np.where(new_group, rank, 0))
        self._end[self._order] = np.maximum.accumulate(np.where(new_round, rank, 0))
        self.stored: Integers = read_only(self._end - self._start)

    def rows(self, wave: int) -> Integers:
        """Return the rows of the table that one wave's memory holds, by round and then in the table's order."""
        return self._order[self._start[wave] : self._end[wave]]

    def nearest(self, positions: Floats, wanted: Integers, neighbours: int, share: int = SHARE) -> Neighbourhood:
        """Return the nearest waves in memory, by Manhattan distance.

        Parameters
        ----------
        positions : array (waves, features)
            Where each wave of the whole table lies, features transformed and weighted.
        wanted : array of int (n,)
            Rows whose neighbours are sought.
        neighbours : int
            At most so many a wave, and at most ``stored / share`` of them, rounded down.
        share : int
            5 is BeepBoop's rule; 1 lets a neighbourhood be the whole memory.

        Returns
        -------
        Neighbourhood
            Nearest first; of equally near ones the lower row first.

        Raises
        ------
        ValueError
            If one of the waves has fewer than `share` waves stored, hence no neighbour.
        """
        count("neighbours", neighbours)
        sizes = np.minimum(neighbours, self.stored[wanted] // count("share", share))
        if (sizes < 1).any():
            first = int(wanted[np.argmax(sizes < 1)])
            raise ValueError(
                f"wanted: {int((sizes < 1).sum())} of {len(wanted)} waves have fewer than {share} in memory, so no "
                f"neighbour; the first is row {first}, with {self.stored[first]}"
            )
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        rows, distances = np.empty(offsets[-1], dtype=np.int64), np.empty(offsets[-1])
        by_memory = np.lexsort((self._end[wanted], self._start[wanted]))
        same = np.diff(self._end[wanted][by_memory]) == 0  # ends tell memories apart: each belongs to one group
        for queries in np.split(by_memory, np.flatnonzero(~same) + 1) if len(wanted) else []:
            memory = self.rows(wanted[queries[0]])
            k = int(sizes[queries[0]])
            # a median split sorts each level anew; on tables of this size the sliding midpoint is as fast to search
            tree = KDTree(positions[memory], balanced_tree=False)
            found, index = map(np.asarray, tree.query(positions[wanted[queries]], k=np.arange(1, k + 1), p=1))
            near = memory[index]
            order = np.lexsort((near, found), axis=1)
            places = offsets[queries][:, None] + np.arange(k)
            rows[places], distances[places] = (np.take_along_axis(part, order, axis=1) for part in (near, found))
        return Neighbourhood(offsets, rows, distances)


def scaled(waves: pd.DataFrame, ranges: Mapping[str, tuple[float, float]] = RANGES) -> Floats:
    """Return features scaled to [0, 1] by (low, high), clipped, (waves, features); by default all documented ones."""
    columns = {name: np.clip(number_column(waves, name), low, high) for name, (low, high) in ranges.items()}
    return np.column_stack([(columns[name] - low) / (high - low) for name, (low, high) in ranges.items()])


def middles(waves: pd.DataFrame) -> Floats:
    """Return the middle of each wave's interval of guess factors: the *point* that a neighbour stands for."""
    return (number_column(waves, "lower") + number_column(waves, "upper")) / 2


def clusters_of(waves: pd.DataFrame, predictions: Integers, found: Neighbourhood) -> Clusters:
    """Return the clusters: points are the middles of the neighbours' intervals, targets the predictions' own."""
    lower, upper = (number_column(waves, name)[predictions] for name in ("lower", "upper"))
    return Clusters(middles(waves)[found.rows], found.offsets, lower, upper)


def retrieve(waves: pd.DataFrame, rng: np.random.Generator, predictions: int, neighbours: int = 50) -> Retrieved:
    """Retrieve real clusters for waves picked at random.

    Parameters
    ----------
    waves : DataFrame
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
    memory = Memory(waves)
    able = np.flatnonzero(memory.stored >= ENOUGH)
    if len(able) == 0:
        raise ValueError(f"waves: none of the {len(waves)} has {ENOUGH} waves of earlier rounds in memory")
    chosen = np.sort(able[shuffled(rng, len(able))[: count("predictions", predictions)]])
    found = memory.nearest(scaled(waves), chosen, neighbours)
    return Retrieved(clusters_of(waves, chosen, found), -UNLEARNED_SCALE * found.distances, chosen, found.rows)
