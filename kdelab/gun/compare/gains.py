"""What training gains, from the cells of `kdelab.gun.compare.learned`.

A gain is positive where the learned gun is better: percentage points of hits, or nats of cross-entropy less, a shot.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells, learned
from kdelab.gun.compare.cells import Contrast

UNITS = {learned.UNSEEN: "robot"}  # whose exam speaks of robots; of battles otherwise
UNKNOWN = Contrast(math.nan, math.nan, math.nan, 0)


class Gain(NamedTuple):
    """How much better one learner is than another.

    Attributes
    ----------
    hits : Contrast
        Percentage points.
    loss : Contrast
        Nats a shot, positive where the loss is lower.
    """

    hits: Contrast
    loss: Contrast


def gain(
    table: pd.DataFrame,
    exam: str,
    of: str = learned.POWERS,
    against: str = learned.SCALE,
    over: str | None = None,
    memory: str = learned.WITHIN,
    part: str | None = None,
    level: float = 0.95,
) -> Gain:
    """Return what one learner gains on another, over units and seeds; NaN where there are no cells of both.

    Parameters
    ----------
    table : DataFrame
        Of one set.
    exam : str
    of, against : str
        Learners.
    over : str, optional
        The unit, "robot" or "battle"; by default the exam's own.
    memory : str
    part : str, optional
        Rounds; all by default.
    level : float
        Of the intervals.
    """
    mine = table[(table["exam"] == exam) & (table["memory"] == memory) & table["learner"].isin([of, against])]
    mine = mine if part is None else mine[mine["part"] == part]
    if mine["learner"].nunique() < 2:
        return Gain(UNKNOWN, UNKNOWN)
    units = (over or UNITS.get(exam, "battle"), "seed")
    hits, loss = (
        cells.contrast(mine, column, of, against, np.random.default_rng(0), units, level) for column in ("hits", "loss")
    )
    return Gain(hits.times(100), loss.times(-1))


def by_unit(table: pd.DataFrame, exam: str, unit: str = "robot", memory: str = learned.WITHIN) -> pd.DataFrame:
    """Return each robot's or battle's mean gain over seeds: columns shots, hits (points) and loss (nats)."""
    mine = table[(table["exam"] == exam) & (table["memory"] == memory)]
    wide = mine.groupby([unit, "seed", "learner"])[["hits", "loss", "shots"]].sum().unstack("learner")
    shots = wide["shots"][learned.SCALE]
    apart = {name: (wide[name][learned.POWERS] - wide[name][learned.SCALE]) / shots for name in ("hits", "loss")}
    rows = pd.DataFrame({"shots": shots, "hits": 100 * apart["hits"], "loss": -apart["loss"]})
    return rows.groupby(unit).mean()


def disagreement(table: pd.DataFrame, again: pd.DataFrame) -> Gain:
    """Return how far the rates of cells that were computed again lie from those of the table, at most over learners.

    NaN if a cell isn't in the table. No intervals.
    """
    keys = ["exam", "memory", "learner", "seed", "battle", "robot", "part"]
    both = again.merge(table, "left", keys, suffixes=("", " before"), validate="one_to_one")
    sums = both.groupby(["learner", "memory"]).sum(min_count=1, numeric_only=True)
    if both["shots before"].isna().any() or not (both["shots"] == both["shots before"]).all():
        return Gain(UNKNOWN, UNKNOWN)
    apart = {name: ((sums[name] - sums[f"{name} before"]) / sums["shots"]).abs().max() for name in ("hits", "loss")}
    hits, loss = (Contrast(float(apart[name]), math.nan, math.nan, 0) for name in ("hits", "loss"))
    return Gain(hits.times(100), loss)
