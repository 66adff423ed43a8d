"""Waves against the obvious: bullets flown one by one, mirrored battles, futures that must not matter."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up_battles import duel

import kdelab
from kdelab.gun.battles.turns import BULLET_COLUMNS, HIT_WALL, ROBOT_COLUMNS, TURN_COLUMNS, load_round, read_logs
from kdelab.gun.recall import scaled
from kdelab.gun.waves.features import (
    FEATURE_TABLE,
    FEATURES,
    features_of_round,
    latest_sign,
    orbit_direction,
    orbit_room,
    turns_since,
)
from kdelab.gun.waves.from_turns import COLUMNS, waves_of
from kdelab.gun.waves.geometry import bullet_speed, escape_angle, target_interval

WIDTH, HEIGHT = 800.0, 600.0


def crosses(p, q, a, b):
    """Whether the segments pq and ab cross, by the four orientations."""

    def turn(o, u, v):
        return (u[0] - o[0]) * (v[1] - o[1]) - (u[1] - o[1]) * (v[0] - o[0])

    return turn(p, q, a) * turn(p, q, b) <= 0 and turn(a, b, p) * turn(a, b, q) <= 0


def flies_into(path, x, y, speed, bearing):
    """Fly one bullet, turn by turn as the engine does; return whether it hits the robot."""
    for step, (cx, cy) in enumerate(path):
        begin, end = (
            (x + r * math.sin(bearing), y + r * math.cos(bearing)) for r in (step * speed, (step + 1) * speed)
        )
        if min(end) <= 3 or end[0] >= WIDTH - 3 or end[1] >= HEIGHT - 3:
            return False
        corners = [(cx + i, cy + j) for i, j in ((-18, -18), (-18, 18), (18, 18), (18, -18))]
        inside = abs(begin[0] - cx) <= 18 and abs(begin[1] - cy) <= 18
        if inside or any(crosses(begin, end, corners[k], corners[(k + 1) % 4]) for k in range(4)):
            return True
    return False


@st.composite
def encounters(draw):
    """A shooter somewhere, and a robot that moves for 120 turns within the walls."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    power = draw(st.sampled_from([0.1, 0.5, 1.0, 1.95, 3.0]))
    shooter = rng.uniform((18, 18), (WIDTH - 18, HEIGHT - 18))
    start = rng.uniform((18, 18), (WIDTH - 18, HEIGHT - 18))
    if draw(st.booleans()):  # hugging a wall, where bullets die first
        start[rng.integers(2)] = 18.0
    heading, speed, path = rng.uniform(0, 2 * np.pi), rng.uniform(-8, 8), [start]
    for _ in range(120):
        heading += rng.normal(0, 0.1)
        speed = np.clip(speed + rng.uniform(-2, 2), -8, 8)
        move = path[-1] + speed * np.array([np.sin(heading), np.cos(heading)])
        path.append(np.clip(move, (18, 18), (WIDTH - 18, HEIGHT - 18)))
    return np.array(path), shooter, float(bullet_speed(power))


@settings(max_examples=25)
@given(encounters())
def test_interval_is_what_bullets_hit(encounter):
    path, (x, y), speed = encounter
    reference = math.atan2(path[0, 0] - x, path[0, 1] - y)
    limit = float(escape_angle(speed))
    lower, upper, passed = target_interval(path, x, y, speed, reference, limit, WIDTH, HEIGHT)
    assert passed
    offsets = np.linspace(-limit, limit, 201)
    hits = np.array([flies_into(path, x, y, speed, reference + offset) for offset in offsets])
    if lower > upper:
        assert not hits.any()
        return
    assert not hits[(offsets < lower - 1e-9) | (offsets > upper + 1e-9)].any()
    for end, inwards in ((lower, 1e-9), (upper, -1e-9)):
        if upper - lower > 1e-6:
            assert flies_into(path, x, y, speed, reference + end + inwards)


def test_interval_of_a_robot_at_rest():
    # Straight north at distance 200: the corners of the near side are the widest bearings.
    path = np.tile([400.0, 300.0], (30, 1))
    lower, upper, passed = target_interval(path, 400.0, 100.0, 11.0, 0.0, 0.8, WIDTH, HEIGHT)
    assert passed
    assert (lower, upper) == pytest.approx((-math.atan(18 / 182), math.atan(18 / 182)), abs=1e-12)


