"""What is decided of networks, in worlds in which the truth is known."""

import numpy as np
import pandas as pd
import pytest
from made_up_cells import gained, world
from worlds import assert_right

from kdelab.gun.compare import learned, networks
from kdelab.report.decisions import learned_gun
from kdelab.report.decisions import networks as decisions
from kdelab.report.verdicts import Verdict

AS = {learned.POWERS: networks.NETWORK, learned.SCALE: learned.LINEAR, learned.DEALT: networks.DEALT}
TWICE = {"points": 2 * learned_gun.POINTS, "nats": 2 * learned_gun.NATS}
TABLES = 30


def network_gun(rng, **truth):
    table = world(rng, units=(15, 40), **truth)
    return Verdict("network-gun", decisions.network_gun(table.assign(learner=table["learner"].map(AS)))).status


def bins_train(rng, linear=0.0, network=0.0, scale=0.025, noise=0.1, units=40):
    """The status where guns trained on 16 bins hit so many points more, and one scale is so many nats behind."""
    base = gained(rng, learned.SEEN, 0.0, 0.0, units, 5)
    base = base[base["learner"] == learned.SCALE]

    def of(name, points, nats, spread):
        hits = base["hits"] + base["shots"] / 100 * rng.normal(points, spread, len(base))
        loss = base["loss"] + base["shots"] * rng.normal(nats, spread / 100, len(base))
        return base.assign(learner=name, hits=hits, loss=loss)

    tables = [of(learned.SCALE, -1.0, scale, 0.5)]
    for name, points in ((learned.LINEAR, linear), (networks.NETWORK, network)):
        exact = of(name, 0.0, 0.0, 0.0)
        tables += [exact, of(networks.binned(name, 16), points, 0.0, noise)]
    return Verdict("bins-train", decisions.bins_train(pd.concat(tables, ignore_index=True))).status


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "right", "wrong"),
    [
        (TWICE, "holds", ("refuted",)),
        (TWICE | {"only_seen": True}, "holds within bounds", ("holds",)),
        ({"points": 0.0, "nats": 0.0}, None, ("holds", "holds within bounds")),
        ({name: -value for name, value in TWICE.items()}, "refuted", ("holds", "holds within bounds")),
    ],
    ids=["better by twice the margin", "better at robots seen", "no better", "worse"],
)
def test_a_network_is_judged_for_what_it_is(truth, right, wrong):
    rng = np.random.default_rng(17)
    assert_right([network_gun(rng, **truth) for _ in range(TABLES)], right, wrong)


@pytest.mark.parametrize(
    ("truth", "status"),
    [
        ({}, "holds"),
        ({"network": -3.0}, "refuted"),
        ({"linear": -3.0}, "refuted"),
        ({"network": 3.0}, "undecided"),
        ({"noise": 60.0}, "undecided"),
        ({"scale": 0.005}, "undecided"),
        ({"units": 7}, "undecided"),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given) or "alike",
)
def test_bins_train_as_well_where_both_forms_are_alike_and_the_battles_can_tell(truth, status):
    assert bins_train(np.random.default_rng(3), **truth) == status


def test_a_network_that_beats_one_scale_and_not_fourteen_weights_decides_nothing_for_it():
    table = world(np.random.default_rng(1), **TWICE, units=(15, 40))
    both = table[table["learner"] == learned.POWERS].assign(learner=learned.LINEAR, hits=lambda one: one["hits"] + 0.01)
    table = pd.concat([table.assign(learner=table["learner"].map(AS | {learned.SCALE: learned.SCALE})), both])
    assert Verdict("network-gun", decisions.network_gun(table)).status == "refuted"
