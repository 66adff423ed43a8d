"""Simulated worlds in which the truth is known: what is decided of retraining is right at twice the margin."""

import numpy as np
import pytest
from retraining_worlds import TWICE, table
from worlds import assert_right

from kdelab.report.decisions import retraining
from kdelab.report.verdicts import Verdict

TABLES = 40


def statuses(tables=TABLES, **world):
    found = (retraining.contrasts(table(np.random.default_rng(seed), **world)) for seed in range(tables))
    return [Verdict("retraining", retraining.checks(each)).status for each in found]


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
    assert_right(statuses(**world), right, opposite)


def test_a_gain_that_dealt_targets_bring_too_is_none():
    found = statuses(gain=TWICE, dealt=TWICE, tables=5)
    assert not {"holds", "holds within bounds"} & set(found)


def test_cells_that_can_t_be_trusted_refute_nothing():
    found = retraining.contrasts(table(np.random.default_rng(0), -TWICE))
    assert Verdict("retraining", retraining.checks(found)).status == "refuted"
    assert Verdict("retraining", retraining.checks(found, trusted=False)).status == "undecided"