@pytest.mark.parametrize("limit", [0.05, math.atan(18 / 182) / 1.01])
def test_an_interval_ends_at_the_limit(limit):
    path = np.tile([400.0, 300.0], (30, 1))
    lower, upper, _ = target_interval(path, 400.0, 100.0, 11.0, 0.0, limit, WIDTH, HEIGHT)
    assert (lower, upper) == pytest.approx((-limit, limit), rel=1e-12)


@pytest.mark.parametrize("quarter", range(4))
def test_an_interval_that_begins_due_north_east_south_or_west(quarter):
    """One side of the box lies along the line of fire, its near corner 182 pixels away."""
    x, y = [(18.0, 200.0), (200.0, -18.0), (-18.0, -200.0), (-200.0, 18.0)][quarter]
    path = np.tile([400.0 + x, 300.0 + y], (40, 1))
    lower, upper, _ = target_interval(path, 400.0, 300.0, 11.0, quarter * np.pi / 2, 0.8, WIDTH, HEIGHT)
    assert (lower, upper) == pytest.approx((0.0, math.atan(36 / 182)), abs=1e-12)


def test_interval_tests_each_step_against_the_box_of_the_turn_before():
    # The robot stands at distance 200 until the bullet's 15th step has been tested, then jumps away.
    path = np.tile([400.0, 300.0], (60, 1))
    speed = 12.5  # step 14 (the fifteenth) goes from 175 to 187.5 and is the first to reach the side at 182
    for moved_from, hits in ((14, False), (15, True)):
        jumping = path.copy()
        jumping[moved_from:] = (100.0, 500.0)
        lower, upper, _ = target_interval(jumping, 400.0, 100.0, speed, 0.0, 0.5, WIDTH, HEIGHT)
        assert (lower <= upper) is hits


def test_a_bullet_that_ends_at_the_wall_hits_nobody_on_its_way():
    # The same encounter at the left wall and, moved 1000 pixels, in the middle of a wide field.
    path = np.tile([18.0, 300.0], (60, 1))
    walled = target_interval(path, 60.0, 100.0, 19.0, -0.2, 1.0, WIDTH, HEIGHT)
    free = target_interval(np.add(path, (1000.0, 0.0)), 1060.0, 100.0, 19.0, -0.2, 1.0, 3000.0, HEIGHT)
    assert walled[1] == pytest.approx(free[1], abs=1e-12)
    assert walled[0] > free[0] + 0.01
    bearing = -0.2 + free[0] + 0.005
    assert flies_into(np.add(path, (300.0, 0.0)), 360.0, 100.0, 19.0, bearing)
    assert not flies_into(path, 60.0, 100.0, 19.0, bearing)


def test_a_wave_that_has_not_passed_is_left_out():
    log = load_round()
    waves = waves_of(log, every=0)
    end = int(waves["turn"].iloc[-1])
    shorter = replace(log, turns=log.turns[log.turns[:, 1] <= end + 2])
    assert end not in set(waves_of(shorter, every=0)["turn"])
    assert len(waves_of(shorter, every=0)) < len(waves)


def test_a_wave_that_a_single_bearing_hits_but_for_rounding_is_left_out(monkeypatch):
    log = load_round()
    for upper, kept in ((0.1, False), (0.1 + 1e-12, False), (0.11, True)):
        monkeypatch.setattr("kdelab.gun.waves.from_turns.target_interval", lambda *_, upper=upper: (0.1, upper, 5))
        assert (len(waves_of(log, every=0)) > 0) is kept


@pytest.mark.parametrize("name", ["surfers", "samples"])
def test_shipped_sets_agree_with_the_engine(name):
    waves = kdelab.load_waves(name)
    assert len(waves) >= 20_000
    assert list(waves.columns) == COLUMNS
    decided = waves[waves["hit"].notna()]
    inside = decided["fired"].between(decided["lower"], decided["upper"])
    rest = decided[inside != (decided["hit"] == 1)]
    assert len(rest) <= (0.0001 if name == "surfers" else 0.005) * len(decided)
    if name == "samples":
        assert (rest["fired"].abs() > 1).all()  # hits beyond an interval that was clipped to [-1, 1]
        assert (rest["distance"] < 60).all()


