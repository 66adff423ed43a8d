"""Simulated worlds in which the truth is known: what is decided of retraining is right at twice the margin."""

import numpy as np
import pandas as pd
import pytest

from kdelab.gun.compare.retraining import LEARNERS
from kdelab.report.decisions import retraining
from kdelab.report.verdicts import Verdict

TABLES, BATTLES, SEEDS = 40, 40, 5
TURNED = {"once": 0.45, "thrice": 0.45, "dealt": 0.6, "unlearned": 0.0}
NOISE = {"hard": (0.09, 0.02, 0.07), "other": (0.007, 0.003, 0.007)}  # a battle's own, a seed's own, a cell's own


def table(rng, gain, turned_hard=0.008, dealt=0.0):
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


def statuses(tables=TABLES, **world):
    found = (retraining.contrasts(table(np.random.default_rng(seed), **world)) for seed in range(tables))
    return [Verdict("retraining", retraining.checks(each)).status for each in found]


TWICE = 2 * retraining.GAIN
WORLDS = [
    ("helps", {"gain": TWICE, "turned_hard": 0.04}, "holds within bounds", ("refuted",)),
    ("helps, in sum too", {"gain": TWICE, "turned_hard": 0.001}, "holds", ("refuted",)),
    ("harms", {"gain": -TWICE}, "refuted", ("holds", "holds within bounds")),
    ("does nothing", {"gain": 0.0}, None, ("holds", "holds within bounds")),
    ("helps a little", {"gain": 1.5 * retraining.GAIN}, None, ("refuted",)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "world", "right", "opposite"), WORLDS, ids=[world[0] for world in WORLDS])
def test_the_status_is_right_where_the_truth_is_known(name, world, right, opposite):
    found = statuses(**world)
    if right:
        assert found.count(right) >= 0.9 * TABLES, found
    assert sum(found.count(status) for status in opposite) <= 0.05 * TABLES, found


def test_a_gain_that_dealt_targets_bring_too_is_none():
    found = statuses(gain=TWICE, dealt=TWICE, tables=5)
    assert not {"holds", "holds within bounds"} & set(found)
