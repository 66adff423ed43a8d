"""Cells of learners that see the same neighbours: what one holds, who is asked what, and whether all ship."""

import numpy as np
import pandas as pd
import pytest
from test_learned import recorded

import kdelab
from kdelab.gun.compare import cells, learned, networks, sets
from kdelab.gun.compare.learned import LINEAR, POWERS, SCALE, SEEN, UNSEEN
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Laplace

QUICK = {"kernel": Laplace(0.1), "predictions": 60, "shrinkage": 1.0, "max_iter": 3}
WEIGHTS = {name: networks.LEARNERS[name] for name in (SCALE, LINEAR, POWERS)}


def gun_of(waves, form, **changes):
    once = {"neighbours": networks.NEIGHBOURS, "retrievals": 1, "validation": 0.0, "within_round": True}
    return kdelab.NeighbourModel(form=form, random_state=5, **(once | QUICK | changes)).fit(waves)


def weighing(waves, learner):
    ((_, _, weigh),) = networks.trained(waves, [5], {"one": learner}, QUICK)
    return weigh


def test_one_scale_hits_what_the_gun_hits_since_its_neighbours_are_the_same():
    waves = recorded()
    exam = learned.real_shots(UNSEEN, waves, set="made up")
    table = networks.Examined(exam, QUICK["kernel"]).cells("one", 5, weighing(waves, WEIGHTS[SCALE]))
    judged = learned.shots(gun_of(waves, "scale"), kdelab.Recall(waves, within_round=True), exam.rows)
    assert table["shots"].sum() == len(exam.rows) == len(judged)
    assert table["hits"].sum() == judged["hit"].sum()
    np.testing.assert_allclose(table["loss"].sum(), judged["cross_entropy"].sum(), rtol=1e-10)
    for robot, part in waves[waves["real"]].groupby("enemy"):
        assert table[table["robot"] == robot]["shots"].sum() == len(part)
    early = (waves["real"] & (waves["round"] < 2)).sum()
    assert table[table["part"] == learned.BEGINNING]["shots"].sum() == early
    assert set(table.columns) >= {"exam", "memory", "learner", "seed", "battle", "robot", "part", "set"}


@pytest.mark.parametrize("form", ["linear", "power"])
def test_weights_weigh_the_plain_neighbours_by_their_own_distance(form):
    waves = recorded()
    recall = kdelab.Recall(waves, within_round=True)
    found = networks.Found.of(recall, gun_of(waves, form).predictions_)
    weigh = weighing(waves, networks.Learner(form))
    gun = gun_of(waves, form)
    logits = found.logits(weigh)
    assert CrossEntropy(found.clusters(), QUICK["kernel"]).value(logits).mean() == pytest.approx(gun.history_[-1].after)
    again = found.logits(weigh)
    assert logits is not again
    np.testing.assert_array_equal(logits, again)


def test_few_bins_train_other_weights_and_many_nearly_the_same():
    waves = recorded()
    found = networks.Found.of(kdelab.Recall(waves, within_round=True), np.flatnonzero(waves["round"] == 5))
    exact, one, many = (found.logits(weighing(waves, networks.Learner("linear", bins))) for bins in (0, 1, 256))
    assert abs(one - exact).max() > 100 * abs(many - exact).max() > 0


def test_the_factor_that_is_tuned_is_the_best():
    waves = recorded()
    found = networks.Found.of(kdelab.Recall(waves, within_round=True), np.flatnonzero(waves["round"] == 5))
    weigh = weighing(waves, WEIGHTS[LINEAR])
    loss = CrossEntropy(found.clusters(), QUICK["kernel"])
    best = loss.value(found.logits(networks.tuned(lambda *given: 8 * weigh(*given), found, QUICK["kernel"]))).mean()
    logits = found.logits(weigh)
    assert all(best <= loss.value(factor * logits).mean() + 1e-9 for factor in np.geomspace(0.1, 10, 50))


def test_who_is_asked_what():
    waves, new = recorded(), recorded(5, 4)
    asked = {
        name: [(exam.labels["set"], exam.name, set(exam.waves["enemy"].iloc[exam.rows]), set(who)) for exam, who in of]
        for name, of in (
            ("2", networks.exams({"samples": waves, "new": new}, ["0", "1", "2"], "2")),
            (None, networks.exams({"samples": waves, "new": new}, ["0", "1", "2"], None)),
        )
    }
    every = set(networks.LEARNERS)
    assert asked["2"] == [("samples", UNSEEN, {"2"}, every), ("new", UNSEEN, {"2"}, every)]
    assert asked[None] == [
        ("new", UNSEEN, {"3"}, every),
        ("new", SEEN, {"0", "1", "2"}, every | set(networks.BINNED)),
        ("new", UNSEEN, {"0", "1", "2", "3"}, {networks.DEALT}),
    ]


def test_a_robot_left_out_teaches_nothing(monkeypatch):
    def table(waves):
        monkeypatch.setattr(networks, "load_waves", lambda name: waves)
        monkeypatch.setattr(sets, "load_waves", lambda name: recorded(1))
        return pd.concat(networks.of_sets(["samples"], [0], QUICK), ignore_index=True)

    monkeypatch.setattr(networks, "LEARNERS", WEIGHTS)
    before = table(recorded())
    other = recorded()
    rows = (other["enemy"] == "2").to_numpy()
    other.loc[rows, ["lower", "upper"]] = other.loc[rows, ["lower", "upper"]].to_numpy()[::-1]
    after = table(other)
    same = before["robot"] == "2"
    assert set(before["robot"]) == {"0", "1", "2"}
    pd.testing.assert_frame_equal(before[same], after[same])
    assert not np.allclose(before[~same]["loss"], after[~same]["loss"])


def test_all_cells_ship():
    table = cells.load("networks")
    assert set(table["set"]) == set(networks.SETS)
    for (name, exam, learner), part in table.groupby(["set", "exam", "learner"]):
        shots = part.groupby("seed")["shots"].sum()
        assert set(shots.index) == set(networks.SEEDS)
        assert shots.nunique() == 1, (name, exam, learner)
    learners = table.groupby(["set", "exam"])["learner"].unique().map(set).to_dict()
    assert learners[sets.FRESH, UNSEEN] == {*networks.LEARNERS, networks.DEALT}
    assert learners[sets.FRESH, SEEN] == {*networks.LEARNERS, *networks.BINNED}
    assert learners["samples", UNSEEN] == set(networks.LEARNERS)
    real = kdelab.load_waves(sets.FRESH)["real"].sum()
    mine = table[(table["set"] == sets.FRESH) & (table["exam"] == UNSEEN) & (table["seed"] == networks.SEEDS[0])]
    assert (mine.groupby("learner")["shots"].sum() == real).all()
