"""Turn logs become waves: for every shot, and now and then without one, what was known and what would have hit.

A wave that leaves the shooter after turn i (the bullet is first seen in turn i + 1) starts at the shooter's place of
turn i, and its features are those of turn i.  In turn k the bullet's step is tested against the enemy's box of turn
k - 1, before the robots move: the engine's own order.  A *guess factor* is the bearing offset from the enemy's place of
turn i, times the enemy's orbit direction, over the escape angle asin(8 / bullet speed).

Left out are bullets whose wave had not wholly passed the enemy when one robot died or the log ended (nobody can say
what would have hit), and waves that nothing within one escape angle could have hit.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from kdelab.gun.features import FEATURES, bearings, features_of_round, orbit_direction
from kdelab.gun.geometry import bullet_speed, escape_angle, target_interval
from kdelab.gun.turns import DEAD, EXPLODED, FIRST, HIT_ROBOT, HIT_WALL, SECOND, TurnLog

COLUMNS = [
    *("battle", "round", "turn", "shooter", "enemy", "real", "hit", "power", "bullet_speed", "escape_angle"),
    *("orbit_direction", "lower", "upper", "fired"),
    *(name for name in FEATURES if name != "power"),
]
"""Columns of a table of waves: DESIGN's, then the features (of which ``power`` is already among the former)."""

DECIMALS = 6


def waves_of(
    logs: TurnLog | Iterable[TurnLog], every: int = 8, sides: tuple[int, ...] = (FIRST, SECOND)
) -> pd.DataFrame:
    """Return the waves of battles, one row a wave, columns `COLUMNS`.

    Parameters
    ----------
    logs : TurnLog or iterable of TurnLog
        The battles.
    every : int
        Besides the real shots, a virtual wave each so many turns, with the power of the shooter's last real shot (and
        none before its first one); 0 for no virtual waves.
    sides : tuple of int
        Whose waves: 0 is the first robot's, 1 the second's.

    Returns
    -------
    DataFrame
        ``battle``: "first vs second"; ``round`` and ``turn`` of firing; ``shooter`` and ``enemy``: class names;
        ``real``: whether a bullet was fired; ``hit``: 1.0 or 0.0, NaN where no bullet was fired or it met another
        bullet; ``power``; ``bullet_speed``, pixels a turn; ``escape_angle``, radians; ``orbit_direction``: +1
        clockwise, -1; ``lower`` and ``upper``: the guess factors that would have hit, within [-1, 1]; ``fired``: the
        real shot's guess factor, NaN for virtual waves; then the features.  Numbers are rounded to 1e-6.

    Raises
    ------
    ValueError
        If `every` is negative, or two battles have the same name.
    """
    if every < 0:
        raise ValueError(f"every={every} must be at least 0 turns")
    logs = [logs] if isinstance(logs, TurnLog) else list(logs)
    names = [log.name for log in logs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"logs hold more than one battle {repeated[0]!r}; battles must differ in a robot")
    tables = [table for log in logs for side in sides for table in _side_tables(log, side, every)]
    if not tables:
        return pd.DataFrame({name: [] for name in COLUMNS})
    waves = pd.concat(tables, ignore_index=True)
    numbers = waves.select_dtypes("float").columns
    waves[numbers] = waves[numbers].round(DECIMALS) + 0.0  # no -0.0
    return waves[waves["lower"] < waves["upper"]].reset_index(drop=True)[COLUMNS]


def _side_tables(log: TurnLog, side: int, every: int) -> Iterator[pd.DataFrame]:
    """Yield the waves of each round that one robot fired."""
    power = 0.0  # of the last real shot of the battle so far
    for number in log.rounds:
        one = log.only_round(int(number))
        shots = _shots(one, side)
        yield _round_table(one, side, shots, power, every)
        power = float(shots["power"].iloc[-1]) if len(shots) else power


def _shots(log: TurnLog, side: int) -> pd.DataFrame:
    """Return the bullets that one robot fired in a round: index of the turn before, power, heading, hit (NaN: open)."""
    bullets = log.bullets[(log.bullets[:, 1] == side) & (log.bullets[:, 9] != EXPLODED)]
    last_state = bullets[:, 9]
    shots = pd.DataFrame(
        {
            "index": (bullets[:, 5] - 1 - log.turns[0, 1]).astype(int),
            "power": bullets[:, 3],
            "heading": bullets[:, 4],
            "hit": np.select([last_state == HIT_ROBOT, last_state == HIT_WALL], [1.0, 0.0], np.nan),
        }
    )
    return shots[shots["index"] >= 0].sort_values("index", ignore_index=True)


def _round_table(log: TurnLog, side: int, shots: pd.DataFrame, power_before: float, every: int) -> pd.DataFrame:
    """Return the waves that one robot fired in one round."""
    dead = (log.robot(FIRST)["state"] == DEAD) | (log.robot(SECOND)["state"] == DEAD)
    n = int(dead.argmax()) if dead.any() else len(dead)  # bullets fly through the dead
    shooter, enemy = ({k: v[:n] for k, v in log.robot(s).items()} for s in (side, 1 - side))
    shots = shots[shots["index"] < n].set_index("index")

    power = pd.Series(shots["power"]).reindex(range(n)).ffill().fillna(power_before).to_numpy()
    chosen = np.isin(np.arange(n), shots.index)
    if every:
        chosen |= (np.arange(n) % every == 0) & (power > 0)
    at = np.flatnonzero(chosen)
    power = np.where(power > 0, power, 1.0)  # turns before the first shot: never chosen, but features need a number

    speed, escape = bullet_speed(power), escape_angle(bullet_speed(power))
    bearing, direction = bearings(shooter, enemy), orbit_direction(shooter, enemy)
    path = np.column_stack([enemy["x"], enemy["y"]])
    intervals = [
        target_interval(
            path[i:], shooter["x"][i], shooter["y"][i], speed[i], bearing[i], escape[i], log.width, log.height
        )
        for i in at
    ]
    lower, upper, passed = np.array(intervals, dtype=np.float64).reshape(-1, 3).T
    ends = np.column_stack([lower, upper]) * (direction / escape)[at, None]
    offset = shots["heading"].reindex(at).to_numpy() - bearing[at]
    features = features_of_round(shooter, enemy, power, (log.width, log.height))
    table = pd.DataFrame(
        {
            "battle": log.name,
            "round": log.turns[at, 0].astype(int),
            "turn": log.turns[at, 1].astype(int),
            "shooter": log.second if side else log.first,
            "enemy": log.first if side else log.second,
            "real": np.isin(at, shots.index),
            "hit": shots["hit"].reindex(at).to_numpy(),
            "bullet_speed": speed[at],
            "escape_angle": escape[at],
            "orbit_direction": direction[at].astype(int),
            "lower": np.clip(ends.min(axis=1), -1.0, 1.0),
            "upper": np.clip(ends.max(axis=1), -1.0, 1.0),
            "fired": ((offset + np.pi) % (2 * np.pi) - np.pi) * (direction / escape)[at],
            **{name: values[at] for name, values in features.items()},
        }
    )
    return table[(passed == 1) & (lower < upper)]
