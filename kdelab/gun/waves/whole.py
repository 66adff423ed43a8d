"""Is a table of waves whole?  Memory is made of the table's own rows: a row that was left out is forgotten silently.

Two signs of it can be seen, and both are only signs, so that they are warnings: row labels that are missing from the
middle of a round, as after ``waves[mask]``, ``waves.sample`` or scikit-learn's `KFold`; and rounds of which a fitted
gun saw more waves than there are now.
"""

import sys
import warnings

import numpy as np
import pandas as pd

from kdelab.gun.waves.columns import round_column, series
from kdelab.loss.validate import Integers

RECIPE = (
    "what isn't in the table isn't remembered.  Give the whole table and name rows, predict(waves, rows=mask), or "
    "split by battles, cross_val_score(gun, waves, groups=waves['battle'], cv=GroupKFold())"
)
_NAMES = ["battle", "shooter"]


def warn_of_holes(index: pd.Index, group: Integers, rounds: Integers) -> None:
    """Warn if whole-numbered row labels skip some in the middle of a round of one shooter."""
    if not (isinstance(index.dtype, np.dtype) and index.dtype.kind in "iu" and index.is_unique):
        return
    labels = index.to_numpy()
    order = np.argsort(labels)
    skipped = np.diff(labels[order]) > 1
    skipped &= (np.diff(group[order]) == 0) & (np.diff(rounds[order]) == 0)
    if skipped.any():
        first = labels[order][:-1][skipped][0]
        _warn(
            f"waves: rows were left out in the middle of rounds, in {int(skipped.sum())} places, first after row label "
            f"{first}: {RECIPE}.  If the shooter really had no others, say so with waves.reset_index(drop=True)."
        )


def rounds_of(waves: pd.DataFrame) -> pd.DataFrame:
    """Return battle, shooter and round of each wave, of types that compare across tables."""
    names = {name: series(waves, name).astype(object).to_numpy() for name in _NAMES}
    return pd.DataFrame({**names, "round": round_column(waves)}).astype(dict.fromkeys(_NAMES, object))


def counted(rounds: pd.DataFrame) -> pd.DataFrame:
    """Return how many waves there are of each of `rounds_of`, a row each: battle, shooter, round, waves."""
    return rounds.value_counts([*_NAMES, "round"], sort=False).rename("waves").reset_index()


def warn_of_forgotten(seen: pd.DataFrame, here: pd.DataFrame, asked: pd.DataFrame) -> None:
    """Warn if memories lack waves that a gun was fitted on: `counted` then and here, `rounds_of` what is asked."""
    last = asked.groupby(_NAMES, sort=False)["round"].max().rename("last").reset_index()
    remembered = seen.merge(last, on=_NAMES)
    remembered = remembered[remembered["round"] < remembered["last"]]
    both = remembered.merge(here, on=[*_NAMES, "round"], how="left", suffixes=("", "_here"))
    lacking = both[both["waves_here"].fillna(0) < both["waves"]]
    if len(lacking):
        first = lacking.iloc[0]
        _warn(
            f"waves: this gun was fitted on more waves of {len(lacking)} rounds than the table has, first of round "
            f"{first['round']} of {first['shooter']} in {first['battle']}: {RECIPE}.  Other battles need other names."
        )


def _warn(message: str) -> None:
    """Warn at the line outside of this package that led here."""
    level, frame = 1, sys._getframe()
    while frame.f_back and frame.f_globals["__name__"].startswith("kdelab."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, UserWarning, stacklevel=level)
