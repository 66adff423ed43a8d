"""The set "samples": which of Robocode's sample robots fight, and whether a new recording is the old one."""

from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.battles.record import Battle, Recording
from kdelab.gun.battles.turns import FIRST, TurnLog
from kdelab.gun.waves import provenance
from kdelab.gun.waves.from_turns import DECIMALS, waves_of

SHOOTERS = ("sample.TrackFire", "sample.VelociRobot", "sample.Walls")
ENEMIES = (
    *("sample.Crazy", "sample.SpinBot", "sample.Walls", "sample.VelociRobot", "sample.RamFire", "sample.Tracker"),
    *("sample.Corners", "sample.Fire", "sample.MyFirstRobot", "sample.MyFirstJuniorRobot"),
)
ROUNDS = 8
VIRTUAL_EVERY = 4  # turns


def sample_battles() -> list[Battle]:
    """Return the battles of the set, each with a seed of its own, so that any of them can be recorded alone."""
    pairs = [(shooter, enemy) for shooter in SHOOTERS for enemy in ENEMIES if shooter != enemy]
    return [Battle(shooter, enemy, ROUNDS, seed=1000 + i) for i, (shooter, enemy) in enumerate(pairs)]


def sample_waves(logs: list[TurnLog]) -> pd.DataFrame:
    """Return the shooters' waves (the enemies' are left out: no one learns from them here)."""
    return waves_of(logs, every=VIRTUAL_EVERY, sides=(FIRST,))


def sample_provenance(recording: Recording) -> dict[str, Any]:
    """Return what is said of the set in its file."""
    return {
        "set": "samples",
        "what": "Robocode's sample robots: 3 shooters, 10 enemies that do not adapt to being shot at, 8 rounds a pair.",
        "attribution": [provenance.ROBOCODE],
        "robocode": recording.robocode,
        "java": recording.java,
        "field": "800 x 600, no turn skipped",
        "virtual_every": VIRTUAL_EVERY,
        "seeds": {f"{battle.shooter} vs {battle.enemy}": battle.seed for battle in sample_battles()},
        "licence": provenance.LICENCE,
    }


def difference(new: pd.DataFrame, old: pd.DataFrame) -> str:
    """Say how two tables of waves differ; nothing if they are equal to the last stored decimal.

    One unit in that decimal is forgiven: another machine's arcsine may differ in its last bit, and a value that lies
    between two decimals then goes the other way.
    """
    if list(new.columns) != list(old.columns):
        return f"columns differ: {sorted(set(new.columns) ^ set(old.columns)) or 'their order'}"
    if len(new) != len(old):
        counts = new["battle"].value_counts().sub(old["battle"].value_counts(), fill_value=0)
        return f"{len(new):,} waves, not {len(old):,}; battles with other counts: {list(counts.index[counts != 0])}"
    for name in new.columns:
        if new[name].dtype.kind == "f":
            equal = np.isclose(new[name], old[name], rtol=0, atol=1.5 * 10**-DECIMALS, equal_nan=True)
        else:
            equal = (new[name] == old[name]).to_numpy()
        if not equal.all():
            row = int(np.argmin(equal))
            return (
                f"column {name!r} differs in {int((~equal).sum()):,} of {len(new):,} waves, first in row {row} "
                f"({new['battle'][row]}): {new[name][row]}, not {old[name][row]}"
            )
    return ""
