"""Trained and judged: who trains, chooses and judges, and what is said of it."""

import sys

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.__main__ import main
from kdelab.gun.training import trained as training
from kdelab.gun.training.exam import CHOOSE, JUDGE, TRAIN, judging_rows, parted
from kdelab.gun.training.trained import trained
from kdelab.gun.training.worth import LEARNED, TUNED, UNLEARNED, gained, verdict
from kdelab.loss.kernels import Laplace

FEATURES = ["lateral_speed", "room_ahead", "speed", "facing"]


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(training, "KERNELS", (*training.KERNELS[1:2], *training.KERNELS[-1:]))


@pytest.fixture(scope="module")
def waves():
    table = learnable(battles=9, waves=240)
    rng = np.random.default_rng(0)
    hit = np.where(table["real"], rng.random(len(table)) < 0.3, np.nan)
    return table.assign(hit=hit, turn=np.arange(len(table)), passed=np.arange(len(table)) + 20)


def quickly(waves, **more):
    return trained(waves, FEATURES, predictions=400, **more)


@pytest.fixture(scope="module")
def result(waves):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "KERNELS", (*training.KERNELS[1:2], *training.KERNELS[-1:]))
        return quickly(waves)


def test_the_last_rounds_of_each_battle_judge_and_those_before_choose(waves):
    for first in (0, 1, 7):
        parts, _ = parted(waves.assign(round=waves["round"] + first), 0.25)
        for _, one in pd.Series(parts).groupby(waves["battle"].to_numpy()):
            by_round = one.groupby(waves["round"].to_numpy()[one.index]).nunique()
            assert (by_round == 1).all()
            assert one.is_monotonic_increasing
            assert set(one) == {TRAIN, CHOOSE, JUDGE}
    short = waves[waves["round"] < 2].reset_index(drop=True)
    parts, _ = parted(short, 0.25)
    by_battle = pd.Series(parts).groupby(short["battle"].to_numpy())
    assert (by_battle.nunique() == 1).all()
    assert by_battle.first().value_counts().to_dict() == {TRAIN: 5, CHOOSE: 2, JUDGE: 2}


def test_decided_shots_judge_where_there_are_enough(waves, monkeypatch):
    parts, _ = parted(waves, 0.25)
    assert len(judging_rows(waves, parts)) == (parts == JUDGE).sum()
    monkeypatch.setattr("kdelab.gun.training.exam.ENOUGH", 100)
    assert judging_rows(waves, parts).tolist() == np.flatnonzero((parts == JUDGE) & waves["real"]).tolist()
    for name in ("real", "hit"):
        assert len(judging_rows(waves.drop(columns=name), parts)) == (parts == JUDGE).sum()


def test_what_judges_is_neither_trained_nor_chosen_on(waves, result):
    parts, _ = parted(waves, 0.25)
    mixed = waves.copy()
    ends, rows = ["lower", "upper"], np.flatnonzero(parts == JUDGE)
    mixed.loc[rows, ends] = waves.loc[np.random.default_rng(1).permutation(rows), ends].to_numpy()
    other = quickly(mixed)
    pd.testing.assert_frame_equal(other.tries, result.tries)
    for name in ("gun", "tuned", "unlearned"):
        assert getattr(other, name).to_json() == getattr(result, name).to_json()
    assert "No difference shown" in other.report
    assert "more of 100 shots" not in other.report


