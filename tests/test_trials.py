import numpy as np
import pandas as pd
import pytest

from kdelab.gun import trials


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
