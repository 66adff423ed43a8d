"""What a gun knows about its enemy when it fires: fourteen numbers a wave, none of which looks ahead.

Raw values in the units below; `Feature.low` and `Feature.high` bound them, so that ``(value - low) / (high - low)`` is
in [0, 1].
"""

from dataclasses import dataclass

import numpy as np

from kdelab.gun.waves.geometry import HALF_WIDTH, bullet_speed, escape_angle

TIMER_CAP = 70.0  # turns
ROOM_CAP = 1.5  # escape angles
COOLING = 0.1  # gun heat lost in a turn
STILL = 1e-6  # pixels a turn; slower is rounding, not motion


@dataclass(frozen=True)
class Feature:
    """One feature: its column, what it measures, its unit and the range that its values are clipped to."""

    name: str
    meaning: str
    unit: str
    low: float
    high: float


FEATURE_TABLE = (
    Feature("distance", "from the shooter to the enemy", "pixels", 0.0, 1000.0),
    Feature("power", "of the bullet; a virtual wave takes the shooter's last real one", "energy", 0.1, 3.0),
    Feature("flight_time", "distance / bullet speed", "turns", 0.0, 90.0),
    Feature("lateral_speed", "speed across the line of fire", "pixels/turn", 0.0, 8.0),
    Feature("approach", "velocity along the line of fire, positive towards the shooter", "pixels/turn", -8.0, 8.0),
    Feature("speed", "of the enemy", "pixels/turn", 0.0, 8.0),
    Feature("acceleration", "change of speed in the last turn, negative when braking", "pixels/turn^2", -2.0, 2.0),
    Feature("since_reversal", "since the orbit direction last changed", "turns", 0.0, TIMER_CAP),
    Feature("since_speed_change", "since the speed last changed", "turns", 0.0, TIMER_CAP),
    Feature("moved_10", "displacement over the last 10 turns", "pixels", 0.0, 80.0),
    Feature("room_ahead", "orbit left before a wall, in the orbit direction", "escape angles", 0.0, ROOM_CAP),
    Feature("room_behind", "orbit left before a wall, against it", "escape angles", 0.0, ROOM_CAP),
    Feature("facing", "cosine between the enemy's motion and the line to the shooter", "1", -1.0, 1.0),
    Feature("gun_cools_in", "until the shooter can fire; 0 at a real shot", "turns", 0.0, 30.0),
)
FEATURES = [feature.name for feature in FEATURE_TABLE]
RANGES = {feature.name: (feature.low, feature.high) for feature in FEATURE_TABLE}


def bearings(shooter: dict[str, np.ndarray], enemy: dict[str, np.ndarray]) -> np.ndarray:
    """Return the bearing from the shooter to the enemy in each turn, radians."""
    return np.arctan2(enemy["x"] - shooter["x"], enemy["y"] - shooter["y"])


def latest_sign(values: np.ndarray) -> np.ndarray:
    """Return the sign of each value, a zero's being that of the value before; +1 until the first value that has one."""
    moving = np.abs(values) > STILL
    last = np.maximum.accumulate(np.where(moving, np.arange(len(values)), -1))
    return np.where(last >= 0, np.sign(values[last]), 1.0)


def turns_since(event: np.ndarray) -> np.ndarray:
    """Return the number of turns since the event was last true, counting from the start of the round before that."""
    turns = np.arange(len(event))
    return (turns - np.maximum.accumulate(np.where(event, turns, 0))).astype(np.float64)


def orbit_direction(shooter: dict[str, np.ndarray], enemy: dict[str, np.ndarray]) -> np.ndarray:
    """Return +1 where the enemy last moved clockwise around the shooter, -1 where counter-clockwise."""
    return latest_sign(enemy["velocity"] * np.sin(enemy["heading"] - bearings(shooter, enemy)))


def orbit_room(
    x: np.ndarray,
    y: np.ndarray,
    bearing: np.ndarray,
    distance: np.ndarray,
    direction: np.ndarray,
    size: tuple[float, float],
) -> np.ndarray:
    """Return how far, in radians, the enemy can circle the shooter before its centre leaves the field.

    The circle of radius `distance` around (x, y) crosses a wall's line where the coordinate reaches the line; of the
    crossings only those that lead out count, and the first of them in the orbit direction is the answer, at most pi.
    """
    room = np.full(len(x), np.pi)
    for start, extent, quarter in ((x, size[0], 0.0), (y, size[1], np.pi / 2)):
        # x = start + distance sin(angle); y is the same a quarter turn on
        for wall in (HALF_WIDTH, extent - HALF_WIDTH):
            sine = (wall - start) / distance
            reached = np.arcsin(np.clip(sine, -1.0, 1.0))
            for crossing in (reached, np.pi - reached):
                outwards = np.cos(crossing) * direction * (1.0 if wall > HALF_WIDTH else -1.0) > 0
                offset = np.mod((crossing - quarter - bearing) * direction, 2 * np.pi)
                offset = np.where(offset > 2 * np.pi - 1e-4, 0.0, offset)  # standing on the wall, up to rounding
                room = np.where((np.abs(sine) <= 1.0) & outwards, np.minimum(room, offset), room)
    return room


def features_of_round(
    shooter: dict[str, np.ndarray], enemy: dict[str, np.ndarray], power: np.ndarray, size: tuple[float, float]
) -> dict[str, np.ndarray]:
    """Return every feature in every turn of one round.

    Parameters
    ----------
    shooter, enemy : dict of arrays (n,)
        The robots' columns, as `TurnLog.robot` gives them.
    power : array (n,)
        The power of a bullet fired in each turn.
    size : (float, float)
        Width and height of the field, pixels.
    """
    bearing = bearings(shooter, enemy)
    distance = np.hypot(enemy["x"] - shooter["x"], enemy["y"] - shooter["y"])
    flight_speed = bullet_speed(power)
    direction = orbit_direction(shooter, enemy)
    relative = enemy["heading"] - bearing
    speed = np.abs(enemy["velocity"])
    change = np.diff(speed, prepend=speed[:1])
    before = np.maximum(np.arange(len(speed)) - 10, 0)
    escape = escape_angle(flight_speed)
    here = (shooter["x"], shooter["y"], bearing, distance)
    values = {
        "distance": distance,
        "power": power,
        "flight_time": distance / flight_speed,
        "lateral_speed": np.abs(enemy["velocity"] * np.sin(relative)),
        "approach": -enemy["velocity"] * np.cos(relative),
        "speed": speed,
        "acceleration": change,
        "since_reversal": turns_since(np.diff(direction, prepend=direction[:1]) != 0),
        "since_speed_change": turns_since(np.abs(change) > STILL),
        "moved_10": np.hypot(enemy["x"] - enemy["x"][before], enemy["y"] - enemy["y"][before]),
        "room_ahead": orbit_room(*here, direction, size) / escape,
        "room_behind": orbit_room(*here, -direction, size) / escape,
        "facing": -latest_sign(enemy["velocity"]) * np.cos(relative),
        "gun_cools_in": shooter["gunheat"] / COOLING,
    }
    return {f.name: np.clip(values[f.name], f.low, f.high) for f in FEATURE_TABLE}