@pytest.mark.parametrize("name", ["surfers", "samples"])
def test_shipped_columns_are_sound(name):
    waves = kdelab.load_waves(name)
    assert (waves["lower"] < waves["upper"]).all()
    assert waves[["lower", "upper"]].abs().max().max() <= 1
    assert (waves["real"] == waves["fired"].notna()).all()
    assert waves.loc[~waves["real"], "hit"].isna().all()
    assert set(waves["orbit_direction"]) == {-1, 1}
    last = (waves["power"] == 0.1) & waves["bullet_speed"].between(19.7, 20)  # who has less energy left fires with that
    assert np.allclose(waves["bullet_speed"][~last], 20 - 3 * waves["power"][~last], atol=4e-6)
    assert np.allclose(np.sin(waves["escape_angle"]) * waves["bullet_speed"], 8, atol=1e-4)
    assert not waves.duplicated(["battle", "shooter", "round", "turn"]).any()
    assert not waves.drop(columns=["hit", "passed", "fired"]).isna().any().any()
    cut = waves["passed"].isna()
    rounds = waves.groupby(["battle", "round"]).ngroups
    assert 0.5 * rounds < cut.sum() < 1.1 * rounds  # about one a round: the shot that killed
    assert waves.loc[cut, "hit"].notna().all()
    assert (waves["passed"] - waves["turn"])[~cut].between(1, 100).all()
    for feature in FEATURE_TABLE:
        assert waves[feature.name].between(feature.low, feature.high).all(), feature.name
        assert waves[feature.name].nunique() > 3, feature.name
    assert (waves.loc[waves["real"], "gun_cools_in"] == 0).all()
    if name == "surfers":  # both directions of every battle
        assert (waves.groupby("battle")["shooter"].nunique() == 2).all()


def transformed(log, x_sign, y_sign):
    """The same battle on a field that is mirrored left to right and/or bottom to top."""
    turns, bullets = log.turns.copy(), log.bullets.copy()

    def flip(table, x, y, heading):
        sine, cosine = np.sin(table[:, heading]) * x_sign, np.cos(table[:, heading]) * y_sign
        table[:, heading] = np.arctan2(sine, cosine)
        if x_sign < 0:
            table[:, x] = WIDTH - table[:, x]
        if y_sign < 0:
            table[:, y] = HEIGHT - table[:, y]

    flip(turns, 2, 3, 4)
    flip(turns, 9, 10, 11)
    flip(bullets, 6, 7, 4)
    return replace(log, turns=turns, bullets=bullets)


@pytest.mark.parametrize(("x_sign", "y_sign"), [(-1, 1), (1, -1), (-1, -1)])
def test_mirrored_battles_have_the_same_waves(x_sign, y_sign):
    log = load_round()
    a, b = waves_of(log, every=3), waves_of(transformed(log, x_sign, y_sign), every=3)
    assert len(a) == len(b) > 100
    turned = (a["orbit_direction"] == b["orbit_direction"] * x_sign * y_sign).to_numpy()
    assert turned.mean() > 0.98  # an enemy that has not moved yet counts as clockwise in both
    numbers = ["lower", "upper", "fired", "hit", *FEATURES]
    np.testing.assert_allclose(a.loc[turned, numbers], b.loc[turned, numbers], atol=2e-6)


def test_a_real_shot_leaves_from_where_the_shooter_stood_the_turn_before():
    log = load_round()
    for row in log.bullets[log.bullets[:, 9] != 5][:20]:
        bullet = dict(zip(BULLET_COLUMNS, row, strict=True))
        before = log.turns[log.turns[:, 1] == bullet["first_turn"] - 1][0]
        x, y = before[2 + 7 * int(bullet["owner"]) :][:2]
        speed = float(bullet_speed(bullet["power"]))
        assert bullet["first_x"] == pytest.approx(x + speed * math.sin(bullet["heading"]), abs=1e-3)
        assert bullet["first_y"] == pytest.approx(y + speed * math.cos(bullet["heading"]), abs=1e-3)


def test_virtual_waves_are_as_strong_as_the_last_real_shot():
    log = load_round()
    waves = waves_of(log, every=5, sides=(0,))
    real, virtual = waves[waves["real"]], waves[~waves["real"]]
    assert len(virtual) > 3 * len(real) / 2
    assert (virtual["turn"].sub(1) % 5 == 0).all()  # turns count from 1
    shots = log.bullets[(log.bullets[:, 1] == 0) & (log.bullets[:, 9] != 5)]
    assert virtual["turn"].min() > shots[:, 5].min() - 1
    for _, wave in virtual.iterrows():
        earlier = shots[shots[:, 5] - 1 < wave["turn"]]
        assert wave["power"] == pytest.approx(earlier[earlier[:, 5].argmax(), 3], abs=1e-6)


