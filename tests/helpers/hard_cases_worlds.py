"""Cells of simulated worlds in which it is known what hard cases teach."""

import numpy as np
import pandas as pd

from kdelab.gun.compare.hard import LEARNERS
from kdelab.report.decisions import hard_cases

BATTLES, SEEDS = 40, 5
# of a learner's mean loss, nats: a battle's own, a seed's own, a cell's own; as on "samples" and "surfers"
NOISE = {"hard": (0.25, 0.11, 0.22), "other": (0.1, 0.02, 0.045)}
TWICE = 2 * hard_cases.GAIN


def table(
    rng: np.random.Generator, gain: float, cost: float = 0.1, dealt: float = 0.0, harm: float = -0.03
) -> pd.DataFrame:
    """Cells of a world in which training on hard cases gains so much on such ones and costs so much on others."""
    shift = {
        "hard": {"only hard": -gain, "as few others, dealt": dealt, "unlearned": 0.8},
        "other": {"only hard": cost, "mixed": harm, "without": harm},
    }
    cases = {"hard": rng.geometric(0.08, BATTLES), "other": rng.integers(200, 600, BATTLES)}
    index = pd.MultiIndex.from_product([LEARNERS, range(BATTLES), range(SEEDS)], names=["learner", "battle", "seed"])
    rows = []
    for part in cases:
        battle_sd, seed_sd, cell_sd = NOISE[part]
        shape = (len(LEARNERS), BATTLES, SEEDS)
        loss = np.array([shift[part].get(name, 0.0) for name in LEARNERS])[:, None, None]
        loss = loss + battle_sd * rng.normal(size=(len(LEARNERS), BATTLES, 1))
        loss = loss + seed_sd * rng.normal(size=(len(LEARNERS), 1, SEEDS)) + cell_sd * rng.normal(size=shape)
        count = np.broadcast_to(cases[part][None, :, None], shape)
        shots = np.minimum(count, 100)
        columns = {"part": part, "shots": shots.ravel(), "loss": (shots * loss).ravel(), "cases": count.ravel()}
        rows.append(pd.DataFrame(columns, index=index).reset_index())
    return pd.concat(rows, ignore_index=True)
