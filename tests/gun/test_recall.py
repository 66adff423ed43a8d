"""Neighbours against brute force, what memory means, and a table that is prepared once."""

import warnings

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable
from sklearn.base import clone

import kdelab
from kdelab.gun import recall as recalling
from kdelab.gun.compare.baselines import Histogram, Linear
from kdelab.gun.recall import memory_of, middles, retrieve, scaled
from kdelab.gun.waves.features import FEATURE_TABLE
from kdelab.learn.memory import ENOUGH


def made_up(rng: np.random.Generator, n: int = 900, ties: bool = False) -> pd.DataFrame:
    """Waves of two battles and three shooters, rows in no order."""
    raw = rng.random((n, len(FEATURE_TABLE)))
    if ties:
        raw = np.round(raw[:, :1].repeat(len(FEATURE_TABLE), axis=1) * 4) / 4
    table = {f.name: f.low + raw[:, i] * (f.high - f.low) for i, f in enumerate(FEATURE_TABLE)}
    pairs = rng.choice(3, n)
    lower = rng.uniform(-1, 0.8, n)
    return pd.DataFrame(
        table
        | {
            "battle": np.array(["a vs b", "a vs b", "a vs c"])[pairs],
            "shooter": np.array(["a", "b", "a"])[pairs],
            "round": rng.integers(0, 6, n),
            "lower": lower,
            "upper": lower + 0.2,
        }
    )


@pytest.mark.parametrize("ties", [False, True])
def test_neighbours_are_the_nearest_of_earlier_rounds(ties: bool) -> None:
    waves = made_up(np.random.default_rng(1), ties=ties)
    got = retrieve(waves, np.random.default_rng(2), 60, neighbours=12)
    features = scaled(waves)
    for i, row in enumerate(got.predictions):
        wave = waves.iloc[row]
        same = (waves.battle == wave.battle) & (waves.shooter == wave.shooter) & (waves["round"] < wave["round"])
        stored = np.flatnonzero(same)
        distance = np.abs(features[stored] - features[row]).sum(axis=1)
        part = slice(got.clusters.offsets[i], got.clusters.offsets[i + 1])
        near = got.neighbours[part]
        assert len(near) == min(12, len(stored) // 5)
        assert set(near) <= set(stored)
        np.testing.assert_allclose(-got.logits[part] / 4, np.sort(distance)[: len(near)], atol=1e-12)
        assert len(set(near)) == len(near)
    np.testing.assert_array_equal(got.clusters.points, middles(waves)[got.neighbours])
    np.testing.assert_array_equal(got.clusters.lower, waves.lower.to_numpy()[got.predictions])


@pytest.mark.parametrize("ties", [False, True])
def test_the_same_seed_gives_the_same_clusters(ties: bool) -> None:
    waves = made_up(np.random.default_rng(1), ties=ties)
    first, second = (retrieve(waves, np.random.default_rng(7), 100) for _ in range(2))
    for one, other in ((first.neighbours, second.neighbours), (first.logits, second.logits)):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.predictions, retrieve(waves, np.random.default_rng(8), 100).predictions)


def test_equally_near_waves_come_in_the_order_of_the_table() -> None:
    got = retrieve(made_up(np.random.default_rng(1), ties=True), np.random.default_rng(2), 50)
    for i in range(len(got.predictions)):
        part = slice(got.clusters.offsets[i], got.clusters.offsets[i + 1])
        tied = np.diff(got.logits[part]) == 0
        assert tied.any()
        assert (np.diff(got.neighbours[part])[tied] > 0).all()


def test_only_waves_with_enough_memory_are_picked_and_none_twice() -> None:
    waves = made_up(np.random.default_rng(3))
    able = np.flatnonzero(memory_of(waves).stored >= ENOUGH)
    got = retrieve(waves, np.random.default_rng(1), 10**6)
    np.testing.assert_array_equal(got.predictions, able)