def test_both_sides_and_none():
    log = load_round()
    both = waves_of(log)
    assert set(both["shooter"]) == {log.first, log.second}
    assert (both["shooter"] != both["enemy"]).all()
    silent = replace(log, bullets=np.zeros((0, len(BULLET_COLUMNS))))
    assert list(waves_of(silent).columns) == COLUMNS
    assert len(waves_of(silent)) == 0
    assert list(waves_of([]).columns) == COLUMNS


def test_half_of_full_speed_straight_on_is_half_of_its_ranges():
    waves = waves_of(duel(speed=4.0, bullets=[(0, 2, 0.5, HIT_WALL, 50)]), every=4, sides=(0,))
    table = pd.DataFrame(scaled(waves), columns=FEATURES)[waves["turn"].between(12, 100)]
    assert len(table) > 3
    np.testing.assert_allclose(table[["speed", "moved_10"]], 0.5, atol=1e-6)


def test_timers_and_signs():
    assert latest_sign(np.array([0.0, 2.0, 0.0, -1.0, 0.0])).tolist() == [1, 1, 1, -1, -1]
    assert turns_since(np.array([False, False, True, False, False, True])).tolist() == [0, 1, 0, 1, 2, 0]


def test_ranges_are_as_wide_as_the_rules_of_robocode():
    rules = {"power": (0.1, 3), "lateral_speed": (0, 8), "approach": (-8, 8), "speed": (0, 8), "acceleration": (-2, 2)}
    rules |= {"moved_10": (0, 10 * 8), "facing": (-1, 1), "gun_cools_in": (0, 3 / 0.1)}
    assert {f.name: (f.low, f.high) for f in FEATURE_TABLE if f.name in rules} == rules


def test_a_robot_that_drives_straight_away_keeps_its_orbit_direction():
    shooter, enemy = ({"x": np.zeros(4), "y": np.full(4, y)} for y in (0.0, 200.0))
    enemy |= {"heading": np.pi / 2 * np.array([-1, 0, 1, 0]), "velocity": np.full(4, 8.0)}
    assert orbit_direction(shooter, enemy).tolist() == [-1, -1, 1, 1]


def test_room_is_counted_in_escape_angles():
    """The enemy is 164 pixels north of a shooter with 82 to the wall, and goes west: 30 degrees are left."""
    shooter = {"x": 100.0, "y": 300.0, "gunheat": 0.0}
    enemy = {"x": 100.0, "y": 464.0, "heading": -np.pi / 2, "velocity": 4.0}
    one, other = ({name: np.array([value]) for name, value in robot.items()} for robot in (shooter, enemy))
    found = features_of_round(one, other, np.array([3.0]), (WIDTH, HEIGHT))
    assert found["room_ahead"] == pytest.approx(math.radians(30) / math.asin(8 / 11), abs=1e-12)
    assert found["room_behind"] == 1.5


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_orbit_room_is_where_a_march_along_the_orbit_leaves_the_field(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform((18, 18), (782, 582))
    ex, ey = rng.uniform((18, 18), (782, 582))
    direction = rng.choice([-1.0, 1.0])
    distance, bearing = math.hypot(ex - x, ey - y), math.atan2(ex - x, ey - y)
    room = orbit_room(*(np.array([v]) for v in (x, y, bearing, distance, direction)), (WIDTH, HEIGHT))[0]
    angles = np.linspace(0, np.pi, 20_001)
    px, py = (c + distance * f(bearing + direction * angles) for c, f in ((x, np.sin), (y, np.cos)))
    out = (px < 18) | (px > 782) | (py < 18) | (py > 582)
    expected = angles[out.argmax()] if out.any() else np.pi
    assert room == pytest.approx(expected, abs=4e-4)


def test_bad_arguments_are_refused(tmp_path):
    log = load_round()
    with pytest.raises(ValueError, match="every=-1"):
        waves_of(log, every=-1)
    with pytest.raises(ValueError, match="twice"):
        waves_of([log, log])
    with pytest.raises(ValueError, match="round=99"):
        log.only_round(99)
    (tmp_path / "no.npz").write_text("no archive")
    with pytest.raises(ValueError, match="not an npz file of turn logs: it is no archive"):
        read_logs(tmp_path / "no.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ValueError, match="it lacks"):
        read_logs(tmp_path / "other.npz")
    assert len(ROBOT_COLUMNS) * 2 + 2 == len(TURN_COLUMNS)
