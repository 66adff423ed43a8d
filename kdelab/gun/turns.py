"""Turn logs: what a recorded battle looks like before it is turned into waves.

A log holds one battle of two robots: where both stood in every turn, and every bullet's beginning and end.  The npz
format keeps several logs in a file, battle *i* as ``turns_i`` and ``bullets_i``, and is read with
``allow_pickle=False``.
"""

from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from kdelab.gun.files import replacing

ROBOT_COLUMNS = ("x", "y", "heading", "velocity", "energy", "gunheat", "state")
TURN_COLUMNS = ("round", "turn", *(f"{side}_{c}" for side in ("first", "second") for c in ROBOT_COLUMNS))
BULLET_COLUMNS = (
    *("round", "owner", "id", "power", "heading", "first_turn", "first_x", "first_y"),
    *("last_turn", "last_state", "victim"),
)

DEAD = 3.0  # a robot's state
HIT_ROBOT, HIT_BULLET, HIT_WALL, EXPLODED = 2.0, 3.0, 4.0, 5.0  # a bullet's last state

FIRST, SECOND = 0, 1


@dataclass(frozen=True)
class TurnLog:
    """One recorded battle.

    Parameters
    ----------
    first, second : str
        The robots' class names.
    turns : array (n, 16)
        One row a turn, columns ``TURN_COLUMNS``: pixels, radians (0 is north, clockwise), pixels a turn.
    bullets : array (m, 11)
        One row a bullet, columns ``BULLET_COLUMNS``; ``owner`` is 0 for the first robot and 1 for the second.
    width, height : float
        The battlefield in pixels.

    Raises
    ------
    ValueError
        If an array has the wrong shape, the turns hold something that is not finite, or the turns of a round have gaps.
    """

    first: str
    second: str
    turns: np.ndarray
    bullets: np.ndarray
    width: float = 800.0
    height: float = 600.0

    def __post_init__(self) -> None:
        for name, columns in (("turns", TURN_COLUMNS), ("bullets", BULLET_COLUMNS)):
            array = np.asarray(getattr(self, name), dtype=np.float64)
            if array.ndim != 2 or array.shape[1] != len(columns):
                raise ValueError(f"{name} has shape {array.shape}; needed are (any, {len(columns)}): {columns}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} holds values that are not finite")
            object.__setattr__(self, name, array)
        same_round = np.diff(self.turns[:, 0]) == 0
        if (np.diff(self.turns[:, 0]) < 0).any() or (np.diff(self.turns[:, 1])[same_round] != 1).any():
            raise ValueError("turns must be sorted by round and turn, with no turn of a round missing")

    @property
    def name(self) -> str:
        """What identifies the battle: "first vs second"."""
        return f"{self.first} vs {self.second}"

    @property
    def rounds(self) -> np.ndarray:
        """The numbers of the rounds, ascending."""
        return np.unique(self.turns[:, 0]).astype(int)

    def only_round(self, number: int) -> "TurnLog":
        """Return the log of one round.

        Raises
        ------
        ValueError
            If the log has no such round.
        """
        if number not in self.rounds:
            raise ValueError(f"round={number} is not in the log of {self.name}; it has {self.rounds.tolist()}")
        return TurnLog(
            self.first,
            self.second,
            self.turns[self.turns[:, 0] == number],
            self.bullets[self.bullets[:, 0] == number],
            self.width,
            self.height,
        )

    def robot(self, side: int) -> dict[str, np.ndarray]:
        """Return the columns ``ROBOT_COLUMNS`` of the first (0) or the second (1) robot, by name."""
        start = 2 + side * len(ROBOT_COLUMNS)
        return {column: self.turns[:, start + i] for i, column in enumerate(ROBOT_COLUMNS)}


def read_logs(path: str | Path) -> list[TurnLog]:
    """Read all battles of an npz file.

    Raises
    ------
    ValueError
        If the file is not a turn log, or its columns are not the ones documented here.
    """
    try:
        archive: Any = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"path={str(path)!r} is not an npz file of turn logs: {error}") from error
    with archive as data:
        missing = {"first", "second", "turn_columns", "bullet_columns"} - set(data.files)
        if missing:
            raise ValueError(f"path={str(path)!r} is not a turn log: it lacks {sorted(missing)}")
        for key, columns in (("turn_columns", TURN_COLUMNS), ("bullet_columns", BULLET_COLUMNS)):
            if tuple(data[key].tolist()) != columns:
                raise ValueError(f"path={str(path)!r} has {key} {data[key].tolist()}; needed are {columns}")
        second = np.atleast_1d(data["second"])
        first = np.broadcast_to(data["first"], second.shape)
        return [
            TurnLog(str(first[i]), str(second[i]), data[f"turns_{i}"], data[f"bullets_{i}"]) for i in range(len(second))
        ]


def write_logs(path: str | Path, logs: list[TurnLog], dtype: Any = np.float64) -> None:
    """Write battles as an npz file that `read_logs` reads.  The field's size is not stored: 800 x 600 is assumed."""
    if any((log.width, log.height) != (800.0, 600.0) for log in logs):
        raise ValueError("logs must come from an 800 x 600 field to be written")
    arrays: dict[str, Any] = {f"turns_{i}": log.turns.astype(dtype) for i, log in enumerate(logs)}
    arrays |= {f"bullets_{i}": log.bullets.astype(dtype) for i, log in enumerate(logs)}
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            first=np.array([log.first for log in logs]),
            second=np.array([log.second for log in logs]),
            turn_columns=np.array(TURN_COLUMNS),
            bullet_columns=np.array(BULLET_COLUMNS),
            **arrays,
        )


def load_round() -> TurnLog:
    """Return the short excerpt that ships with the package: one round of BeepBoop against a sample robot."""
    with as_file(files("kdelab.gun") / "data" / "one_round.npz") as path:
        return read_logs(path)[0]
