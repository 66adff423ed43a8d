"""Simulated worlds in which the truth is known: the decision is right where the effect is twice the margin."""

import numpy as np
import pandas as pd
import pytest

from kdelab.gun.compare.dial import ALPHAS, JOBS, position
from kdelab.report.decisions import dial
from kdelab.report.verdicts import Verdict

TABLES, BATTLES, SEEDS = 40, 40, 3
SPREAD = {"gun": (0.75, 0.13, 0.022), "surfer": (0.02, 0.01, 0.0015)}  # rate, sd over battles, sd of a difference
LEVEL = 1 - 0.05 / 10


def table(rng, job, slopes):
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


def statuses(name, checks_of):
    return [Verdict(name, checks_of(np.random.default_rng(seed))).status for seed in range(TABLES)]


WORLDS = {"helps": 2.0, "harms": -2.0, "does nothing": 0.0, "helps a little": 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("job", JOBS)
def test_turning_the_dial_pays_where_it_does(job, world):
    alphas = dial.GIVING_UP if job == "gun" else dial.CHASING
    effect = WORLDS[world] * dial.WORTHWHILE[job] * (1 if job == "gun" else -1)  # fewer hits taken
    found = statuses(
        "far-losses",
        lambda rng: dial.turning_pays(dial.Exam(job, table(rng, job, dict.fromkeys(alphas, effect)), LEVEL), alphas),
    )
    right = {"helps": "holds", "harms": "refuted"}.get(world)
    if right:
        assert found.count(right) >= 0.9 * TABLES, found
    wrong = {"helps": ("refuted",), "harms": ("holds", "holds within bounds"), "does nothing": ("holds",)}
    assert sum(status in wrong.get(world, ()) for status in found) <= 0.05 * TABLES, found


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(("world", "status"), [(2.0, "refuted"), (0.0, "holds"), (-2.0, "holds")])
def test_the_middle_is_decent_where_it_is(job, world, status):
    effect = world * dial.DECENT[job] * (1 if job == "gun" else -1)

    def checks_of(rng):
        tables = {each: table(rng, each, {0.6: effect} if each == job else {}) for each in JOBS}
        return dial.decent({each: dial.Exam(each, cells) for each, cells in tables.items()})

    found = statuses("middle-ground", checks_of)
    assert found.count(status) >= 0.9 * TABLES, found


def test_a_gain_of_the_placebo_s_own_is_none():
    cells = table(np.random.default_rng(0), "gun", dict.fromkeys(dial.GIVING_UP, 2.0))
    swap = {position(alpha, placebo): position(alpha, not placebo) for alpha in ALPHAS if alpha for placebo in (0, 1)}
    swapped = cells.assign(learner=cells["learner"].replace(swap))
    checks = dial.turning_pays(dial.Exam("gun", swapped, LEVEL), dial.GIVING_UP)
    assert Verdict("far-losses", checks).status in ("refuted", "undecided")


def test_few_battles_decide_nothing():
    cells = table(np.random.default_rng(0), "gun", dict.fromkeys(dial.GIVING_UP, 5.0))
    few = cells[cells["battle"] < 7]
    assert Verdict("far-losses", dial.turning_pays(dial.Exam("gun", few, LEVEL), dial.GIVING_UP)).status == "undecided"
    assert Verdict("far-losses", dial.decent({"gun": dial.Exam("gun", few)})).status == "undecided"