def test_memories_that_differ_by_a_wave_are_searched_apart() -> None:
    waves = made_up(np.random.default_rng(4), 12).assign(battle="a vs b", shooter="a", round=np.arange(12))
    wanted = np.arange(3, 12)
    found = memory_of(waves).nearest(scaled(waves), wanted, 12, share=1)
    for row, near in zip(wanted, np.split(found.rows, found.offsets[1:-1]), strict=True):
        assert sorted(near) == list(range(row))


def test_errors_name_what_is_wrong() -> None:
    waves = made_up(np.random.default_rng(3))
    with pytest.raises(ValueError, match=r"none of the 40 has 50 waves"):
        retrieve(waves.iloc[:40], np.random.default_rng(1), 10)
    with pytest.raises(ValueError, match="neighbours must be a whole number of at least 1"):
        retrieve(waves, np.random.default_rng(1), 10, neighbours=0)
    memory = memory_of(waves)
    with pytest.raises(ValueError, match=r"fewer than 5 in memory.*the first is row"):
        memory.nearest(scaled(waves), np.arange(len(waves)), 10)
    known, new = np.argmax(memory.stored), np.argmin(memory.stored)
    with pytest.raises(ValueError, match=rf"1 of 3 samples have .* the first is row {new}, with 0"):
        memory.nearest(scaled(waves), np.array([known, new, known]), 10)


SMALL = {"neighbours": 15, "max_iter": 3, "retrievals": 1, "predictions": 40}


@pytest.mark.parametrize(
    "more", [{}, {"aim": "intervals"}, {"kernel": "interval", "aim": "intervals", "background": 0.1}]
)
def test_a_recall_answers_as_its_table_does(more: dict) -> None:
    waves = learnable(waves=150)
    recall, rows = kdelab.Recall(waves), np.arange(0, 300, 7)
    gun, other = (kdelab.NeighbourModel(**SMALL, **more).fit(asked) for asked in (waves, recall))
    np.testing.assert_array_equal(gun.weights_, other.weights_)
    pd.testing.assert_frame_equal(gun.rounds_, other.rounds_)
    for _ in range(2):
        np.testing.assert_array_equal(gun.predict(recall, rows), gun.predict(waves, rows))
        np.testing.assert_array_equal(gun.density(recall, [0.1, 0.2], rows), gun.density(waves, [0.1, 0.2], rows))
        np.testing.assert_array_equal(gun.losses(recall, rows), gun.losses(waves, rows))
        np.testing.assert_array_equal(gun.logits(recall, rows)[1], gun.logits(waves, rows)[1])
        pd.testing.assert_frame_equal(gun.judge(recall, rows), gun.judge(waves, rows))
        assert gun.score(recall, rows=rows) == gun.score(waves, rows=rows)
        assert gun.hit_rate(recall, rows=rows) == gun.hit_rate(waves, rows=rows)
    assert gun.unlearned(recall).score(recall) == gun.unlearned(waves).score(waves)
    for baseline in (Linear(), Histogram()):
        pd.testing.assert_frame_equal(baseline.judge(recall, rows), baseline.judge(waves, rows))
    np.testing.assert_array_equal(*(retrieve(asked, np.random.default_rng(1), 20).logits for asked in (waves, recall)))


def test_one_recall_serves_guns_of_other_features_and_other_ranges() -> None:
    waves = learnable(waves=150)
    waves["mine"] = waves["speed"] ** 2
    recall = kdelab.Recall(waves)
    halved = waves.assign(mine=np.minimum(waves["mine"], 20))
    guns = [
        kdelab.NeighbourModel(**SMALL).unlearned(waves),
        kdelab.NeighbourModel(features=["mine"], **SMALL).unlearned(waves),
        kdelab.NeighbourModel(features=["mine"], **SMALL).unlearned(halved),
    ]
    scores = [gun.score(recall) for gun in guns]
    assert scores == [gun.score(waves) for gun in guns]
    assert len(set(scores)) == 3


def test_later_changes_of_the_table_do_not_reach_a_recall() -> None:
    waves = learnable(waves=100)
    recall, gun = kdelab.Recall(waves), kdelab.NeighbourModel(**SMALL).unlearned(waves)
    before = gun.score(waves)
    waves["distance"], waves["lower"], waves["upper"] = 0.0, -1.0, 1.0
    assert gun.score(recall) == before
    assert gun.score(waves) != before
    with pytest.raises(AttributeError, match="waves can't be set anew"):
        recall.waves = waves


