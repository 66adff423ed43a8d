"""What guns gain in real battles, from the bullets of `kdelab.gun.compare.live`: points of 100 decided bullets."""

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells
from kdelab.gun.compare.cells import Contrast
from kdelab.gun.compare.live import POWERS, SCALE, SEEN, UNSEEN

EARLY = 2  # rounds: before a gun has had much to learn from
REPLAYED = "learned powers, replayed"


def of_battles(bullets: pd.DataFrame) -> pd.DataFrame:
    """Return cells, a row a gun and battle: learner, robot, battle, seed, shots and hits."""
    named = bullets.rename(columns={"gun": "learner", "enemy": "robot"})
    return cells.summed(named, ["learner", "robot", "battle", "seed"])


def gain(
    bullets: pd.DataFrame, exam: str, of: str = POWERS, against: str = SCALE, over: str = "battle", level: float = 0.95
) -> Contrast:
    """Return how many bullets of 100 one gun hits more than another, over battles or robots, and training seeds."""
    table = of_battles(bullets[bullets["exam"] == exam])
    return cells.contrast(table, "hits", of, against, np.random.default_rng(0), (over, "seed"), level).times(100)


def familiarity(bullets: pd.DataFrame, level: float = 0.95) -> Contrast:
    """Return how many bullets of 100 learned powers hit more at robots that they were trained on.

    That is more than learned powers of the other exam, which had not met these robots; both with the same seeds.
    """
    both = set.intersection(*(set(one["enemy"]) for _, one in bullets.groupby("exam")))
    mine = bullets[(bullets["gun"] == POWERS) & bullets["enemy"].isin(both)]
    table = of_battles(mine.assign(gun=mine["exam"]))
    return cells.contrast(table, "hits", SEEN, UNSEEN, np.random.default_rng(0), ("battle", "seed"), level).times(100)


def replay_error(bullets: pd.DataFrame, exam: str = SEEN, level: float = 0.95) -> Contrast:
    """Return how many bullets of 100 learned powers hit more in a replay of one tuned scale's battles than they did."""
    mine = bullets[bullets["exam"] == exam]
    replayed = mine[mine["gun"] == SCALE].assign(gun=REPLAYED, hit=lambda shots: shots["replayed"] == 1)
    table = of_battles(pd.concat([replayed, mine[mine["gun"] == POWERS]], ignore_index=True))
    found = cells.contrast(table, "hits", REPLAYED, POWERS, np.random.default_rng(0), ("battle", "seed"), level)
    return found.times(100)


def head_start(bullets: pd.DataFrame, exam: str = SEEN, early: int = EARLY, level: float = 0.95) -> Contrast:
    """Return how many points more learned powers gain in the first rounds than in later ones."""
    mine = bullets[bullets["exam"] == exam]
    first = mine["round"] < early
    parts = [gains_by(mine[rows], "battle").assign(learner=part) for part, rows in (("early", first), ("late", ~first))]
    table = pd.concat(parts).reset_index().assign(shots=1)
    return cells.contrast(table, "gain", "early", "late", np.random.default_rng(0), ("battle", "seed"), level)


def gains_by(bullets: pd.DataFrame, unit: str, of: str = POWERS, against: str = SCALE) -> pd.DataFrame:
    """Return the gain of each battle and seed, or robot and seed: column ``gain``, in points."""
    table = of_battles(bullets).groupby([unit, "seed", "learner"])[["hits", "shots"]].sum()
    rates = (100 * table["hits"] / table["shots"]).unstack("learner")
    return (rates[of] - rates[against]).dropna().rename("gain").to_frame()
