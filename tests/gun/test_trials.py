import numpy as np
import pandas as pd
import pytest

from kdelab.gun.compare import trials


def test_differences_are_paired_and_intervals_are_over_battles():
    rng = np.random.default_rng(1)
    battle = np.repeat(list("abcdefgh"), 50)
    noise = rng.standard_normal(400)
    results = pd.concat(
        pd.DataFrame({"gun": gun, "battle": battle, "cross_entropy": noise + shift})
        for gun, shift in (("good", 0.0), ("bad", 0.1))
    )
    table = trials.compared(results, "cross_entropy", "good", rng)
    assert list(table.index) == ["good", "bad"]
    np.testing.assert_allclose(table.loc["bad", ["difference", "low", "high"]], 0.1, atol=1e-12)
    np.testing.assert_allclose(table.loc["good", ["difference", "low", "high"]], 0, atol=1e-12)
    with pytest.raises(ValueError, match="against must be one of"):
        trials.compared(results, "cross_entropy", "other", rng)


def test_the_luck_of_the_training_widens_intervals():
    rng = np.random.default_rng(2)
    results = pd.concat(
        pd.DataFrame(
            {"gun": gun, "battle": np.repeat(list("abcdefgh"), 50), "seed": seed, "hit": 1.0 * (gun == "good") * luck}
        )
        for seed, luck in enumerate(rng.standard_normal(6))
        for gun in ("good", "bad")
    )
    battles = trials.compared(results, "hit", "bad", np.random.default_rng(0)).loc["good"]
    both = trials.compared(results, "hit", "bad", np.random.default_rng(0), over=("battle", "seed")).loc["good"]
    assert battles.difference == pytest.approx(both.difference)
    assert battles.high - battles.low < 1e-9
    assert both.high - both.low > 0.3


def test_one_shot_a_gun_has_a_mean_and_no_interval():
    results = pd.DataFrame({"gun": ["good", "bad"], "battle": "a", "hit": [1.0, 0.25]})
    table = trials.compared(results, "hit", "bad", np.random.default_rng(0))
    assert table.loc["good", ["mean", "difference"]].tolist() == [1.0, 0.75]
    assert table[["low", "high"]].isna().all(axis=None)


def test_a_single_shot_of_a_late_round_is_found():
    waves = pd.DataFrame({"battle": "a", "round": [0, 0, 1, 1, 2, 2], "real": [1, 0, 1, 1, 0, 1]})
    assert trials.shots(waves, np.random.default_rng(0), 9).tolist() == [5]
    with pytest.raises(ValueError, match="none of the 6 is a real shot of a late round"):
        trials.shots(waves.assign(real=0), np.random.default_rng(0), 9)


def test_a_comparison_in_words_keeps_the_order_of_guns_and_says_what_is_missing():
    columns = ["mean", "difference", "low", "high"]
    hits = pd.DataFrame([[0.5, -0.25, np.nan, np.nan], [0.75, 0.0, 0.0, 0.0]], ["head-on", "a"], columns)
    losses = pd.DataFrame([[-0.12345, 0.01, -0.002, 0.03]], ["a"], columns)
    table = trials.summary(losses, hits)
    assert table.to_dict("index") == {
        "head-on": {
            "cross-entropy": "",
            "difference, nats": "",
            "hits, %": "50.0",
            "difference, points": "-25.0 (no interval)",
        },
        "a": {
            "cross-entropy": "-0.123",
            "difference, nats": "+0.010 (-0.002 to +0.030)",
            "hits, %": "75.0",
            "difference, points": "+0.0 (+0.0 to +0.0)",
        },
    }
    assert list(table.index) == ["head-on", "a"]
    assert trials.in_words(pd.Series(np.nan, index=columns), "hit") == "not judged"
