"""Simulated worlds in which the truth is known: what is decided of hard cases is right at twice the margin."""

import numpy as np
import pandas as pd
import pytest
from hard_cases_worlds import TWICE, table
from worlds import assert_right

from kdelab.report.decisions import hard_cases
from kdelab.report.verdicts import Verdict, counterexample

TABLES = 40
BOX = counterexample("a box kernel's force", 0.0, at_most=0)


def statuses(tables=TABLES, **world):
    found = (hard_cases.contrasts(table(np.random.default_rng(seed), **world)) for seed in range(tables))
    return [Verdict("hard-cases", [*hard_cases.checks(each), BOX]).status for each in found]


WORLDS = [
    ("helps", {"gain": TWICE}, "holds within bounds", ("refuted",)),
    ("harms", {"gain": -TWICE}, "refuted", ("holds", "holds within bounds")),
    ("does nothing", {"gain": 0.0}, None, ("holds", "holds within bounds")),
    ("helps a little", {"gain": 1.5 * hard_cases.GAIN}, None, ("refuted",)),
    ("helps without a cost", {"gain": TWICE, "cost": 0.0}, "holds within bounds", ("refuted",)),
    ("the trainer does harm", {"gain": TWICE, "harm": 2 * hard_cases.HARM}, "undecided", ("refuted",)),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "world", "right", "opposite"), WORLDS, ids=[world[0] for world in WORLDS])
def test_the_status_is_right_where_the_truth_is_known(name, world, right, opposite):
    assert_right(statuses(**world), right, opposite)


def test_a_gain_that_dealt_targets_bring_too_is_none():
    found = statuses(gain=TWICE, dealt=TWICE, tables=5)
    assert "holds within bounds" not in found


def test_a_battle_counts_by_its_cases_not_by_those_looked_at():
    cells = pd.DataFrame(
        {
            "learner": "a",
            "battle": 0,
            "seed": 0,
            "part": ["hard", "other"],
            "shots": [2, 10],
            "loss": [4.0, 5.0],
            "cases": [2, 98],
        }
    )
    whole = hard_cases.weighed(cells, "loss")
    assert whole[["shots", "loss"]].to_numpy().tolist() == [[100, 2 * 2.0 + 98 * 0.5]]
