"""Neighbours: which waves a shooter could have learned from, and which of them resemble the present one.

The *memory* of a wave is every wave that the same shooter fired in earlier rounds of the same battle.  Rounds are the
unit, since waves of one round overlap in time; which of them had passed, column ``passed`` says, is not looked at.
What isn't in the table can't be remembered, so a table must hold whole rounds (`kdelab.gun.waves.whole` warns).
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.waves.columns import name_column, number_column, round_column
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.whole import warn_of_holes
from kdelab.learn.memory import ENOUGH, UNLEARNED_SCALE, Memory, Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.ragged import shuffled
from kdelab.loss.validate import Floats, Integers, count


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


def memory_of(waves: pd.DataFrame) -> Memory:
    """Return what the shooter of each wave could have learned from; columns ``battle``, ``shooter`` and ``round``."""
    battle, shooter = name_column(waves, "battle"), name_column(waves, "shooter")
    group, rounds = battle * (shooter.max(initial=0) + 1) + shooter, round_column(waves)
    warn_of_holes(waves.index, group, rounds)
    return Memory(group, rounds)


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
    memory = memory_of(waves)
    able = np.flatnonzero(memory.stored >= ENOUGH)
    if len(able) == 0:
        raise ValueError(f"waves: none of the {len(waves)} has {ENOUGH} waves of earlier rounds in memory")
    chosen = np.sort(able[shuffled(rng, len(able))[: count("predictions", predictions)]])
    found = memory.nearest(scaled(waves), chosen, neighbours)
    return Retrieved(clusters_of(waves, chosen, found), -UNLEARNED_SCALE * found.distances, chosen, found.rows)
