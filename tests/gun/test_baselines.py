"""Guns that learn nothing, and the experiments that compare guns."""

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare.baselines import Histogram, Linear, Orbit


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


def test_nobody_aims_beyond_the_escape_angle() -> None:
    waves = learnable(waves=60).assign(escape_angle=0.2, bullet_speed=16.0, room_ahead=1.5)
    for gun in (Linear(), Orbit()):
        aims = gun.fit(waves).predict(waves)
        assert aims.max() == 1
        assert aims.min() >= 0


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
