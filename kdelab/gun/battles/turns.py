"""Turn logs: what a recorded battle looks like before it is turned into waves.

A log holds one battle of two robots: where both stood in every turn, and every bullet's beginning and end.  The npz
format keeps several logs in a file, battle *i* as ``turns_i`` and ``bullets_i``, and is read with
``allow_pickle=False``.
"""

import hashlib
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np

from kdelab.files import replacing

ROBOT_COLUMNS = ("x", "y", "heading", "velocity", "energy", "gunheat", "state")
TURN_COLUMNS = ("round", "turn", *(f"{side}_{c}" for side in ("first", "second") for c in ROBOT_COLUMNS))
BULLET_COLUMNS = (
    *("round", "owner", "id", "power", "heading", "first_turn", "first_x", "first_y"),
    *("last_turn", "last_state", "victim"),
)

DEAD = 3.0  # a robot's state
HIT_ROBOT, HIT_BULLET, HIT_WALL, EXPLODED = 2.0, 3.0, 4.0, 5.0  # a bullet's last state
EXPLOSION = 16  # turns: so long a bullet is still seen after it has hit something

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
    seed : int, optional
        Of the engine's randomness, where it was noted.

    Raises
    ------
    ValueError
        If an array has the wrong shape, the turns hold something that is not finite, the turns of a round have gaps, or
        the seed isn't a whole number of 64 bits.
    """

    first: str
    second: str
    turns: np.ndarray
    bullets: np.ndarray
    width: float = 800.0
    height: float = 600.0
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.seed is not None:
            whole = isinstance(self.seed, int | np.integer) and not isinstance(self.seed, bool)
            if not whole or not -(2**63) <= self.seed < 2**63:
                raise ValueError(
                    f"seed={self.seed!r} must be a whole number of 64 bits, or None where it was not noted"
                )
            object.__setattr__(self, "seed", int(self.seed))
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
    def pair(self) -> str:
        """Who fought: "first vs second"."""
        return f"{self.first} vs {self.second}"

    @property
    def name(self) -> str:
        """What identifies the battle among others of the same pair: "first vs second, seed 7".

        Without a seed it is ``id`` and eight hexadecimal digits of the SHA-256 of the turns, as float32 so that a file
        of either precision gives the same.
        """
        if self.seed is not None:
            return f"{self.pair}, seed {self.seed}"
        digest = hashlib.sha256(np.ascontiguousarray(self.turns, dtype="<f4").tobytes()).hexdigest()
        return f"{self.pair}, id {digest[:8]}"

    @property
    def rounds(self) -> np.ndarray:
        """The numbers of the rounds, ascending."""
        return np.unique(self.turns[:, 0]).astype(int)

    def only_round(self, number: int, first_turn: int = 0) -> "TurnLog":
        """Return the log of one round, from a turn on: its last turn at least, and all of its bullets.

        Raises
        ------
        ValueError
            If the log has no such round.
        """
        if number not in self.rounds:
            raise ValueError(f"round={number} is not in the log of {self.name}; it has {self.rounds.tolist()}")
        parts = {
            name: table[table[:, 0] == number] for name, table in (("turns", self.turns), ("bullets", self.bullets))
        }
        turn = parts["turns"][:, 1]
        parts["turns"] = parts["turns"][turn >= min(first_turn, turn[-1])]
        return replace(self, **parts)

    def robot(self, side: int) -> dict[str, np.ndarray]:
        """Return the columns ``ROBOT_COLUMNS`` of the first (0) or the second (1) robot, by name."""
        start = 2 + side * len(ROBOT_COLUMNS)
        return {column: self.turns[:, start + i] for i, column in enumerate(ROBOT_COLUMNS)}


def read_logs(path: str | Path) -> list[TurnLog]:
    """Read all battles of an npz file; ``seed``, where it has one, is one a battle, or one for all of them.

    Raises
    ------
    ValueError
        If the file is not a turn log, is damaged, or its columns are not the ones documented here.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # whatever zip, zlib and NumPy raise on damaged bytes
        why = "it is no archive" if "pickle" in str(error) else error  # NumPy advises to read it unsafely
        raise ValueError(f"path={str(path)!r} is not an npz file of turn logs: {why}") from error
    missing = {"first", "second", "turn_columns", "bullet_columns"} - set(data)
    if missing:
        raise ValueError(f"path={str(path)!r} is not a turn log: it lacks {sorted(missing)}")
    for key, columns in (("turn_columns", TURN_COLUMNS), ("bullet_columns", BULLET_COLUMNS)):
        if tuple(data[key].tolist()) != columns:
            raise ValueError(f"path={str(path)!r} has {key} {data[key].tolist()}; needed are {columns}")
    second = np.atleast_1d(data["second"])
    missing = {f"{name}_{i}" for name in ("turns", "bullets") for i in range(len(second))} - set(data)
    if missing:
        raise ValueError(f"path={str(path)!r} names {len(second)} battles, but lacks {sorted(missing)}")
    try:
        first = np.broadcast_to(data["first"], second.shape).tolist()
        seeds = np.broadcast_to(data.get("seed", ""), second.shape).tolist()
        seeds = [(int(seed) if seed else None) if isinstance(seed, str) else seed for seed in seeds]
        return [
            TurnLog(first[i], str(second[i]), data[f"turns_{i}"], data[f"bullets_{i}"], seed=seeds[i])
            for i in range(len(second))
        ]
    except (TypeError, ValueError) as error:
        raise ValueError(f"path={str(path)!r}: {error}") from error


def write_logs(path: str | Path, logs: list[TurnLog], dtype: Any = np.float64, note: str = "") -> None:
    """Write battles as an npz file that `read_logs` reads, and perhaps a note, which `read_note` does.

    The field's size is not stored: 800 x 600 is assumed.
    """
    if any((log.width, log.height) != (800.0, 600.0) for log in logs):
        raise ValueError("logs must come from an 800 x 600 field to be written")
    arrays: dict[str, Any] = {f"turns_{i}": log.turns.astype(dtype) for i, log in enumerate(logs)}
    arrays |= {f"bullets_{i}": log.bullets.astype(dtype) for i, log in enumerate(logs)}
    seeds = [log.seed for log in logs]
    if None in seeds:
        arrays["seed"] = np.array(["" if seed is None else str(seed) for seed in seeds])
    else:
        arrays["seed"] = np.array(seeds)
    if note:
        arrays["note"] = np.array(note)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(
            stream,
            first=np.array([log.first for log in logs]),
            second=np.array([log.second for log in logs]),
            turn_columns=np.array(TURN_COLUMNS),
            bullet_columns=np.array(BULLET_COLUMNS),
            **arrays,
        )


def read_note(path: str | Path) -> str:
    """Return the note that a file of turn logs was written with; nothing if it has none, or can't be read."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return str(archive["note"]) if "note" in archive.files else ""
    except FileNotFoundError:
        raise
    except Exception:  # whatever zip, zlib and NumPy raise on damaged bytes
        return ""


def load_round() -> TurnLog:
    """Return the short excerpt that ships with the package: one round of BeepBoop against a sample robot."""
    with as_file(files("kdelab.gun.battles") / "data" / "one_round.npz") as path:
        return read_logs(path)[0]
