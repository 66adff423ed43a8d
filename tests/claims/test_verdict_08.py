"""Notebook 08 under deliberately wrong libraries, and on cells of a world in which hard cases do teach something."""

import hard_cases_worlds as simulated
import numpy as np
import pandas as pd
import pytest
from sabotage import assert_caught, right, slow_but_first

from kdelab.gun.compare import cells
from kdelab.gun.compare import hard as experiment
from kdelab.gun.model import NeighbourModel
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import hard

pytestmark = pytest.mark.xdist_group("08")
NOTEBOOK = "08-hard-cases.ipynb"
SMALL = {"counted": 500, "decided_on": "helps"}


@pytest.fixture(autouse=True)
def worlds(monkeypatch):
    """Two sets more in the file: one in which hard cases teach twice the margin, one in which they do harm."""
    recorded, parts = cells.load("hard"), []
    for name, gain in (("helps", simulated.TWICE), ("harms", -simulated.TWICE)):
        table = simulated.table(np.random.default_rng(1), gain).assign(set=name)
        parts += [table.assign(neighbours=most) for most in experiment.NEIGHBOURS]
    monkeypatch.setattr(cells, "load", lambda _: pd.concat([recorded, *parts], ignore_index=True))


def scaled(factor, monkeypatch):
    """Let the gradient of the cross-entropy be multiplied by `factor(loss)`, (total,)."""
    honest = CrossEntropy.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, factor(self) * gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", wrong)


def gradient_five_percent_too_large(monkeypatch):
    scaled(lambda loss: 1.05, monkeypatch)


def hard_cases_are_given_up(monkeypatch):
    def factor(loss):
        outside = np.repeat(hard.nearest(loss.clusters) > 0.05, loss.clusters.sizes)
        return np.where(outside, 0.1, 1.0)

    scaled(factor, monkeypatch)


def distances_too_long(monkeypatch):
    honest = hard.nearest
    monkeypatch.setattr(hard, "nearest", lambda clusters: 4 * honest(clusters))


def nothing_is_learned(monkeypatch):
    monkeypatch.setattr(NeighbourModel, "fit", lambda self, waves, **named: self.unlearned(waves))


CASES = [
    ("two points, both outside: the nearer one's gradient, -1/6", gradient_five_percent_too_large),
    ("force of a hard case against another's", hard_cases_are_given_up),
    ("share of the hard cases with a point within 2 h", distances_too_long),
    ("cells computed again, difference to the file, nats a case (inside)", nothing_is_learned),
]


@pytest.mark.parametrize(("check", "wrong"), slow_but_first(CASES), ids=lambda value: getattr(value, "__name__", None))
def test_wrong_libraries_are_caught(check, wrong):
    assert_caught(NOTEBOOK, "hard-cases", check, wrong, **SMALL)


@pytest.mark.parametrize(
    ("world", "status"), [("helps", "holds within bounds"), pytest.param("harms", "refuted", marks=pytest.mark.slow)]
)
def test_the_status_is_that_of_the_world(world, status):
    assert right(NOTEBOOK, (("counted", 500), ("decided_on", world)))["hard-cases"].status == status
