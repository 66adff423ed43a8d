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
