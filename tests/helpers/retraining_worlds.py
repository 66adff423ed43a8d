"""Cells of simulated worlds in which it is known what learned weights turn easy."""

import numpy as np
import pandas as pd

from kdelab.gun.compare.retraining import LEARNERS
from kdelab.report.decisions import retraining

BATTLES, SEEDS = 40, 5
TURNED = {"once": 0.45, "thrice": 0.45, "dealt": 0.6, "unlearned": 0.0}
NOISE = {"hard": (0.09, 0.02, 0.07), "other": (0.007, 0.003, 0.007)}  # a battle's own, a seed's own, a cell's own
TWICE = 2 * retraining.GAIN


def table(rng: np.random.Generator, gain: float, turned_hard: float = 0.008, dealt: float = 0.0) -> pd.DataFrame:
    """Cells of a world in which learned weights turn so many more of the hard cases easy than placebos."""
    cases = {"hard": rng.geometric(0.08, BATTLES), "other": rng.integers(200, 600, BATTLES)}
    index = pd.MultiIndex.from_product([LEARNERS, range(BATTLES), range(SEEDS)], names=["learner", "battle", "seed"])
    shape, rows = (len(LEARNERS), BATTLES, SEEDS), []
    real = {"thrice": gain, "dealt": dealt}
    easy = np.array([TURNED[name.partition(", ")[0]] + real.get(name, 0.0) for name in LEARNERS])[:, None, None]
    learned = (np.array(LEARNERS) != "unlearned")[:, None, None]
    for part, share in (("hard", easy), ("other", np.full((1, 1, 1), turned_hard))):
        battle_sd, seed_sd, cell_sd = NOISE[part]
        share = share + battle_sd * rng.normal(size=(len(LEARNERS), BATTLES, 1)) + cell_sd * rng.normal(size=shape)
        share = share + seed_sd * rng.normal(size=(len(LEARNERS), 1, SEEDS))
        count = np.broadcast_to(cases[part][None, :, None], shape)
        shots = np.minimum(count, 100)
        turned = shots * share * learned
        columns = {"part": part, "shots": shots.ravel(), "turned": turned.ravel(), "cases": count.ravel()}
        rows.append(pd.DataFrame(columns, index=index).reset_index())
    return pd.concat(rows, ignore_index=True)
