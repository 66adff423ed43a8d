"""Neighbours against brute force, and what memory means."""

import numpy as np
import pandas as pd
import pytest

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
    with pytest.raises(ValueError, match=rf"1 of 3 waves have .* the first is row {new}, with 0"):
        memory.nearest(scaled(waves), np.array([known, new, known]), 10)
