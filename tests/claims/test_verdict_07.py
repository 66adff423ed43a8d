"""Notebook 07 under deliberately wrong libraries, and on cells of worlds in which turning the dial pays or harms."""

import dial_worlds as simulated
import numpy as np
import pandas as pd
import pytest
from notebook_runner import run
from sabotage import NOTEBOOKS, assert_caught, scaled_bandwidth, scaled_gradient, slow_but_first

from kdelab.gun.compare import cells, dial
from kdelab.study import rivals

pytestmark = pytest.mark.xdist_group("07")
NOTEBOOK = "07-surfing-and-targeting.ipynb"
SMALL = {"predictions": 10, "neighbours": 10}
WORLDS = {"helps": 2.0, "harms": -2.0, "helps a lot": 6.0}  # margins gained where somebody says that turning pays


@pytest.fixture(autouse=True)
def worlds(monkeypatch):
    """Sets more in the file, in which the truth is known."""
    recorded, parts = cells.load("dial"), []
    others = recorded[recorded["learner"].isin(list(dial.LOSSES))]
    for name, margins in WORLDS.items():
        for job in dial.JOBS:
            made = simulated.table(np.random.default_rng(1), job, simulated.turned(job, margins))
            made["battle"] = made["battle"].map("one vs other, seed {}".format)
            unturned = made[made["learner"] == dial.OURS]
            made = pd.concat([made, *(unturned.assign(learner=other) for other in pd.unique(others["learner"]))])
            parts.append(made.assign(set=name, job=job, loss=0.0))
    monkeypatch.setattr(cells, "load", lambda _: pd.concat([recorded, *parts], ignore_index=True))


def scaled(owner, factor, monkeypatch):
    """Let the gradient of `owner.value_and_grad` be multiplied by `factor(objective)`, (total,)."""
    honest = owner.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, factor(self) * gradient

    monkeypatch.setattr(owner, "value_and_grad", wrong)


def squared_error_a_little_too_steep(monkeypatch):
    scaled(rivals.MeanSquaredError, lambda loss: 1.03, monkeypatch)


def squared_error_forgets_the_error(monkeypatch):
    def by_weight(self, weight):
        return self.clusters.sum(weight * self.from_centre) ** 2, 2 * self.from_centre

    monkeypatch.setattr(rivals.MeanSquaredError, "by_weight", by_weight)


def deaf_to_weights(monkeypatch):
    """Every case counts as much as any other."""
    monkeypatch.setattr(dial, "loudness", lambda losses, alpha, loudest=5.0: np.ones(len(losses)))


HELPS, AGAIN = (
    {"decided_on": "helps", "surfers_on": "helps"},
    "cells computed again, share of shots that differ (claim)",
)
GRADIENT = "gradient that is trained, error against the reference (claim)"
LOSS = "loss that is trained, error against the reference (claim)"
CASES = [
    ("far-losses", "library against fractions, two points", squared_error_a_little_too_steep, SMALL),
    ("far-losses", "two points, squared error: force at distance 10 against 1", squared_error_forgets_the_error, SMALL),
    *(
        (claim, check, wrong, SMALL | HELPS)
        for claim in ("chasing-surfs", "giving-up-targets")
        for check, wrong in (
            (GRADIENT, scaled_gradient(0.97)),
            (LOSS, scaled_bandwidth(1.04)),
            (AGAIN, deaf_to_weights),
        )
    ),
    ("middle-ground", GRADIENT, scaled_gradient(0.97), SMALL),
    ("middle-ground", AGAIN, deaf_to_weights, SMALL),
]


@pytest.mark.parametrize(
    ("claim", "check", "wrong", "small"),
    slow_but_first(CASES, claim=lambda case: case[0]),
    ids=[f"{claim}, {getattr(wrong, '__name__', wrong)}-{i}" for i, (claim, _, wrong, _) in enumerate(CASES)],
)
def test_wrong_libraries_are_caught(claim, check, wrong, small):
    assert_caught(NOTEBOOK, claim, check, wrong, **small)


@pytest.mark.parametrize(
    ("world", "turning", "middle"),
    [
        ("harms", "refuted", "holds"),
        pytest.param("helps", "holds", "undecided", marks=pytest.mark.slow),
        pytest.param("helps a lot", "holds", "refuted", marks=pytest.mark.slow),
    ],
)
def test_the_status_is_that_of_the_world(world, turning, middle):
    made = run(NOTEBOOKS / NOTEBOOK, **SMALL, decided_on=world, surfers_on=world)
    assert made["chasing-surfs"].status == made["giving-up-targets"].status == turning
    assert made["middle-ground"].status == middle
