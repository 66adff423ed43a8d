"""Recorded battles as experiments use them: what has been explored, and what is kept for deciding.

Of the set "surfers" the battles with seeds below 100 have been explored; those from 100 on are kept for what
docs/preregistration.md asks of them.  "fresh" is kept for what it asks of that set alone, so it isn't among `SETS`.
"""

import numpy as np
import pandas as pd

from kdelab.gun.waves.store import load_waves

SETS = ("samples", "surfers", "surfers, new", "confirm")
FRESH = "fresh"
KEPT_FROM = 100  # seeds of surfers


def seed_of(battles: pd.Series) -> np.ndarray:
    """Return the seed that ends each battle's name, NaN where there is none, (waves,)."""
    which, names = pd.factorize(battles.astype(str))  # a battle has thousands of waves, and one name
    seeds = pd.Series(names, dtype=str).str.extract(r"seed (\d+)$", expand=False).astype(np.float64)
    return seeds.to_numpy()[which]


def battles_of(name: str) -> pd.DataFrame:
    """Return the waves of one of `SETS`, or of "fresh"; as "surfers" what was explored, as "surfers, new" the rest.

    Raises
    ------
    ValueError
        If there is no such set.
    """
    if name not in (*SETS, FRESH):
        raise ValueError(f"name: {name!r} given, allowed are {', '.join(map(repr, (*SETS, FRESH)))}")
    whole, _, new = name.partition(", ")
    return _battles(whole, kept=bool(new))


def explored(name: str) -> pd.DataFrame:
    """Return what has been explored of a set, or a table of one's own as it is; `name` is as of `load_waves`."""
    return _battles(name, kept=False)


def _battles(name: str, kept: bool) -> pd.DataFrame:
    waves = load_waves(name)
    if name != "surfers":
        return waves
    mine = waves[(seed_of(waves["battle"]) >= KEPT_FROM) == kept]
    if mine.empty:
        raise ValueError(f"name: 'surfers{', new' * kept}' given, and load_waves('surfers') has no such battles")
    return mine.reset_index(drop=True)
