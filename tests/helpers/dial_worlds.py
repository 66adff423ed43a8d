"""Cells of simulated worlds in which it is known what turning the dial gains."""

import numpy as np
import pandas as pd

from kdelab.gun.compare.dial import ALPHAS, position
from kdelab.report.decisions import dial

BATTLES, SEEDS = 40, 3
SPREAD = {"gun": (0.75, 0.13, 0.022), "surfer": (0.02, 0.01, 0.0015)}  # rate, sd over battles, sd of a difference
TURNED = {"gun": dial.GIVING_UP, "surfer": dial.CHASING}  # where somebody says that it pays


def turned(job: str, margins: float) -> dict[float, float]:
    """Slopes of a world in which turning the dial gains so many margins, more hits or fewer hits taken."""
    return dict.fromkeys(TURNED[job], margins * dial.WORTHWHILE[job] * (1 if job == "gun" else -1))


def table(rng: np.random.Generator, job: str, slopes: dict[float, float]) -> pd.DataFrame:
    """Cells of a world in which turning the dial to alpha adds slopes[alpha] points to the rate, placebos nothing."""
    rate, between, within = SPREAD[job]
    base = rng.normal(rate, between, BATTLES).clip(0.005, 0.97)
    rows = []
    for alpha in ALPHAS:
        for placebo in (False, True) if alpha else (False,):
            effect = 0.0 if placebo else slopes.get(alpha, 0.0) / 100
            own = effect + within * (abs(alpha) > 0) * rng.normal(size=BATTLES)  # battles differ in what they gain
            for seed in range(SEEDS):
                shots = rng.integers(80, 400, BATTLES)
                hits = shots * (base + own + 0.3 * within * rng.normal(size=BATTLES))
                names = {"learner": position(alpha, placebo), "battle": np.arange(BATTLES), "seed": seed}
                rows.append(pd.DataFrame(names | {"shots": shots, "hits": hits}))
    return pd.concat(rows, ignore_index=True)
