"""What is decided of live battles, in worlds in which the truth is known."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from live_worlds import world
from worlds import assert_right

from kdelab.gun.compare import live, live_gains
from kdelab.report.decisions import live_gun
from kdelab.report.verdicts import Verdict
from kdelab.study import resampling

TABLES = 10


def statuses(judge, **truth):
    rng = np.random.default_rng(16)
    return [Verdict("live-gun", judge(world(rng, **truth))).status for _ in range(TABLES)]


def replay_tells(bullets):
    return live_gun.replay_tells(live_gains.replay_error(bullets))


def head_start(bullets):
    return live_gun.head_start(live_gains.head_start(bullets))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "right", "wrong"),
    [
        ({"seen": 5, "unseen": 5}, "holds", ("refuted",)),
        ({"seen": 5, "unseen": -4}, "holds within bounds", ("holds",)),
        ({"seen": 0, "unseen": 0}, None, ("holds", "holds within bounds")),
        ({"seen": -3, "unseen": -3}, "refuted", ("holds", "holds within bounds")),
    ],
)
def test_learned_powers_are_judged_by_what_they_are_worth(truth, right, wrong):
    assert_right(statuses(live_gun.live_gun, **truth), right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("replay", "right", "wrong"),
    [(0, None, ("refuted",)), (6, "refuted", ("holds",)), (-6, "refuted", ("holds",)), (1.5, None, ("refuted",))],
)
def test_a_replay_is_judged_by_how_far_it_is_off(replay, right, wrong):
    assert_right(statuses(replay_tells, replay=replay), right, wrong)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("early", "right", "wrong"), [(10, "holds", ("refuted",)), (0, None, ("holds",)), (-10, "refuted", ("holds",))]
)
def test_a_head_start_is_judged_by_the_first_rounds(early, right, wrong):
    assert_right(statuses(head_start, early=early), right, wrong)


def test_bullets_of_few_robots_decide_nothing():
    bullets = world(np.random.default_rng(1), 10, 10, rounds=5)
    few = bullets[bullets["enemy"].isin(pd.unique(bullets["enemy"])[:7])]
    assert Verdict("live-gun", live_gun.live_gun(few)).status == "undecided"


def test_gains_are_counted_by_hand():
    bullets = world(np.random.default_rng(2), 5, 5, seeds=2, rounds=3)
    mine = bullets[bullets["exam"] == live.SEEN]
    rates = mine.groupby(["battle", "gun"])["hit"].mean().unstack()
    gain = live_gains.gain(bullets, live.SEEN)
    assert gain.difference == pytest.approx(100 * (rates[live.POWERS] - rates[live.SCALE]).mean())
    replayed = mine[mine["gun"] == live.SCALE].groupby("battle")["replayed"].mean()
    error = live_gains.replay_error(bullets)
    assert error.difference == pytest.approx(100 * (replayed - rates[live.POWERS]).mean())
    parts = []
    for rows in (mine["round"] < 2, mine["round"] >= 2):
        rates = mine[rows].groupby(["battle", "gun"])["hit"].mean().unstack()
        parts.append(100 * (rates[live.POWERS] - rates[live.SCALE]).mean())
    assert live_gains.head_start(bullets).difference == pytest.approx(parts[0] - parts[1])
    powers = bullets[(bullets["gun"] == live.POWERS) & bullets["enemy"].isin(mine["enemy"])]
    rates = powers.groupby(["battle", "exam"])["hit"].mean().unstack()
    met_before = live_gains.familiarity(bullets).difference
    assert met_before == pytest.approx(100 * (rates[live.SEEN] - rates[live.UNSEEN]).mean())
    by_robot = live_gains.gains_by(mine, "robot")
    assert len(by_robot) == 10 * 2


def test_the_document_says_what_the_bullets_give():
    bullets = live.load()
    rows = [
        (f"**{exam}, {live.POWERS}**", *(live_gains.gain(bullets, exam, over=unit) for unit in ("battle", "robot")))
        for exam in (live.SEEN, live.UNSEEN)
    ]
    rows += [
        ("**replayed less real hits**", live_gains.replay_error(bullets)),
        ("**gain of rounds 0 and 1 less that of later rounds**", live_gains.head_start(bullets)),
    ]
    document = (Path(__file__).parents[2] / "docs" / "preregistration.md").read_text()
    for name, *found in rows:
        assert f"| {name} | {' | '.join(one.text('+.2f') for one in found)} |" in document


@pytest.mark.slow
def test_more_draws_decide_the_same(monkeypatch):
    monkeypatch.setattr(resampling, "interval", partial(resampling.interval, draws=40_000))
    bullets = live.load()
    over_battles, over_robots = (live_gains.gain(bullets, live.UNSEEN, over=unit).low for unit in ("battle", "robot"))
    replay = live_gains.replay_error(bullets).low
    document = (Path(__file__).parents[2] / "docs" / "preregistration.md").read_text()
    said = (
        f"with 40,000 they are {over_battles:.2f} and {over_robots:.2f} for robots unseen, {replay:.1f} for the replay"
    )
    assert said in document
    assert Verdict("live-gun", live_gun.live_gun(bullets)).status == "holds within bounds"
    assert Verdict("replay-tells", replay_tells(bullets)).status == "holds"
    assert Verdict("head-start", head_start(bullets)).status == "undecided"