def test_the_table_is_checked_and_sorted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = learnable(waves=100)
    done = []
    for name in ("checked", "memory_of", "scaled", "number_column"):
        honest = getattr(recalling, name)
        monkeypatch.setattr(recalling, name, lambda *given, n=name, f=honest: (done.append(n), f(*given))[1])
    recall, gun = kdelab.Recall(waves), kdelab.NeighbourModel(**SMALL).unlearned(waves)
    gun.judge(recall)
    gun.score(recall)
    once = len(done)
    for ask in (gun.judge, gun.score, gun.predict, gun.losses, gun.hit_rate, gun.logits):
        ask(recall)
    assert len(done) == once


def test_a_recall_warns_when_it_is_made_and_not_again() -> None:
    waves = learnable(waves=100)
    gun = kdelab.NeighbourModel(**SMALL).unlearned(waves.head(50))
    with pytest.warns(UserWarning, match="rows were left out in the middle of rounds") as caught:
        recall = kdelab.Recall(waves[::2])
    assert {entry.filename for entry in caught} == {__file__}
    whole = kdelab.Recall(waves[::2].reset_index(drop=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gun.rounds_ = None
        gun.predict(recall)
        gun.predict(whole)
    fitted = kdelab.NeighbourModel(**SMALL).fit(waves)
    with pytest.warns(UserWarning, match="this gun was fitted on more waves"):
        fitted.predict(whole)


def test_what_a_recall_cannot_be_asked() -> None:
    waves = learnable(waves=100)
    with pytest.raises(ValueError, match="must be a pandas or polars DataFrame"):
        kdelab.Recall([1, 2, 3])
    with pytest.raises(ValueError, match="the interval is empty, lower >= upper, in 1 rows, first in row 3"):
        kdelab.Recall(waves.assign(lower=np.where(np.arange(200) == 3, 1.0, waves["lower"])))
    recall = kdelab.Recall(waves.drop(columns="speed").assign(distance=2000.0))
    gun = kdelab.NeighbourModel(**SMALL).unlearned(waves)
    for ask in (gun.predict, gun.score, kdelab.NeighbourModel().fit):
        with pytest.raises(ValueError, match="waves lacks the columns speed"):
            ask(recall)
    far = kdelab.NeighbourModel(features=["distance"])
    with pytest.raises(ValueError, match=r"distance is outside its range \[0, 1000\] in 200 rows"):
        far.fit(recall)
    assert np.isfinite(kdelab.NeighbourModel(features=["distance"], **SMALL).unlearned(waves).score(recall))
    with pytest.raises(ValueError, match="rows must be a mask or a list of rows from 0 to 199"):
        gun.predict(kdelab.Recall(waves), [200])
    with pytest.raises(ValueError, match="bot_width must be given where waves lacks the columns escape_angle"):
        gun.predict(kdelab.Recall(waves.drop(columns="escape_angle")))


def on_the_clock(waves: pd.DataFrame) -> pd.DataFrame:
    """Waves with turns, and when they had passed; a few never had in their round."""
    turn = np.arange(len(waves)) * 3
    return waves.assign(turn=turn, passed=np.where(turn % 11 == 0, np.nan, turn + 20 + turn % 13))


@pytest.mark.parametrize(
    "more", [{}, {"aim": "intervals"}, {"kernel": "interval", "aim": "intervals", "background": 0.1}]
)
def test_a_recall_within_the_round_answers_as_its_table_does(more: dict) -> None:
    waves = on_the_clock(learnable(waves=150))
    recall, rows = kdelab.Recall(waves, within_round=True), np.arange(0, 300, 7)
    gun, other = (kdelab.NeighbourModel(**SMALL, **more, within_round=True).fit(asked) for asked in (waves, recall))
    np.testing.assert_array_equal(gun.weights_, other.weights_)
    pd.testing.assert_frame_equal(gun.judge(recall, rows), gun.judge(waves, rows))
    np.testing.assert_array_equal(gun.predict(recall, rows), gun.predict(waves, rows))
    offsets, near, _ = gun.logits(waves, rows)[2]
    known = rows[recall.memory.stored[rows] >= 5]
    asked = np.repeat(known, np.diff(offsets))
    same_round = (waves["round"].to_numpy()[near] == waves["round"].to_numpy()[asked]) & (near < asked)
    assert 10 < same_round.sum() < len(near)
    before = kdelab.NeighbourModel(**SMALL, **more).fit(waves)
    assert not np.array_equal(gun.weights_, before.weights_)
    assert len(gun.judge(waves)) > len(before.judge(waves)), "the first round has a memory, too"
    baseline = Histogram(within_round=True)
    pd.testing.assert_frame_equal(baseline.judge(recall, rows), baseline.judge(waves, rows))
    assert not np.array_equal(baseline.predict(waves), Histogram().predict(waves))
    np.testing.assert_array_equal(Linear().predict(recall), Linear().predict(waves))
    got = retrieve(recall, np.random.default_rng(1), 10**6)
    np.testing.assert_array_equal(got.predictions, np.flatnonzero(recall.memory.stored >= ENOUGH))
    copy = clone(gun)
    assert copy.within_round
    assert gun.at(0).within_round


def test_a_recall_of_another_memory_is_refused() -> None:
    waves = on_the_clock(learnable(waves=100))
    for setting in (False, True):
        gun = kdelab.NeighbourModel(**SMALL, within_round=setting).unlearned(waves)
        other = kdelab.Recall(waves, within_round=not setting)
        assert other.within_round is not setting
        message = (
            f"this Recall was made with within_round={not setting}, and who asks has within_round={setting}; make "
            rf"another, kdelab.Recall\(waves, within_round={setting}\)"
        )
        asks = (gun.fit, gun.unlearned, gun.predict, gun.judge, gun.losses, gun.logits, gun.score, gun.hit_rate)
        baseline = Histogram(within_round=setting)
        for ask in (*asks, baseline.predict, baseline.losses, baseline.judge):
            with pytest.raises(ValueError, match=message):
                ask(other)


def test_what_a_memory_within_the_round_takes() -> None:
    waves = on_the_clock(learnable(waves=100))
    gun = kdelab.NeighbourModel(**SMALL, within_round=True)
    for name, column, message in (
        ("passed", None, "waves lacks the columns passed; it has"),
        ("turn", None, "waves lacks the columns turn; it has"),
        (
            "passed",
            waves["turn"].where(waves.index == 7, waves["passed"]),
            "passed is not later than turn in 1 rows, .*7",
        ),
        (
            "passed",
            waves["passed"].where(waves.index != 3, np.inf),
            "passed is neither a finite .* in 1 rows, .* row 3",
        ),
        ("passed", waves["passed"].astype(object).where(waves.index != 3, "late"), "passed is neither .* row 3"),
        ("turn", waves["turn"].where(waves.index != 5), "turn is not a finite number in 1 rows, first in row 5"),
    ):
        odd = waves.drop(columns=name) if column is None else waves.assign(**{name: column})
        for ask in (gun.fit, gun.unlearned, lambda table: kdelab.Recall(table, within_round=True)):
            with pytest.raises(ValueError, match=message):
                ask(odd)
        kdelab.Recall(odd)
    with pytest.raises(ValueError, match=r"lower is outside.*; passed is not later than turn in 200 rows"):
        kdelab.Recall(waves.assign(passed=0.0, lower=-2.0), within_round=True)
    for given in (None, 1, "yes"):
        with pytest.raises(ValueError, match="within_round must be True or False, not"):
            kdelab.Recall(waves, within_round=given)
        with pytest.raises(ValueError, match="within_round must be True or False, not"):
            kdelab.NeighbourModel(within_round=given).fit(waves)
    texts = waves.assign(passed=waves["passed"].astype("Float64"), turn=waves["turn"].astype(str))
    for one, two in zip(gun.unlearned(waves).logits(waves)[2], gun.logits(texts)[2], strict=True):
        np.testing.assert_array_equal(one, two)
