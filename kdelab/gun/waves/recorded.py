"""Sets of waves that can be recorded again: their battles, what their files say, and how two recordings differ.

A set's seeds are fixed, so that whoever records it gets the same values.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.battles import fighters
from kdelab.gun.battles.record import Battle, Recording
from kdelab.gun.battles.turns import FIRST, TurnLog
from kdelab.gun.waves import provenance
from kdelab.gun.waves.from_turns import DECIMALS, waves_of

VIRTUAL_EVERY = 4  # turns


def numbered(pairs: Iterable[tuple[str, str]], rounds: int, seed: int) -> tuple[Battle, ...]:
    """Return battles of shooter and enemy, each with a seed of its own, so that any of them can be recorded alone."""
    return tuple(Battle(shooter, enemy, rounds, seed + i) for i, (shooter, enemy) in enumerate(pairs))


@dataclass(frozen=True)
class RecordedSet:
    """A set of waves: its name, what it is in a sentence, and its battles, of which no two are of the same pair."""

    name: str
    what: str
    battles: tuple[Battle, ...]

    @property
    def own(self) -> bool:
        """Whether robots of ours fight in it."""
        return fighters.any_of_ours(name for battle in self.battles for name in (battle.shooter, battle.enemy))

    def waves(self, logs: Sequence[TurnLog]) -> pd.DataFrame:
        """Return the shooters' waves (the enemies' are left out: no one learns from them here)."""
        return waves_of(logs, every=VIRTUAL_EVERY, sides=(FIRST,))

    def provenance(self, recording: Recording) -> dict[str, Any]:
        """Return what is said of the set in its file."""
        said = {"robots_sha256": fighters.digest()} if self.own else {}
        return said | {
            "set": self.name,
            "what": self.what,
            "attribution": [provenance.ROBOCODE, *([provenance.FIGHTERS] if self.own else [])],
            "robocode": recording.robocode,
            "java": recording.java,
            "field": "800 x 600, no turn skipped",
            "virtual_every": VIRTUAL_EVERY,
            "seeds": {f"{battle.shooter} vs {battle.enemy}": battle.seed for battle in self.battles},
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
