"""What is decided of learned weights, in worlds in which the truth is known."""

import numpy as np
import pandas as pd
import pytest
from made_up_cells import gained, world
from worlds import assert_right

from kdelab.gun.compare import learned
from kdelab.report.decisions import learned_gun
from kdelab.report.verdicts import Verdict

TABLES = 40
TWICE = {"points": 2 * learned_gun.POINTS, "nats": 2 * learned_gun.NATS}


def status(table, hard=learned.UNSEEN, easy=learned.SEEN, dealt=True):
    return Verdict("learned-gun", learned_gun.checks(table, hard, easy, dealt)).status


def statuses(**truth):
    rng = np.random.default_rng(13)
    return [status(world(rng, **truth)) for _ in range(TABLES)]


@pytest.mark.slow
def test_where_learning_helps_by_twice_the_margin_the_claim_holds():
    assert_right(statuses(**TWICE), "holds", ("refuted",))


@pytest.mark.slow
def test_where_it_harms_by_twice_the_margin_the_claim_is_refuted():
    found = statuses(**{name: -value for name, value in TWICE.items()})
    assert_right(found, "refuted", ("holds", "holds within bounds"))


@pytest.mark.slow
def test_where_it_does_nothing_nothing_holds():
    assert_right(statuses(points=0, nats=0), None, ("holds", "holds within bounds"))


@pytest.mark.slow
def test_where_it_helps_at_robots_seen_alone_it_holds_within_that_bound():
    assert_right(statuses(**TWICE, only_seen=True), "holds within bounds", ("holds",))


@pytest.mark.slow
def test_targets_that_adapt_are_judged_by_the_same_rule():
    rng = np.random.default_rng(2)
    exams = {"hard": learned.ADAPT_UNSEEN, "easy": learned.ADAPT_SEEN}
    tables = [world(rng, 3 * learned_gun.POINTS, 3 * learned_gun.NATS, **exams, units=(19, 19)) for _ in range(10)]
    assert sum(status(table, **exams, dealt=False) == "holds" for table in tables) >= 9


def test_targets_dealt_that_gain_leave_no_verdict():
    table = world(np.random.default_rng(0), **TWICE)
    dealt = table["learner"] == f"{learned.POWERS}, targets dealt"
    table.loc[dealt, "hits"] += 0.05 * table.loc[dealt, "shots"]
    assert status(table) == "undecided"


@pytest.mark.parametrize("units", [0, 1, 7])
def test_few_units_decide_nothing(units):
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, max(units, 1), 4)
    table = table if units else table[table["learner"] == learned.SCALE]
    assert status(pd.concat([table, table.assign(exam=learned.SEEN)])) == "undecided"
