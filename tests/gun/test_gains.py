"""What training gains, from cells in which the truth is known."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from made_up_cells import gained, world

import kdelab
from kdelab.gun.compare import gains, learned

TABLES = 40
TWICE = {"points": 2 * gains.POINTS, "nats": 2 * gains.NATS}


def status(table, hard=learned.UNSEEN, easy=learned.SEEN, dealt=True):
    checks = [
        kdelab.Check(found.name, found.value, found.at_most, found.at_least, found.role)
        for found in gains.findings(table, hard, easy, dealt)
    ]
    return kdelab.Verdict("learned-gun", checks).status


def statuses(**truth):
    rng = np.random.default_rng(13)
    return Counter(status(world(rng, **truth)) for _ in range(TABLES))


def test_where_learning_helps_by_twice_the_margin_the_claim_holds():
    found = statuses(**TWICE)
    assert found["holds"] >= 0.9 * TABLES
    assert found["refuted"] <= 0.05 * TABLES


def test_where_it_harms_by_twice_the_margin_the_claim_is_refuted():
    found = statuses(**{name: -value for name, value in TWICE.items()})
    assert found["refuted"] >= 0.9 * TABLES
    assert found["holds"] + found["holds within bounds"] <= 0.05 * TABLES


def test_where_it_does_nothing_nothing_holds():
    found = statuses(points=0, nats=0)
    assert found["holds"] + found["holds within bounds"] <= 0.05 * TABLES


def test_where_it_helps_at_robots_seen_alone_it_holds_within_that_bound():
    found = statuses(**TWICE, only_seen=True)
    assert found["holds within bounds"] >= 0.9 * TABLES
    assert found["holds"] <= 0.05 * TABLES


def test_targets_that_adapt_are_judged_by_the_same_rule():
    rng = np.random.default_rng(2)
    exams = {"hard": learned.ADAPT_UNSEEN, "easy": learned.ADAPT_SEEN}
    tables = [world(rng, 3 * gains.POINTS, 3 * gains.NATS, **exams, units=(19, 19)) for _ in range(10)]
    assert sum(status(table, **exams, dealt=False) == "holds" for table in tables) >= 9


def test_targets_dealt_that_gain_leave_no_verdict():
    table = world(np.random.default_rng(0), **TWICE)
    dealt = table["learner"] == f"{learned.POWERS}, targets dealt"
    table.loc[dealt, "hits"] += 0.05 * table.loc[dealt, "shots"]
    assert status(table) == "undecided"


def test_a_gain_is_positive_where_the_learned_gun_is_better():
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, 13, 4)
    hits, loss = gains.gain(table, learned.UNSEEN)
    assert hits.low < hits.difference < hits.high
    assert hits.low > 5
    assert loss.low > 0.3
    assert hits.units == loss.units == 13
    by = gains.by_unit(table, learned.UNSEEN)
    np.testing.assert_allclose(by["hits"].mean(), hits.difference)
    np.testing.assert_allclose(by["loss"].mean(), loss.difference)
    assert (by["shots"] == 200).all()


@pytest.mark.parametrize("units", [0, 1, 7])
def test_few_units_decide_nothing(units):
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, max(units, 1), 4)
    table = table if units else table[table["learner"] == learned.SCALE]
    assert np.isnan([gains.gain(table, learned.UNSEEN).hits.low, gains.gain(table, learned.SEEN).loss.high]).all()
    assert status(pd.concat([table, table.assign(exam=learned.SEEN)])) == "undecided"


def test_a_set_without_cells_is_refused():
    table = world(np.random.default_rng(0), **TWICE).assign(set="samples")
    assert len(gains.of_set(table, "samples")) == len(table)
    with pytest.raises(ValueError, match="name: 'confirm' given, there are cells of 'samples'"):
        gains.of_set(table, "confirm")


def test_cells_computed_again_are_compared_with_the_table():
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, 3, 2)
    again = table[(table["robot"] == "1 of the world") & (table["seed"] == 1)]
    assert gains.disagreement(table, again).hits.difference == gains.disagreement(table, again).loss.difference == 0
    other = again.assign(hits=again["hits"] + 2.0, loss=again["loss"] - 4.0)
    apart = gains.disagreement(table, other)
    np.testing.assert_allclose([apart.hits.difference, apart.loss.difference], [1.0, 0.02])
    for unknown in (again.assign(seed=7), again.assign(shots=3)):
        assert np.isnan(gains.disagreement(table, unknown).hits.difference)
