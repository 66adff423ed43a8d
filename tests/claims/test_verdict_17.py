"""Notebook 17 under deliberately wrong libraries, and under cells of networks that say otherwise."""

import numpy as np
import pytest
from notebook_runner import run
from sabotage import NOTEBOOKS, assert_caught, instead, prepared_with, scaled_gradient, slow_but_first
from test_wrong_procedures import generous, wide_targets

from kdelab.gun.compare import cells, networks
from kdelab.gun.compare.learned import LINEAR, SEEN, UNSEEN
from kdelab.gun.recall import Recall, Targets

pytestmark = pytest.mark.xdist_group("17")
NOTEBOOK = "17-in-a-network.ipynb"
SMALL = {"recomputed": 2}
NETWORK, BINS = "network-gun", "bins-train"
SIXTEEN = networks.binned(networks.NETWORK, 16)


def moved(learners, points=0.0, nats=0.0, exams=(UNSEEN, SEEN)):
    """Tables in which some learners hit so many points more, and gain so many nats."""

    def wrong(honest):
        def load(name):
            table = honest(name)
            here = (table["learner"].isin(learners) & table["exam"].isin(exams)).to_numpy()
            hits = table["hits"] + np.where(here, points / 100 * table["shots"], 0.0)
            return table.assign(hits=hits, loss=table["loss"] - np.where(here, nats * table["shots"], 0.0))

        return load

    return wrong


@pytest.fixture(autouse=True)
def a_better_network(monkeypatch):
    """Here the claim on the network holds as said, so that what is wrong can change it; that on bins does anyway."""
    trained = [networks.NETWORK, *(networks.binned(networks.NETWORK, bins) for bins in networks.BINS)]
    monkeypatch.setattr(cells, "load", moved(trained, 4.0, 0.06)(cells.load))


CASES = {
    "gradient 3 % short": (
        *(NETWORK, "gradient that was trained, error against the reference (claim)"),
        scaled_gradient(0.97),
    ),
    "sign flipped": (*(NETWORK, "cells computed again: cross-entropy, nats apart (claim)"), scaled_gradient(-1)),
    "hits up to 0.01 outside": (
        *(NETWORK, "cells computed again: hits, points apart (claim)"),
        instead(Recall, "hit", generous),
    ),
    "targets 5 % too wide": (
        *(NETWORK, "cells computed again: cross-entropy, nats apart (claim)"),
        instead(Targets, "clusters", wide_targets),
    ),
    "a network that hits less where robots are new": (
        *(NETWORK, f"{UNSEEN}: hits gained, points, lower end (claim)"),
        instead(cells, "load", moved([networks.NETWORK], -8.0, exams=[UNSEEN])),
    ),
    "a network that predicts worse": (
        *(NETWORK, f"{SEEN}: cross-entropy gained, nats, lower end (claim)"),
        instead(cells, "load", moved([networks.NETWORK], nats=-0.2)),
    ),
    "dealt targets gain": (
        *(NETWORK, "targets dealt: hits gained, points, lower end (claim)"),
        instead(cells, "load", moved([networks.DEALT], 60.0)),
    ),
    "trained with 3 % of the gradient missing": (
        *(BINS, "gradient that was trained, error against the reference (claim)"),
        scaled_gradient(0.97),
    ),
    "judged on targets 5 % too wide": (
        *(BINS, "cells computed again: cross-entropy, nats apart (claim)"),
        prepared_with(lambda clusters, kernel, _: (clusters.widened(1.05), kernel)),
    ),
    "bins hit 1.5 points less": (
        *(BINS, "network, 16 bins less exact: hits, points, far end of the interval"),
        instead(cells, "load", moved([SIXTEEN], -1.5)),
    ),
    "bins lose 0.03 nats": (
        *(BINS, "linear, 16 bins less exact: nats, far end of the interval"),
        instead(cells, "load", moved([networks.binned(LINEAR, 16)], nats=-0.03)),
    ),
    "battles that can't tell": (
        *(BINS, "one scale less linear: nats, far end of the interval, which must not pass"),
        instead(cells, "load", moved([LINEAR, networks.binned(LINEAR, 16)], nats=-0.018)),
    ),
}


@pytest.mark.parametrize("name", slow_but_first(CASES, claim=lambda name: CASES[name][0]))
def test_the_verdict_of_a_network_changes_under_what_is_wrong(name):
    claim, check, wrong = CASES[name]
    assert_caught(NOTEBOOK, claim, check, wrong, **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learners", "points", "nats", "exams", "claim", "status"),
    [
        ([networks.NETWORK], -12.0, -0.2, (UNSEEN, SEEN), NETWORK, "refuted"),
        ([networks.NETWORK], -12.0, -0.2, (UNSEEN,), NETWORK, "holds within bounds"),
        ([SIXTEEN], -4.0, 0.0, (SEEN,), BINS, "refuted"),
        ([SIXTEEN], 4.0, 0.0, (SEEN,), BINS, "undecided"),
    ],
)
def test_the_verdict_of_a_network_follows_from_its_cells(monkeypatch, learners, points, nats, exams, claim, status):
    monkeypatch.setattr(cells, "load", moved(learners, points, nats, exams)(cells.load))
    assert run(NOTEBOOKS / NOTEBOOK, **SMALL)[claim].status == status
