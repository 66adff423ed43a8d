"""Intervals keep their promise: of a thousand made-up tables about 950 have the true effect inside.

A thousand tables go through `compared` in one call, as so many guns against one whose every shot counts 0.
"""

import numpy as np
import pandas as pd
import pytest

from kdelab.gun.compare.trials import compared
from kdelab.report.verdicts import Check, Verdict
from kdelab.study import resampling

TABLES = 1000


def tables(rng, effect, battles, battle=0.0, seeds=1, luck=0.0, robots=None, robot=0.0, noise=0.5):
    """Results of a thousand experiments and of the gun that they are compared with.

    Each has shots in so many battles, 3 to 12 of them, the same in every seed.  The effect differs from battle to
    battle, from robot to robot and from seed to seed by normal deviates as large as given.
    """
    robots = robots or battles
    place = np.repeat(np.arange(battles), rng.integers(3, 13, battles))
    place, seed = np.tile(place, seeds), np.repeat(np.arange(seeds), len(place))
    enemy = place % robots
    values = effect + noise * rng.standard_normal((TABLES, len(place)))
    for size, group, count in ((battle, place, battles), (luck, seed, seeds), (robot, enemy, robots)):
        values += size * rng.standard_normal((TABLES, count))[:, group]
    values = np.concatenate([np.zeros((1, len(place))), values])
    columns = {"battle": place, "seed": seed, "robot": enemy}
    return pd.DataFrame(
        {"gun": np.repeat(np.arange(TABLES + 1), len(place)), "hit": values.ravel()}
        | {name: np.tile(column, TABLES + 1) for name, column in columns.items()}
    )


def missed(results, effect, over=("battle",)):
    """The shares of tables whose whole interval lies below and above the effect."""
    found = compared(results, "hit", 0, np.random.default_rng(1), over=over).drop(0)
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    return (found["high"] < effect).mean(), (found["low"] > effect).mean()


@pytest.mark.parametrize("battles", [8, 12, 60])
@pytest.mark.parametrize("battle", [0.0, 0.3], ids=["alike", "different"])
def test_an_interval_over_battles_covers_the_effect_in_95_of_100_tables(battles, battle):
    rng = np.random.default_rng(battles)
    below, above = missed(tables(rng, 0.2, battles, battle), 0.2)
    assert 0.92 <= 1 - below - above <= 0.97
    below, above = missed(tables(rng, 0.0, battles, battle), 0.0)
    assert below <= 0.05
    assert above <= 0.05


@pytest.mark.parametrize("robots", [8, 20])
def test_where_robots_differ_the_interval_is_over_robots(robots):
    results = tables(np.random.default_rng(robots), 0.2, 3 * robots, 0.1, robots=robots, robot=0.4)
    below, above = missed(results, 0.2, over=("robot",))
    assert 0.92 <= 1 - below - above <= 0.97
    assert sum(missed(results, 0.2)) > 0.1  # battles against one robot are no independent witnesses


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize(("battle", "luck"), [(0.3, 0.0), (0.0, 0.3), (0.3, 0.3)])
def test_with_the_luck_of_the_training_an_interval_covers_no_less(seeds, battle, luck):
    """Two sources drawn each by itself: never too narrow, and too wide only as far as noise is counted twice."""
    results = tables(np.random.default_rng(seeds), 0.2, 12, battle, seeds, luck)
    below, above = missed(results, 0.2, over=("battle", "seed"))
    assert 0.92 <= 1 - below - above <= 0.985


def test_no_check_passes_on_an_interval_that_is_missing():
    bounds = [{"at_most": 0.0}, {"at_least": 0.0}, {"at_least": -1.0, "at_most": 1.0}]
    for role in ("claim", "inside", "counterexample"):
        checks = [Check("low", np.nan, role=role, **bound) for bound in bounds]
        assert not any(check.passed for check in checks)
        assert Verdict("learned-gun", checks).status == "undecided"


def test_the_mean_is_over_shots():
    results = pd.DataFrame({"gun": list("aaabbb"), "battle": [0, 0, 1] * 2, "hit": [0.0, 0.0, 0.0, 1.0, 3.0, 8.0]})
    table = compared(results, "hit", "a", np.random.default_rng(0))
    assert table.loc["b", ["mean", "difference"]].tolist() == [4.0, 4.0]
    alone = compared(results[results.battle == 0], "hit", "a", np.random.default_rng(0))
    assert alone.loc["b", "difference"] == 2.0


def test_where_nothing_differs_but_rounding_the_interval_is_a_point():
    results = tables(np.random.default_rng(0), 0.0, 9)
    level = results.assign(hit=np.where(results["gun"] == 0, 0.7, 0.8))
    found = compared(level, "hit", 0, np.random.default_rng(0)).drop(0)
    assert (found["low"] <= found["difference"]).all()
    assert (found["difference"] <= found["high"]).all()
    assert (found["high"] - found["low"]).max() < 1e-12


@pytest.mark.parametrize(("battles", "seeds", "some"), [(7, 1, False), (8, 1, True), (7, 3, False), (8, 2, True)])
def test_fewer_than_eight_battles_or_a_single_seed_give_no_interval(battles, seeds, some):
    results = tables(np.random.default_rng(0), 0.2, battles, seeds=seeds)
    found = compared(results, "hit", 0, np.random.default_rng(0))
    assert found[["low", "high"]].notna().all(axis=None) == some
    lucky = compared(results, "hit", 0, np.random.default_rng(0), over=("battle", "seed"))
    assert lucky[["low", "high"]].notna().all(axis=None) == (some and seeds > 1)


def test_where_there_is_no_interval_words_say_so():
    assert resampling.between(-0.5, 1.25, "+.1f") == "-0.5 to +1.2"
    assert resampling.between(np.nan, np.nan, "+.1f") == "no interval"
