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
    results = pd.DataFrame(
        {
            "gun": np.repeat(["head-on", "b", "a"], 8),
            "battle": list("abcdefgh") * 3,
            "hit": np.repeat([0.5, 0.25, 0.75], 8),
            "cross_entropy": np.repeat([np.nan, 0.25, -0.125], 8),
        }
    )
    table = trials.summary(results, "b", 1)
    assert table.to_dict("index") == {
        "head-on": {
            "cross-entropy": "",
            "difference, nats": "",
            "hits, %": "50.0",
            "difference, points": "+25.0 (+25.0 to +25.0)",
        },
        "b": {
            "cross-entropy": "0.250",
            "difference, nats": "+0.000 (+0.000 to +0.000)",
            "hits, %": "25.0",
            "difference, points": "+0.0 (+0.0 to +0.0)",
        },
        "a": {
            "cross-entropy": "-0.125",
            "difference, nats": "-0.375 (-0.375 to -0.375)",
            "hits, %": "75.0",
            "difference, points": "+50.0 (+50.0 to +50.0)",
        },
    }
    assert list(table.index) == ["head-on", "b", "a"]


def test_a_difference_without_an_interval_or_without_anything_says_so():
    row = pd.Series({"mean": 0.5, "difference": -0.25, "low": np.nan, "high": np.nan})
    assert trials.with_interval(row, "hit") == "-25.0 (no interval)"
    assert trials.with_interval(row, "cross_entropy") == "-0.250 (no interval)"
    assert trials.with_interval(row * np.nan, "hit") == "not judged"
