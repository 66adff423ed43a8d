"""Notebook 09 under wrong libraries, and on cells of worlds in which learned weights do turn hard cases easy."""

import numpy as np
import pandas as pd
import pytest
import retraining_worlds as simulated
from sabotage import assert_caught, right, scaled_bandwidth, scaled_gradient, slow_but_first

from kdelab.gun.compare import cells
from kdelab.gun.compare import retraining as experiment
from kdelab.learn.memory import Memory

pytestmark = pytest.mark.xdist_group("09")
NOTEBOOK = "09-retraining.ipynb"
WORLDS = {"helps": (simulated.TWICE, 0.001), "harms": (-simulated.TWICE, 0.008)}


@pytest.fixture(autouse=True)
def worlds(monkeypatch):
    """Two sets more in the file: learned weights turn twice the margin more, or less, than random ones."""
    recorded, parts = cells.load("retraining"), []
    for name, (gain, turned_hard) in WORLDS.items():
        table = simulated.table(np.random.default_rng(1), gain, turned_hard).assign(set=name, new=1.0, loss=0.0)
        parts += [table.assign(neighbours=most) for most in experiment.NEIGHBOURS]
    monkeypatch.setattr(cells, "load", lambda _: pd.concat([recorded, *parts], ignore_index=True))


def deaf_retrieval(monkeypatch):
    """Neighbours are looked up as at first, whatever has been learned since."""
    honest, first = Memory.nearest, {}

    def nearest(self, positions, wanted, neighbours, share=5):
        return honest(self, first.setdefault(len(positions), positions), wanted, neighbours, share)

    monkeypatch.setattr(Memory, "nearest", nearest)


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (scaled_gradient(0.97), "gradient that is trained, error against the reference (claim)"),
            (scaled_bandwidth(1.04), "loss that is trained, error against the reference (claim)"),
            (scaled_gradient(-1), "cells computed again, difference to the file a case (claim)"),
            (deaf_retrieval, "cells computed again, difference to the file a case (claim)"),
        ]
    ),
    ids=[
        "gradient 3 % short",
        "bandwidth off by 4 %",
        "sign flipped",
        "retrieval deaf to weights",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught(NOTEBOOK, "retraining", check, wrong, decided_on="helps")


@pytest.mark.parametrize(
    ("world", "status"), [("helps", "holds"), pytest.param("harms", "refuted", marks=pytest.mark.slow)]
)
def test_the_status_is_that_of_the_world(world, status):
    assert right(NOTEBOOK, (("decided_on", world),))["retraining"].status == status
