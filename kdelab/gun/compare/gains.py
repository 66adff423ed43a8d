"""What training gains, from the cells of `kdelab.gun.compare.learned`, and what a verdict on it is made of.

A gain is positive where the learned gun is better: percentage points of hits, or nats of cross-entropy less, a shot.
Contrasts, margins and rules are those of docs/preregistration.md, section 13.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells, learned
from kdelab.gun.compare.cells import Contrast

POINTS, NATS = 1.2, 0.02  # the margins: a hit more in three rounds of 28 shots, and 2 % more density on the target
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


class Finding(NamedTuple):
    """A number against its bound, as `kdelab.Check` takes it.

    Attributes
    ----------
    role : str
        "claim", "inside" or "counterexample".
    name : str
    value : float
    at_most, at_least : float or None
    """

    role: str
    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None


def of_set(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the cells of one set.

    Raises
    ------
    ValueError
        If there are none.
    """
    mine = table[table["set"] == name]
    if mine.empty:
        raise ValueError(f"name: {name!r} given, there are cells of {', '.join(map(repr, pd.unique(table['set'])))}")
    return mine


def gain(
    table: pd.DataFrame,
    exam: str,
    of: str = learned.POWERS,
    against: str = learned.SCALE,
    over: str | None = None,
    memory: str = learned.WITHIN,
    part: str | None = None,
    seed: int = 0,
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
    seed : int
        Of the bootstrap's draws.
    """
    mine = table[(table["exam"] == exam) & (table["memory"] == memory) & table["learner"].isin([of, against])]
    mine = mine if part is None else mine[mine["part"] == part]
    if mine["learner"].nunique() < 2:
        return Gain(UNKNOWN, UNKNOWN)
    units = (over or UNITS.get(exam, "battle"), "seed")
    hits, loss = (
        cells.contrast(mine, column, of, against, np.random.default_rng(seed), units) for column in ("hits", "loss")
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


def control(table: pd.DataFrame, exam: str = learned.UNSEEN) -> Gain:
    """Return what weights gain that were learned from targets dealt to other waves, with a scale from true ones."""
    return gain(table, exam, learned.DEALT)


def findings(table: pd.DataFrame, hard: str, easy: str, dealt: bool = True) -> list[Finding]:
    """Return what a verdict on a gain is made of.

    The claim: the learned gun has more hits and less loss, by the ends of 95 % intervals, in the hard exam and in the
    easy one. Inside the bound: in the easy one, that is, at robots that it was trained on. Against it: in the hard one
    it gains less than the margin of either. Targets that were dealt to other waves must not pass for a gain.

    Parameters
    ----------
    table : DataFrame
        Of the set that decides.
    hard, easy : str
        Exams.
    dealt : bool
        Whether there is a negative control.
    """
    gains = {exam: gain(table, exam) for exam in (hard, easy)}
    placebo = [("targets dealt", control(table, hard))] if dealt else []
    found = []
    for role, exams in (("claim", (hard, easy)), ("inside", (easy,))):
        for name, (hits, loss) in [(exam, gains[exam]) for exam in exams] + placebo:
            bound = {"at_most": 0.0} if name == "targets dealt" else {"at_least": 0.0}
            found.append(Finding(role, f"{name}: hits gained, points, lower end ({role})", hits.low, **bound))
            found.append(Finding(role, f"{name}: cross-entropy gained, nats, lower end ({role})", loss.low, **bound))
    hits, loss = gains[hard]
    return [
        *found,
        Finding("counterexample", f"{hard}: hits gained, points, upper end", hits.high, at_most=POINTS),
        Finding("counterexample", f"{hard}: cross-entropy gained, nats, upper end", loss.high, at_most=NATS),
    ]


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
