"""Cells of trained guns: who is left out teaches nothing, targets are dealt in their battle, all shots are judged."""

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import learned, sets
from kdelab.gun.recall import Recall
from kdelab.gun.waves.check import late

QUICK = learned.SETTINGS | {"neighbours": 10, "predictions": 60, "retrievals": 1, "max_iter": 3}


def recorded(seed=1, battles=3, waves=240):
    """Battles against robots 0, 1, 2..., which pass within ten turns."""
    table = learnable(seed, battles, waves)
    turn = table.groupby(["battle", "round"]).cumcount() * 5
    return table.assign(turn=turn, passed=turn + 10, hit=np.where(table["real"], turn % 2, np.nan))


def unseen(training, waves, **named):
    exam = learned.real_shots(learned.UNSEEN, waves, set="made up")
    return pd.concat(learned.unseen_cells(training, [exam], [0, 1], settings=QUICK, **named), ignore_index=True)


def test_every_real_shot_is_judged_once_by_each_gun_seed_and_memory():
    waves = recorded()
    table = unseen(waves, waves, learners={name: learned.LEARNERS[name] for name in (learned.SCALE, learned.POWERS)})
    shots = table.groupby(["learner", "seed", "memory", "robot"])["shots"].sum()
    assert len(shots) == 2 * 2 * 2 * 3
    for robot, part in waves[waves["real"]].groupby("enemy"):
        assert (shots.xs(robot, level="robot") == len(part)).all()
        early = table[(table["robot"] == robot) & (table["part"] == learned.BEGINNING)]
        assert (early["shots"] == (part["round"] < 2).sum()).all()
    assert (table["set"] == "made up").all()


def test_cells_are_sums_over_what_a_gun_hits():
    waves = recorded()
    table = unseen(waves, waves, learners={learned.SCALE: learned.Learner("scale")})
    others = waves[waves["enemy"] != "1"].reset_index(drop=True)
    gun = kdelab.NeighbourModel(form="scale", random_state=1, **QUICK).fit(others)
    rows = np.flatnonzero(waves["real"] & (waves["enemy"] == "1"))
    losses, aims = gun.losses(waves, rows), gun.predict(waves, rows)
    hits = (waves["lower"].to_numpy()[rows] <= aims) & (aims <= waves["upper"].to_numpy()[rows])
    mine = table[(table["robot"] == "1") & (table["seed"] == 1) & (table["memory"] == learned.WITHIN)]
    assert mine["hits"].sum() == hits.sum()
    np.testing.assert_allclose(mine["loss"].sum(), losses.sum(), rtol=1e-12)


def test_a_robot_left_out_teaches_nothing():
    waves = recorded()
    before = unseen(waves, waves)
    other = waves.copy()
    rows = (waves["enemy"] == "2").to_numpy()
    other.loc[rows, ["lower", "upper"]] = waves.loc[rows, ["lower", "upper"]].to_numpy()[::-1]
    after = unseen(other, waves)
    same = before["robot"] == "2"
    pd.testing.assert_frame_equal(before[same], after[same])
    assert not np.allclose(before[~same]["loss"], after[~same]["loss"])


def test_strangers_are_judged_by_guns_trained_on_everything():
    waves, new = recorded(), recorded(5, 4)
    new["battle"] += ", again"
    table = unseen(waves, new, learners={learned.SCALE: learned.Learner("scale")})
    assert sorted(table["robot"].unique()) == ["0", "1", "2", "3"]
    gun = kdelab.NeighbourModel(form="scale", random_state=0, **QUICK).fit(waves)
    rows = np.flatnonzero(new["real"] & (new["enemy"] == "3"))
    mine = table[(table["robot"] == "3") & (table["seed"] == 0) & (table["memory"] == learned.WITHIN)]
    np.testing.assert_allclose(mine["loss"].sum(), gun.losses(new, rows).sum(), rtol=1e-12)


def test_shots_at_some_robots_alone_where_they_are_asked_for():
    waves, new = recorded(), recorded(5, 4)
    new["battle"] += ", again"
    exam = learned.real_shots(learned.SEEN, new, at=["0", "2"])
    quick = {"settings": QUICK, "learners": {learned.SCALE: learned.Learner("scale")}}
    table = pd.concat(learned.seen_cells(waves, [exam], [0], **quick))
    assert sorted(table["robot"].unique()) == ["0", "2"]
    assert table["shots"].sum() == 2 * (new["real"] & new["enemy"].isin(["0", "2"])).sum()
    assert list(learned.seen_cells(waves, [], [0], **quick)) == []


def test_late_shots_alone_where_they_are_asked_for():
    waves = recorded()
    rows = learned.real_shots(learned.SEEN, waves, late=True).rows
    np.testing.assert_array_equal(rows, np.flatnonzero(waves["real"] & late(waves, 1 / 3, ["battle"])))
    assert set(learned.early_rounds(waves)["round"]).isdisjoint(waves["round"][rows])


def test_targets_are_dealt_within_a_battle_and_all_of_them():
    waves = recorded()
    dealt = learned.deal(waves, np.random.default_rng(0))
    for _, rows in waves.groupby("battle").indices.items():
        a, b = (np.sort(t[["lower", "upper"]].to_numpy()[rows].view("f8,f8").ravel()) for t in (waves, dealt))
        np.testing.assert_array_equal(a, b)
    assert (dealt["lower"] != waves["lower"]).mean() > 0.9
    pd.testing.assert_frame_equal(dealt.drop(columns=["lower", "upper"]), waves.drop(columns=["lower", "upper"]))