def test_what_can_be_learned_is_learned_and_said(waves, result):
    gain, over = gained(result.results, LEARNED, TUNED, 0)
    assert (over, gain.units, verdict(gain)) == ("battles", 9, "more hits")
    assert gain.low > 5
    assert f"Learned weights hit {gain.difference:.1f} more of 100 shots than one tuned scale." in result.report
    hits = result.results.groupby("gun")["hit"].mean() * 100
    for name in (LEARNED, TUNED, UNLEARNED):
        assert f"  {name:<16} {hits[name]:5.1f}" in result.report
    rows = (parted(waves, 0.25)[0] == JUDGE).sum()
    assert f"Judged on {rows:,} waves, real shots and virtual ones alike" in result.report
    best = result.tries[result.tries["gun"] == LEARNED].sort_values("hit").iloc[-1]
    assert (result.gun.form, result.gun.kernel) == (best["form"], best["kernel"])
    assert result.gun.within_round
    assert result.tuned.form == "scale"
    again = kdelab.NeighbourModel.from_json(result.gun.to_json())
    recall = kdelab.Recall(waves, within_round=True)
    known = result.results[result.results["gun"] == LEARNED]
    assert again.hit_rate(recall, rows=known["row"]) * 100 == pytest.approx(hits[LEARNED])


def test_few_battles_are_judged_over_rounds_and_fewer_rounds_not_at_all(result):
    few = result.results[result.results["battle"].isin(["a vs 0", "a vs 1", "a vs 2", "a vs 3"])]
    gain, over = gained(few, LEARNED, TUNED, 0)
    assert (over, gain.units) == ("rounds", 8)
    assert gain.low < gain.difference < gain.high
    gain, _ = gained(few[few["battle"] < "a vs 3"], LEARNED, TUNED, 0)
    assert np.isnan(gain.low)
    assert verdict(gain) == "no difference shown"


def test_a_log_without_widths_or_turns_is_learned_from(waves):
    least = waves[["battle", "shooter", "round", "lower", "upper", *FEATURES]]
    one = quickly(least)
    assert one.gun.aim == one.tuned.aim == one.unlearned.aim == "intervals"
    assert not one.gun.within_round
    assert "more of 100 shots" in one.report


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"held_out": 0.5}, "held_out"),
        ({"held_out": 0}, "held_out"),
        ({"seed": -1}, "seed"),
        ({"predictions": 0}, "pred"),
    ],
)
def test_arguments_are_checked(waves, more, said):
    with pytest.raises(ValueError, match=said):
        trained(waves, FEATURES, **more)


def test_too_few_rounds_are_refused(waves):
    with pytest.raises(ValueError, match="1 battles are too few to train, choose and judge"):
        quickly(waves[(waves["battle"] == "a vs 0") & (waves["round"] < 3)].reset_index(drop=True))


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", *map(str, arguments)])
    return main()


def test_the_command_checks_learns_and_writes(tmp_path, monkeypatch, capsys, waves):
    path, out = tmp_path / "mine.csv", tmp_path / "gun.json"
    waves.drop(columns=["bullet_speed", "flight_time", "approach"]).assign(escape_angle=0.6).to_csv(path, index=False)
    assert run(monkeypatch, "check", path) == 0
    assert "nothing wrong was found\n2,160 waves in 9 battles and 54 rounds" in capsys.readouterr().out
    command = ["train", path, "--out", out, "--predictions", 300, "--features", *FEATURES]
    assert run(monkeypatch, *command) == 0
    said = capsys.readouterr().out
    assert "4 features: lateral_speed, room_ahead, speed, facing" in said
    assert "more of 100 shots than one tuned scale" in said
    for written in (out, tmp_path / "gun.tuned.json"):
        gun = kdelab.NeighbourModel.from_json(written.read_text())
        assert list(gun.ranges_) == FEATURES
    out.write_text("mine")
    waves.assign(lower=5.0).to_csv(path, index=False)
    assert run(monkeypatch, *command) == 2
    assert "error: " in (said := capsys.readouterr().err)
    assert "guess factors end at 1" in said
    assert out.read_text() == "mine"


@pytest.mark.parametrize("out", ["gun.txt", "absent/gun.json", "."])
def test_where_nothing_can_be_written_nothing_is_begun(tmp_path, monkeypatch, capsys, out):
    assert run(monkeypatch, "train", tmp_path / "absent.csv", "--out", tmp_path / out) == 2
    assert "--out=" in capsys.readouterr().err


def test_one_kernel_suits_what_it_is_for():
    assert {"kernel": Laplace(0.1)} in training.KERNELS
