"""The live battles that notebook 16 decides from: what ships, and whether they can be fought again."""

import numpy as np
import pandas as pd
import pytest
from engine import needs_a_jdk

import kdelab
from kdelab.gun.compare import duel, live
from kdelab.gun.waves import samples


@pytest.fixture(scope="module")
def bullets():
    return live.load()


def test_every_robot_is_unseen_once():
    assert sorted(name for group in live.GROUPS for name in group) == sorted(live.ROBOTS)
    assert {len(group) for group in live.GROUPS} == {3}


def test_every_gun_has_fought_every_battle(bullets):
    for exam, learners, enemies in (
        (live.SEEN, live.LEARNERS, samples.ENEMIES),
        (live.UNSEEN, (live.POWERS, live.SCALE), live.ROBOTS),
    ):
        mine = bullets[bullets["exam"] == exam]
        fought = mine.groupby("gun")["battle"].unique().map(set)
        assert set(fought.index) == set(learners)
        assert set(mine["enemy"]) == set(enemies)
        assert fought.map(len).tolist() == [len(enemies) * len(live.SEEDS)] * len(learners)
        assert mine.groupby(["gun", "battle"])["round"].nunique().min() >= live.ROUNDS - 1
    assert not bullets.duplicated(["exam", "gun", "battle", "round", "turn"]).any()


def test_only_what_one_tuned_scale_fired_is_replayed(bullets):
    assert (bullets["replayed"].notna() == (bullets["gun"] == live.SCALE)).all()
    assert set(bullets["replayed"].dropna()) == {0.0, 1.0}


def test_both_exams_hold_the_same_battles_of_one_tuned_scale_but_for_the_engine_s_chance(bullets):
    columns = ["round", "turn", "hit"]
    scale = bullets[(bullets["gun"] == live.SCALE) & bullets["enemy"].isin(samples.ENEMIES)]
    differs = {}
    for (enemy, seed), both in scale.groupby(["enemy", "seed"]):
        seen, unseen = (
            both.loc[both["exam"] == exam, columns].to_numpy().tolist() for exam in (live.SEEN, live.UNSEEN)
        )
        first = next((a for a, b in zip(seen, unseen, strict=False) if a != b), None)
        differs |= {(enemy, seed): first[0]} if first else {}
    assert differs == {("sample.Corners", live.SEEDS[1]): 21}


def test_the_battle_that_ships_is_one_of_them(bullets):
    one = live.example()
    for gun, waves in ((live.POWERS, one.waves), (live.SCALE, one.waves_of_scale)):
        shots = waves[waves["hit"].notna()]
        mine = bullets[
            (bullets["exam"] == live.SEEN)
            & (bullets["gun"] == gun)
            & (bullets["enemy"] == live.EXAMPLE)
            & (bullets["seed"] == live.SEEDS[0])
        ]
        both = shots.merge(mine, on=["round", "turn"], suffixes=("", "_table"))
        assert len(both) == len(shots) == len(mine) > 200
        assert (both["hit"] == both["hit_table"]).all()
    assert one.gun.form == "power"
    assert one.gun.get_params()["within_round"] is True
    rows = np.flatnonzero(one.waves_of_scale["hit"].notna())
    again = kdelab.Recall(one.waves_of_scale, True).hit(one.gun.predict(one.waves_of_scale, rows), rows)
    assert (again == mine["replayed"]).all()


@needs_a_jdk
@pytest.mark.slow
def test_fought_again_the_first_rounds_are_the_same(bullets, tmp_path):
    one, seed = live.example(), live.SEEDS[0]
    guns = {live.POWERS: duel.Duellist(one.gun), live.SCALE: duel.Duellist(one.scale)}
    for gun, log in duel.duel(guns, [live.EXAMPLE], [live.BATTLES + seed], tmp_path, rounds=2):
        again = duel.decided(live.log_of(log))
        mine = bullets[
            (bullets["exam"] == live.SEEN)
            & (bullets["gun"] == gun)
            & (bullets["enemy"] == live.EXAMPLE)
            & (bullets["seed"] == seed)
            & (bullets["round"] < 2)
        ]
        columns = ["round", "turn", "hit"]
        pd.testing.assert_frame_equal(again[columns], mine[columns].reset_index(drop=True), check_dtype=False)