def test_no_battle_is_trained_on_by_more_than_its_share():
    waves = recorded(battles=2, waves=300)
    waves = waves[(waves["battle"] != "a vs 1") | (waves["round"] < 3)].reset_index(drop=True)
    [(_, _, gun)] = learned.trained(waves, [3], {"one": learned.Learner("scale")}, QUICK, a_battle=40)
    taken = waves["battle"].iloc[gun.predictions_].value_counts()
    assert (taken <= 40).all()


def test_own_shots_are_the_decided_ones_of_their_shooter():
    waves = recorded()
    waves.loc[::3, "hit"] = np.nan
    rows = learned.own_shots(waves, "a").rows
    np.testing.assert_array_equal(rows, np.flatnonzero(waves["real"] & waves["hit"].notna()))
    assert len(learned.own_shots(waves, "b").rows) == 0
    exam = learned.own_shots(waves, "a")
    really = pd.concat(learned._Examined(exam).really([0, 1]))
    mine = really[(really["seed"] == 1) & (really["memory"] == learned.WITHIN)]
    assert mine["hits"].sum() == (waves["hit"].iloc[rows] == 1).sum()


def test_without_a_memory_a_gun_aims_head_on_and_knows_nothing():
    waves = recorded()
    gun = kdelab.NeighbourModel(within_round=True, neighbours=10).unlearned(waves)
    first = np.flatnonzero((waves["round"] == 0) & (waves["turn"] == 0))
    table = learned.shots(gun, Recall(waves, within_round=True), first)
    assert table["row"].tolist() == first.tolist()
    assert (table["aim"] == 0).all()
    np.testing.assert_allclose(table["cross_entropy"], np.log(2))


def as_surfers(waves, seed):
    """Robot 0 adapts, the others are samples; the battles bear a seed."""
    battle = waves["battle"] + f", seed {seed}"
    shooter = np.where(waves["enemy"] == "1", "kc.mega.BeepBoop", "voidious.Diamond")
    enemy = np.where(waves["enemy"] == "0", "kc.mega.BeepBoop", "sample." + waves["enemy"])
    return waves.assign(battle=battle, shooter=shooter, enemy=enemy)


@pytest.mark.slow
def test_all_sets_at_once_know_what_each_was_trained_on(monkeypatch):
    samples, confirm = (recorded(seed).assign(enemy=lambda w: "sample." + w["enemy"]) for seed in (1, 7))
    confirm["battle"] += ", again"
    confirm.loc[confirm["enemy"] == "sample.0", "enemy"] = "own.Robot"
    surfers = pd.concat([as_surfers(recorded(3), 22), as_surfers(recorded(4), 101)], ignore_index=True)
    tables = {"samples": samples, "confirm": confirm, "surfers": surfers}
    for module in (learned, sets):
        monkeypatch.setattr(module, "load_waves", tables.__getitem__)
    monkeypatch.setattr(learned.trained, "__defaults__", (learned.LEARNERS, QUICK, None))
    table = pd.concat(learned.of_sets(sets.SETS, [0, 1]), ignore_index=True)
    robots = table.groupby(["set", "exam"])["robot"].unique().map(sorted).to_dict()
    three, stranger = ["sample.0", "sample.1", "sample.2"], ["own.Robot", "sample.1", "sample.2"]
    assert robots[("samples", learned.UNSEEN)] == robots[("samples", learned.SEEN)] == three
    assert robots[("confirm", learned.UNSEEN)] == stranger
    assert robots[("confirm", learned.SEEN)] == stranger[1:]
    for name, seed in (("surfers", 22), ("surfers, new", 101)):
        for exam in (learned.ADAPT_UNSEEN, learned.ADAPT_SEEN):
            assert robots[(name, exam)] == ["kc.mega.BeepBoop"]
        assert table[table["set"] == name]["battle"].str.endswith(f"seed {seed}").all()
    learners = table.groupby(["set", "exam"])["learner"].unique().map(set).to_dict()
    assert learners[("confirm", learned.UNSEEN)] == {*learned.LEARNERS, learned.DEALT}
    assert learners[("surfers", f"{learned.OWN}, voidious.Diamond")] == {*learned.LEARNERS, learned.REALLY}
    assert table[table["learner"] == learned.REALLY]["loss"].isna().all()
    shots = table[(table["memory"] == learned.WITHIN) & (table["seed"] == 1) & (table["learner"] == learned.POWERS)]
    counts = shots.groupby(["set", "exam"])["shots"].sum()
    assert counts[("confirm", learned.UNSEEN)] == confirm["real"].sum()
    assert counts[("confirm", learned.SEEN)] == (confirm["real"] & (confirm["enemy"] != "own.Robot")).sum()
    late_ones = surfers["real"] & late(surfers, 1 / 3, ["battle"]) & (surfers["enemy"] == "kc.mega.BeepBoop")
    assert counts[("surfers", learned.ADAPT_SEEN)] * 1 == (late_ones & surfers["battle"].str.endswith("22")).sum()


def test_one_recording_teaches_and_is_judged_without_any_other():
    waves = recorded()
    table = pd.concat(learned.explored_cells(waves, [0], settings=QUICK, learners={"s": learned.Learner("scale")}))
    assert set(table["exam"]) == {learned.UNSEEN, learned.SEEN}
