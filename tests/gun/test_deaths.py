"""Waves in flight when a robot dies: which are judged, and against what."""

import math

import numpy as np
import pytest
from made_up_battles import duel, first_meeting

from kdelab.gun.battles.turns import DEAD, EXPLOSION, HIT_ROBOT, HIT_WALL, load_round
from kdelab.gun.waves.from_turns import drifting, waves_of


def test_the_shot_that_kills_is_judged_as_if_the_target_had_driven_on():
    living = duel()
    bearing = 1.13  # of a bullet that meets the target in the first turns of its wave's passage
    death = first_meeting(living, 10, bearing)
    shot = (0, 10, bearing, HIT_ROBOT, death)
    (lived,) = waves_of(duel(bullets=[shot]), every=0, sides=(0,)).to_dict("records")
    (died,) = waves_of(duel(death=death, bullets=[shot]), every=0, sides=(0,)).to_dict("records")
    assert death < lived["passed"]
    assert math.isnan(died["passed"])
    assert died["hit"] == 1
    assert died["lower"] <= died["fired"] <= died["upper"]
    assert {**died, "battle": "", "passed": 0} == {**lived, "battle": "", "passed": 0}


def test_a_target_that_drives_on_stops_at_the_wall():
    log = duel(turns=60)  # at x = 780 in turn 60
    (wave,) = waves_of(duel(bullets=[(0, 40, 1.2, HIT_WALL, 90)], turns=200), every=0, sides=(0,)).to_dict("records")
    path = drifting(log.robot(1), (800.0, 600.0), 40)
    assert path[:2].tolist() == [[782.0, 300.0]] * 2
    assert len(path) == 40
    assert wave["hit"] == 0


@pytest.mark.parametrize("state", [HIT_ROBOT, HIT_WALL])
def test_what_is_undecided_at_a_death_is_left_out_on_both_sides(state):
    death = 26
    for owner in (0, 1):
        for ended, kept in ((death, True), (death + 1, False)):
            log = duel(death=death, bullets=[(owner, 12, 0.5, state, ended)])
            waves = waves_of(log, every=0, sides=(owner,))
            assert len(waves) == kept, (owner, ended)
            assert waves["passed"].isna().all()
    # a virtual wave in flight is no bullet, so nobody decides it; one that had passed stays
    log = duel(death=60, bullets=[(0, 1, 0.5, HIT_WALL, 50)])
    virtual = waves_of(log, every=4, sides=(0,)).query("not real")
    assert len(virtual) == (virtual["passed"] < 60).sum() > 0


def test_passed_is_the_first_turn_at_whose_end_the_box_lies_behind_the_wave():
    log = load_round()
    for side in (0, 1):
        shooter, enemy = log.robot(side), log.robot(1 - side)
        for wave in waves_of(log, every=9, sides=(side,)).to_dict("records"):
            start = int(wave["turn"] - log.turns[0, 1])
            gone = np.arange(len(log.turns) - start) * wave["bullet_speed"]
            away = np.abs([enemy[c][start:] - shooter[c][start] for c in ("x", "y")]) + 18
            behind = gone > np.hypot(*away)
            if math.isnan(wave["passed"]):
                assert wave["hit"] == 1  # the shot that killed
            else:
                assert wave["passed"] == wave["turn"] + behind.argmax()


def test_each_hit_up_to_the_first_death_is_there_and_inside_its_interval():
    log = load_round()
    dead = log.turns[(log.turns[:, 8] == DEAD) | (log.turns[:, 15] == DEAD), 1].min()
    for side in (0, 1):
        bullets = log.bullets[log.bullets[:, 1] == side]
        hits = ((bullets[:, 9] == HIT_ROBOT) & (bullets[:, 8] - EXPLOSION <= dead)).sum()
        waves = waves_of(log, sides=(side,)).query("hit == 1")
        assert len(waves) == hits
        assert waves["fired"].between(waves["lower"], waves["upper"]).all()
