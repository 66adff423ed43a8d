"""Bullets of worlds in which the truth is known: what learned powers hit more, when, and what a replay says."""

import numpy as np
import pandas as pd

from kdelab.gun.compare.live import BATTLES, GROUPS, POWERS, ROBOTS, SCALE, SEEN, UNSEEN
from kdelab.gun.waves.samples import ENEMIES


def world(
    rng: np.random.Generator,
    seen: float = 0.0,
    unseen: float = 0.0,
    early: float = 0.0,
    replay: float = 0.0,
    seeds: int = 4,
    rounds: int = 10,
    a_round: int = 40,
) -> pd.DataFrame:
    """Return bullets; points of 100 that learned powers hit more at robots seen and unseen, and in rounds 0 and 1."""
    assert sum(map(len, GROUPS)) == len(ROBOTS)
    number = np.repeat(np.arange(rounds), a_round)
    parts = []
    for exam, enemies, points in ((SEEN, ENEMIES, seen), (UNSEEN, ROBOTS, unseen)):
        for enemy in enemies:
            base, of_robot = rng.uniform(40, 80), rng.normal(0, 1)
            for seed in range(seeds):
                of_battle = rng.normal(0, 1.5)
                for gun in (SCALE, POWERS):
                    more = (gun == POWERS) * (points + of_robot + of_battle + np.where(number < 2, early, 0.0))
                    hit = rng.random(len(number)) < (base + more) / 100
                    would = rng.random(len(number)) < (base + points + of_robot + of_battle + replay) / 100
                    table = pd.DataFrame({"round": number, "hit": hit})
                    replayed = would.astype(float) if gun == SCALE else np.nan
                    battle = f"{enemy}, seed {BATTLES + seed}"
                    parts.append(
                        table.assign(exam=exam, gun=gun, enemy=enemy, seed=seed, battle=battle, replayed=replayed)
                    )
    return pd.concat(parts, ignore_index=True)
