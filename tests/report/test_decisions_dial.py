"""Simulated worlds in which the truth is known: the decision is right where the effect is twice the margin."""

import numpy as np
import pytest
from dial_worlds import TURNED, table, turned
from worlds import assert_right

from kdelab.gun.compare.dial import ALPHAS, JOBS, position
from kdelab.report.decisions import dial
from kdelab.report.verdicts import Verdict

TABLES = 40


def statuses(name, checks_of):
    return [Verdict(name, checks_of(np.random.default_rng(seed))).status for seed in range(TABLES)]


WORLDS = {
    "helps": (2.0, "holds", ("refuted",)),
    "harms": (-2.0, "refuted", ("holds", "holds within bounds")),
    "does nothing": (0.0, None, ("holds",)),
    "helps a little": (0.5, None, ()),
}


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("job", JOBS)
def test_turning_the_dial_pays_where_it_does(job, world):
    margins, right, opposite = WORLDS[world]

    def checks_of(rng):
        exam = dial.Exam(job, table(rng, job, turned(job, margins)))
        return dial.turning_pays(exam, TURNED[job])

    assert_right(statuses("far-losses", checks_of), right, opposite)


@pytest.mark.slow
@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize(("world", "status"), [(2.0, "refuted"), (0.0, "holds"), (-2.0, "holds")])
def test_the_middle_is_decent_where_it_is(job, world, status):
    effect = world * dial.DECENT[job] * (1 if job == "gun" else -1)

    def checks_of(rng):
        tables = {each: table(rng, each, {0.6: effect} if each == job else {}) for each in JOBS}
        return dial.decent({each: dial.Exam(each, cells) for each, cells in tables.items()})

    assert_right(statuses("middle-ground", checks_of), status)


def test_a_gain_of_the_placebo_s_own_is_none():
    cells = table(np.random.default_rng(0), "gun", dict.fromkeys(dial.GIVING_UP, 2.0))
    swap = {position(alpha, placebo): position(alpha, not placebo) for alpha in ALPHAS if alpha for placebo in (0, 1)}
    swapped = cells.assign(learner=cells["learner"].replace(swap))
    checks = dial.turning_pays(dial.Exam("gun", swapped), dial.GIVING_UP)
    assert Verdict("far-losses", checks).status in ("refuted", "undecided")


def test_few_battles_decide_nothing():
    cells = table(np.random.default_rng(0), "gun", dict.fromkeys(dial.GIVING_UP, 5.0))
    few = cells[cells["battle"] < 7]
    assert Verdict("far-losses", dial.turning_pays(dial.Exam("gun", few), dial.GIVING_UP)).status == "undecided"
    assert Verdict("far-losses", dial.decent({"gun": dial.Exam("gun", few)})).status == "undecided"


def test_cells_that_can_t_be_trusted_refute_nothing():
    exams = {job: dial.Exam(job, table(np.random.default_rng(0), job, turned(job, -2.0))) for job in JOBS}
    assert Verdict("far-losses", dial.turning_pays(exams["gun"], dial.GIVING_UP)).status == "refuted"
    assert Verdict("far-losses", dial.turning_pays(exams["gun"], dial.GIVING_UP, trusted=False)).status == "undecided"
    better = {job: dial.Exam(job, table(np.random.default_rng(0), job, turned(job, 6.0))) for job in JOBS}
    assert Verdict("far-losses", dial.decent(better)).status == "refuted"
    assert Verdict("far-losses", dial.decent(better, trusted=False)).status == "undecided"
