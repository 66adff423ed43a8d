"""Guns that learn nothing, and the experiments that compare guns."""

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.baselines import HeadOn, Histogram, Linear, Orbit
from kdelab.gun.experiments import leave_robots_out, own_shots
from kdelab.gun.trials import compared


def moving(**known: float) -> dict[str, np.ndarray]:
    usual = {
        "distance": 400.0,
        "lateral_speed": 8.0,
        "approach": 0.0,
        "bullet_speed": 14.0,
        "escape_angle": 0.6,
        "room_ahead": 1.5,
    }
    return {name: np.array([value]) for name, value in (usual | known).items()}


def test_linear_targeting_meets_the_straight_line() -> None:
    known = moving(lateral_speed=6.0, approach=3.0)
    angle = Linear().factors(known)[0] * 0.6
    for time in np.linspace(1, 200, 100000):  # the bullet flies until it is where the enemy is
        place = np.array([6.0 * time, 400.0 - 3.0 * time])
        if np.hypot(*place) <= 14.0 * time:
            break
    assert angle == pytest.approx(np.arctan2(*place), abs=1e-3)
    assert Linear().factors(moving(lateral_speed=0.0))[0] == 0
    assert Linear().factors(moving(room_ahead=0.2))[0] == 0.2


def test_across_the_line_of_fire_at_full_speed_the_guess_factor_is_one() -> None:
    escape = float(np.arcsin(8 / 14))
    assert Linear().factors(moving(escape_angle=escape))[0] == pytest.approx(1)
    assert Orbit().factors(moving(escape_angle=escape))[0] == pytest.approx(8 / 14 / escape)


def test_the_histogram_knows_the_memory_and_nothing_else() -> None:
    waves = learnable(waves=200)
    gun = Histogram(kdelab.Laplace(0.1)).fit(waves)
    everything = kdelab.NeighbourModel(kdelab.Laplace(0.1), neighbours=10**6, share=1).unlearned(waves)
    everything.weights_ = np.zeros(14)
    known = np.flatnonzero(waves["round"].to_numpy() > 0)
    table = gun.judge(waves, known)
    np.testing.assert_allclose(table["cross_entropy"], everything.losses(waves, known), atol=1e-10)
    np.testing.assert_allclose(table["aim"], everything.predict(waves, known))
    first = waves["round"].to_numpy() == 0
    assert (gun.predict(waves, first) == 0).all()


def test_robots_left_out_are_judged_and_not_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    waves = learnable(battles=3, waves=300)
    seen: list[set[str]] = []
    monkeypatch.setattr(HeadOn, "fit", lambda self, table: seen.append(set(table["enemy"])) or self)
    results = leave_robots_out(waves, {"head-on": HeadOn()}, tested=40)
    assert seen == [{"1", "2"}, {"0", "2"}, {"0", "1"}]
    assert results.groupby("robot").size().to_dict() == {"0": 40, "1": 40, "2": 40}
    assert (waves["enemy"].to_numpy()[results["row"]] == results["robot"]).all()
    with pytest.raises(ValueError, match="folds: 1 given, allowed are 2 to 3"):
        leave_robots_out(waves, {"head-on": HeadOn()}, folds=1)


def test_own_shots_are_the_decided_ones_and_really_is_what_happened() -> None:
    waves = learnable(waves=300)
    rng = np.random.default_rng(1)
    waves["hit"] = np.where(
        waves["real"] & (rng.random(len(waves)) < 0.8), (rng.random(len(waves)) < 0.5) * 1.0, np.nan
    )
    results = own_shots(waves, "a", {"head-on": HeadOn().fit(waves)}, first_round=3)
    rows = results.loc[results["gun"] == "really", "row"].to_numpy()
    part = waves.iloc[rows]
    assert part["real"].all()
    assert part["hit"].notna().all()
    assert (part["round"] >= 3).all()
    assert results[results["gun"] == "really"]["hit"].mean() == part["hit"].mean()
    head_on = results[results["gun"] == "head-on"]["hit"].to_numpy()
    np.testing.assert_array_equal(head_on, (part["lower"] <= 0) & (part["upper"] >= 0))
    assert compared(results, "hit", "really", np.random.default_rng(0)).loc["really", "difference"] == 0
