"""Turn logs: files, seeds, and what tells two battles of one pair apart."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_up_battles import duel

from kdelab.gun.battles.turns import (
    BULLET_COLUMNS,
    DEAD,
    EXPLODED,
    HIT_BULLET,
    HIT_ROBOT,
    HIT_WALL,
    TURN_COLUMNS,
    TurnLog,
    load_round,
    read_logs,
    write_logs,
)
from kdelab.gun.waves.check import checked
from kdelab.gun.waves.features import FEATURES
from kdelab.gun.waves.from_turns import waves_of


def test_two_battles_of_one_pair_stay_two(tmp_path):
    one, two, same = (duel(turns=n, bullets=[(0, 10, 0.8, HIT_WALL, 60)]) for n in (100, 120, 100))
    assert one.name != two.name
    assert one.name == same.name
    assert one.name.startswith("a.Gun vs b.Target, id ")
    write_logs(tmp_path / "logs.npz", [one, two], np.float32)
    assert [log.name for log in read_logs(tmp_path / "logs.npz")] == [one.name, two.name]
    seeded = [replace(one, seed=7), replace(two, seed=-8), replace(two, seed=None)]
    write_logs(tmp_path / "logs.npz", seeded)
    again = read_logs(tmp_path / "logs.npz")
    assert [log.seed for log in again] == [7, -8, None]
    assert again[0].name == "a.Gun vs b.Target, seed 7"
    both = waves_of(again, every=4)
    assert both["battle"].nunique() == 3
    apart = pd.concat([waves_of(log, every=4) for log in again], ignore_index=True)
    pd.testing.assert_frame_equal(both, apart)
    checked(apart, FEATURES)
    with pytest.raises(ValueError, match=r"stands there for the second time, in \d+ rows, first in row \d+"):
        checked(pd.concat([both, both]), FEATURES)
    with pytest.raises(ValueError, match=r"hold the battle 'a\.Gun vs b\.Target, seed 7' twice"):
        waves_of([again[0], again[0]])


def test_a_seed_of_all_battles_of_a_file_is_read(tmp_path):
    write_logs(tmp_path / "logs.npz", [duel(), duel(speed=4.0)])
    with np.load(tmp_path / "logs.npz") as data:
        np.savez(tmp_path / "one.npz", **{**data, "seed": np.array(21)})
        np.savez(tmp_path / "bad.npz", **{**data, "seed": np.array(2.5)})
        np.savez(tmp_path / "short.npz", **{name: data[name] for name in data if name != "turns_1"})
    assert [log.seed for log in read_logs(tmp_path / "one.npz")] == [21, 21]
    with pytest.raises(ValueError, match=r"bad\.npz.*seed=2\.5 must be a whole number"):
        read_logs(tmp_path / "bad.npz")
    with pytest.raises(ValueError, match=r"short\.npz.*lacks"):
        read_logs(tmp_path / "short.npz")
    damaged = bytearray((tmp_path / "logs.npz").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "logs.npz").write_bytes(damaged)
    with pytest.raises(ValueError, match=r"logs\.npz"):
        read_logs(tmp_path / "logs.npz")


def test_a_robot_against_itself_is_two_shooters():
    waves = waves_of(duel(bullets=[(s, 10, 0.8, HIT_WALL, 60) for s in (0, 1)], second="a.Gun"), every=4)
    assert set(waves["shooter"]) == {"a.Gun", "a.Gun (2)"}
    assert (waves["shooter"] != waves["enemy"]).all()
    checked(waves, FEATURES)


def test_logs_survive_a_file(tmp_path):
    log = load_round()
    assert len(log.turns) > 300
    write_logs(tmp_path / "log.npz", [log])
    (again,) = read_logs(tmp_path / "log.npz")
    assert again.name == log.name == "kc.mega.BeepBoop vs sample.Crazy, seed 22"
    pd.testing.assert_frame_equal(waves_of(again), waves_of(log))


def columns(n):
    turns = np.zeros((n, len(TURN_COLUMNS)))
    turns[:, 1] = np.arange(1, n + 1)
    return turns


NO_BULLETS = np.zeros((0, len(BULLET_COLUMNS)))


@pytest.mark.parametrize(
    ("turns", "bullets", "message"),
    [
        (np.zeros((3, 15)), NO_BULLETS, "turns has shape"),
        (columns(3), np.zeros((2, 3)), "bullets has shape"),
        (columns(3) * [np.nan], NO_BULLETS, "turns holds values that are not finite"),
        (columns(5)[[0, 1, 3]], NO_BULLETS, "no turn of a round missing"),
        (columns(5)[::-1], NO_BULLETS, "sorted"),
    ],
)
def test_bad_logs_are_refused(turns, bullets, message):
    with pytest.raises(ValueError, match=message):
        TurnLog("a", "b", turns, bullets)


def test_states_are_numbered_as_in_robocode():
    robots = ["ACTIVE", "HIT_WALL", "HIT_ROBOT", "DEAD"]  # robocode.control.snapshot.RobotState
    bullets = ["FIRED", "MOVING", "HIT_VICTIM", "HIT_BULLET", "HIT_WALL", "EXPLODED", "INACTIVE"]  # and BulletState
    assert robots.index("DEAD") == DEAD
    ours = {"HIT_VICTIM": HIT_ROBOT, "HIT_BULLET": HIT_BULLET, "HIT_WALL": HIT_WALL, "EXPLODED": EXPLODED}
    assert {name: bullets.index(name) for name in ours} == ours
