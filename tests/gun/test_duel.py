"""Duels: what is counted, what is compared, and what a user is told; in real battles where those can be fought."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine import needs_a_jdk

import kdelab
from kdelab.gun import __main__ as command
from kdelab.gun.battles.turns import EXPLOSION, HIT_BULLET, load_round
from kdelab.gun.commands.duel import duellists, told
from kdelab.gun.compare import duel
from kdelab.learn.metric import Metric


def bullets(rng, rates, battles=10, rounds=4, a_round=50, robots=10):
    """Return bullets of guns that hit so often, of 100, each battle being as hard for all."""
    parts = []
    for battle in range(battles):
        harder = rng.uniform(-10, 10)
        for gun, rate in rates.items():
            hit = rng.random(rounds * a_round) < (rate + harder) / 100
            enemy = f"e.{battle % robots}"
            parts.append(pd.DataFrame({"gun": gun, "enemy": enemy, "battle": f"{enemy}, seed {battle}", "hit": hit}))
    return pd.concat(parts, ignore_index=True)


def test_the_better_gun_comes_out_and_by_how_much():
    table = duel.standing(bullets(np.random.default_rng(1), {"a": 50, "b": 60}, battles=40), "a")
    assert table["battles"].tolist() == [40, 40]
    assert table.loc["b", "difference"] == pytest.approx(10, abs=2)
    for unit in ("battles", "robots"):
        assert 5 < table.loc["b", f"low, {unit}"] < table.loc["b", "difference"] < table.loc["b", f"high, {unit}"] < 15
    assert table.loc["a", "difference"] == 0


def test_the_first_gun_is_what_others_are_compared_with_whatever_their_names():
    table = duel.standing(bullets(np.random.default_rng(6), {"z": 50, "b": 70, "k": 60}, battles=40), "z")
    assert table.index.tolist() == ["z", "b", "k"]
    assert table.loc["z", "difference"] == 0
    said = told(table).splitlines()
    assert "more than z" in said[0]
    assert said[1].split()[:1] == ["z"]
    assert said[1].count(" to ") == 0
    assert [line.split()[0] for line in said[2:4]] == ["b", "k"]
    assert all(line.count(" to ") == 2 for line in said[2:4])
    assert said[5:] == ["b against z: hits more often", "k against z: hits more often"]


def test_guns_that_share_no_battle_cannot_be_compared():
    whole = bullets(np.random.default_rng(7), {"a": 50, "b": 60})
    first = whole["battle"] == "e.0, seed 0"
    apart = whole[np.where(whole["gun"] == "a", first, ~first)]
    with pytest.raises(ValueError, match="no battle, of one enemy and seed, that every gun has fought"):
        duel.standing(apart, "a")


def test_a_battle_that_one_gun_lacks_counts_for_none():
    whole = bullets(np.random.default_rng(2), {"a": 50, "b": 60})
    lacking = whole[~((whole["gun"] == "b") & (whole["battle"] == "e.3, seed 3"))]
    left = duel.standing(lacking, "a")
    without = duel.standing(whole[whole["battle"] != "e.3, seed 3"], "a")
    pd.testing.assert_frame_equal(left, without)


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"a": 50, "b": 70}, "b against a: hits more often"),
        ({"a": 70, "b": 50}, "b against a: hits less often"),
        ({"a": 60, "b": 60}, "b against a: no difference shown"),
    ],
)
def test_what_is_said_follows_from_the_interval(rates, said):
    assert said in told(duel.standing(bullets(np.random.default_rng(5), rates), "a"))


def test_few_battles_give_no_interval_and_no_word():
    few = told(duel.standing(bullets(np.random.default_rng(4), {"a": 50, "b": 90}, battles=7), "a"))
    assert "no difference shown (7 battles; an interval takes 8)" in few
    assert "no interval" in few


def test_bullets_that_met_bullets_do_not_count():
    log = load_round()
    counted = duel.decided(log)
    mine = (log.bullets[:, 1] == 0) & (log.bullets[:, 9] != HIT_BULLET)
    assert 0 < len(counted) <= mine.sum()
    last = log.turns[-1, 1]
    ended = log.bullets[mine][:, 8] - EXPLOSION
    assert len(counted) <= (ended <= last).sum()
    assert set(counted["battle"]) == {f"{log.second}, seed {log.seed}"}


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", "duel", *map(str, arguments)])
    code = command.main()
    return code, capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--gun", "linear"], "takes two guns or more"),
        (["--gun", "linear", "--gun", "linear"], "'linear' stands there twice"),
        (["--gun", "linear", "--gun", "nothing.json"], "nothing.json"),
        (["--gun", "linear", "--gun", "head-on", "--enemy", "b.B", "--battles", "3"], "multiples of the 2 enemies"),
        (["--gun", "linear", "--gun", "head-on", "--battles", "0"], "multiples of the 1 enemies"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_fought(arguments, message, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(duel, "fought", lambda *a, **k: pytest.fail("not refused"))
    code, said = run(monkeypatch, capsys, *arguments, "--enemy", "sample.Crazy", "--out", tmp_path / "duel.csv")
    assert code == 2
    assert message in said.err
    assert not list(tmp_path.iterdir())


def test_an_enemy_that_would_get_the_duels_own_classes_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(duel, "fought", lambda *a, **k: pytest.fail("not refused"))
    (tmp_path / "my").mkdir()
    for name in ("Gun", "Practice"):
        (tmp_path / "my" / f"{name}.class").touch()
    for enemy, robots, message in (
        ("my.LearnedBot", None, "so the duel's own robot is called: write it into a package of its own"),
        ("my.Practice", tmp_path, "'my.Practice' shares its package with my/Gun.class in "),
        ("my.Practice 1.2", str(tmp_path), "'my.Practice 1.2' shares its package with my/Gun.class in "),
    ):
        with pytest.raises(ValueError, match=message):
            next(duel.duel({}, ["sample.Crazy", enemy], [1], tmp_path / "duel", robots=robots))
    duel._check_apart(["sample.Crazy", "your.Practice", "my.own.Bot"], tmp_path)
    (tmp_path / "my" / "Gun.class").unlink()
    duel._check_apart(["my.Practice"], tmp_path)


@needs_a_jdk
def test_every_robot_is_built_before_anything_is_fought(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(duel, "fought", lambda *a, **k: pytest.fail("not refused"))
    metric = Metric({"mood": (0.0, 1.0)}, 1.0, np.ones(1), np.ones(1), np.zeros(1))
    own = kdelab.NeighbourModel(features=["mood"])._keep(metric, [], None)
    (tmp_path / "own.json").write_text(own.to_json())
    two = ["--gun", "linear", "--gun", tmp_path / "own.json", "--enemy", "sample.Crazy"]
    code, said = run(monkeypatch, capsys, *two, "--out", tmp_path / "duel.csv")
    assert code == 2
    assert "doesn't know the features mood" in said.err


def test_who_stops_a_duel_is_told_what_is_kept(monkeypatch, capsys, tmp_path):
    def stopped(guns, enemies, seeds, folder, **options):
        place = folder / "linear" / "battles"
        place.mkdir(parents=True)
        (place / "one.npz").touch()
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(duel, "duel", stopped)
    two = ["--gun", "linear", "--gun", "head-on", "--enemy", "sample.Crazy"]
    code, said = run(monkeypatch, capsys, *two, "--out", tmp_path / "duel.csv")
    assert code == 130
    assert f"kept in {tmp_path / 'duel.battles'}: 1 battles; the same command goes on from there" in said.err


def test_no_gun_is_called_like_a_folder_above(tmp_path):
    (tmp_path / "...json").write_text(duellists(["linear", "untrained"])["untrained"].gun.to_json())
    assert list(duellists(["linear", str(tmp_path / "...json")])) == ["linear", "_"]


@pytest.mark.parametrize(("out", "message"), [("duel.parquet", "must end in .csv"), ("no/duel.csv", "no folder")])
def test_what_cannot_be_written_is_refused(out, message, monkeypatch, capsys, tmp_path):
    two = ["--gun", "linear", "--gun", "head-on", "--enemy", "sample.Crazy"]
    code, said = run(monkeypatch, capsys, *two, "--out", tmp_path / out)
    assert code == 2
    assert message in said.err


@needs_a_jdk
@pytest.mark.slow
def test_guns_fight_and_are_not_asked_to_fight_again(monkeypatch, capsys, tmp_path):
    two = ["--gun", "head-on", "--gun", "linear", "--enemy", "sample.Walls", "--battles", 1, "--rounds", 2]
    code, said = run(monkeypatch, capsys, *two, "--workers", 1, "--out", tmp_path / "duel.csv")
    assert code == 0, said.err
    assert "linear against head-on" in said.out
    table = pd.read_csv(tmp_path / "duel.csv")
    assert list(table.columns) == ["gun", "enemy", "seed", "round", "turn", "hit"]
    assert set(table["gun"]) == {"head-on", "linear"}
    assert (tmp_path / "duel.png").stat().st_size > 1000
    first = (tmp_path / "duel.csv").read_bytes()
    code, again = run(monkeypatch, capsys, *two, "--workers", 1, "--out", tmp_path / "duel.csv")
    assert code == 0
    assert (tmp_path / "duel.csv").read_bytes() == first
    assert again.out == said.out


@needs_a_jdk
@pytest.mark.slow
def test_an_enemy_that_breaks_down_is_named_and_the_rest_is_kept(monkeypatch, capsys, tmp_path):
    shutil.copytree(Path(__file__).parent / "robots" / "bad", tmp_path / "robots" / "bad")
    two = ["--gun", "head-on", "--gun", "linear", "--enemy", "bad.Thrower", "--enemy", "sample.Walls", "--rounds", 1]
    more = ["--battles", 2, "--robots", tmp_path / "robots", "--out", tmp_path / "duel.csv"]
    code, said = run(monkeypatch, capsys, *two, *more)
    assert code == 1
    assert "failed: head-on: my.LearnedBot vs bad.Thrower, seed 9001: bad.Thrower, round 0" in said.err
    assert set(pd.read_csv(tmp_path / "duel.csv")["enemy"]) == {"sample.Walls"}
    assert "linear against head-on: no difference shown (1 battles" in said.out


@needs_a_jdk
@pytest.mark.slow
def test_an_enemy_that_there_is_not_is_named(monkeypatch, capsys, tmp_path):
    two = ["--gun", "head-on", "--gun", "linear", "--enemy", "sample.Walls", "--enemy", "no.Such"]
    code, said = run(monkeypatch, capsys, *two, "--battles", 2, "--rounds", 2, "--out", tmp_path / "duel.csv")
    assert code == 2
    assert "no.Such" in said.err
