"""Which waves of a log train, which choose, and which judge: by rounds, since waves of one round overlap in time."""

import numpy as np
import pandas as pd

from kdelab.gun.waves.check import late
from kdelab.gun.waves.columns import name_column, numbers_in
from kdelab.loss.validate import Integers

TRAIN, CHOOSE, JUDGE = range(3)
ENOUGH = 300  # decided real shots in the rounds that judge; with fewer, all waves are judged
FEWEST = 4  # rounds of a battle that can be parted


def parted(waves: pd.DataFrame, held_out: float) -> tuple[Integers, str]:
    """Return which waves train, choose and judge, (waves,) of `TRAIN`, `CHOOSE` and `JUDGE`, and what was parted."""
    rounds = waves.groupby("battle", observed=True)["round"].agg(lambda values: values.max() - values.min() + 1)
    if rounds.median() >= FEWEST:
        judge, later = (late(waves, share, by=["battle"]) for share in (held_out, 2 * held_out))
        return np.where(
            judge, JUDGE, np.where(later, CHOOSE, TRAIN)
        ), f"{len(rounds)} battles of {rounds.median():.0f} rounds"
    place = (name_column(waves, "battle") + 0.5) / len(rounds)
    parts = np.where(place > 1 - held_out, JUDGE, np.where(place > 1 - 2 * held_out, CHOOSE, TRAIN))
    return parts, f"{len(rounds)} battles"


def judging_rows(waves: pd.DataFrame, parts: Integers) -> Integers:
    """Return the rows that judge: decided real shots, where there are enough, or else all waves."""
    rows = np.flatnonzero(parts == JUDGE)
    if {"real", "hit"} <= set(waves.columns):
        decided = rows[(numbers_in(waves, "real")[rows] > 0) & np.isfinite(numbers_in(waves, "hit")[rows])]
        if len(decided) >= ENOUGH:
            return decided
    return rows
