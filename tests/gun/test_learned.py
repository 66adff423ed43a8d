"""Cells of trained guns: who is left out teaches nothing, targets are dealt in their battle, all shots are judged."""

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import cells, learned
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
    table = unseen(waves, waves, learners=learned.TWO)
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


def test_guns_that_saw_a_robot_are_judged_at_known_ones_alone():
    waves, new = recorded(), recorded(5, 4)
    new["battle"] += ", again"
    exam = learned.real_shots(learned.SEEN, new)
    quick = {"settings": QUICK, "learners": {learned.SCALE: learned.Learner("scale")}}
    assert sorted(pd.concat(learned.seen_cells(waves, [exam], [0], **quick))["robot"].unique()) == ["0", "1", "2"]
    assert pd.concat(learned.seen_cells(waves, [exam], [0], strangers=True, **quick))["robot"].nunique() == 4


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


def test_the_seed_of_a_battle_ends_its_name():
    assert learned.seed_of(pd.Series(["a vs b, seed 22", "c vs d, seed 101"])).tolist() == [22, 101]


def test_sets_that_are_not_there_are_named():
    with pytest.raises(ValueError, match="name: 'others' given"):
        list(learned.of_set("others", [0]))


def test_other_sets_of_the_table_are_kept(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cells, "DATA", tmp_path)
    made = pd.DataFrame({"learner": ["one scale"], "robot": "r", "battle": "b", "seed": 0, "shots": 3, "hits": 1.0})
    monkeypatch.setattr(learned, "of_set", lambda name, seeds: iter([made.assign(set=name)]))
    monkeypatch.setattr("sys.argv", ["learned", "samples", "--seeds", "1"])
    assert learned.kept(["samples"]) == []
    assert learned.main() == 0
    monkeypatch.setattr(cells, "load", lambda name: pd.read_parquet(tmp_path / f"{name}.parquet"))
    monkeypatch.setattr("sys.argv", ["learned", "confirm", "--seeds", "1"])
    assert learned.main() == 0
    assert pd.read_parquet(tmp_path / "learned.parquet")["set"].tolist() == ["samples", "confirm"]
