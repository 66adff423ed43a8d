"""A folder of recorded battles: each in a file of its own, there whole or not at all, so that a recording can go on."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from kdelab.files import fcntl, held, sweep
from kdelab.gun.battles.battle import Battle
from kdelab.gun.battles.turns import TurnLog, read_logs, read_note, write_logs


@dataclass(frozen=True)
class Fought:
    """What came of a battle: a file with its log, what recorded it, and rounds left out; or why it failed."""

    battle: Battle
    robots: str = ""  # digest of the robots that could have fought
    path: Path | None = None
    robocode: str = ""
    java: str = ""
    left_out: tuple[str, ...] = ()
    failure: str = ""

    @property
    def log(self) -> TurnLog:
        """The log, read anew each time.

        Raises
        ------
        ValueError
            If the battle failed, or its file is damaged.
        """
        if self.path is None:
            raise ValueError(f"there is no log of {self.battle}: {self.failure}")
        return read_logs(self.path)[0]


class BattleFolder:
    """A folder of recorded battles, which one process at a time may use: see `opened`."""

    def __init__(self, path: Path):
        self.path = path

    def place(self, battle: Battle) -> Path:
        """Return the path of a battle's file: readable, and different for different battles on any file system."""
        said = f"{battle.shooter}-vs-{battle.enemy}-{battle.rounds}-rounds-seed-{battle.seed}"
        readable = re.sub(r"[^\w.+-]+", "_", said, flags=re.ASCII)[:150]
        return self.path / f"{readable}.{hashlib.sha256(_json(battle).encode()).hexdigest()[:8]}.npz"

    def find(self, battle: Battle, robots: str) -> Fought | None:
        """Return a battle that is there already; None if it isn't.

        Raises
        ------
        ValueError
            If it was fought with other robots, or its file can't be read.
        """
        path = self.place(battle)
        try:
            note = read_note(path)
        except FileNotFoundError:
            return None
        said = json.loads(note) if note else {}
        if said.get("battle") != asdict(battle):
            raise ValueError(f"{str(path)!r} is damaged, or no recording of {battle}: remove it, and go on")
        if said["robots"] != robots:
            raise ValueError(
                f"{str(self.path)!r} holds {battle}, but fought when the robots' files were others, or a duel's gun: "
                "remove the folder to fight all again, or take another --out"
            )
        return Fought(battle, robots, path, said["robocode"], said["java"], tuple(said["left_out"]))

    def keep(self, fought: Fought, log: TurnLog) -> Fought:
        """Write a battle down; return it with the path of its file."""
        path = self.place(fought.battle)
        said = {key: getattr(fought, key) for key in ("robots", "robocode", "java", "left_out")}
        try:
            write_logs(path, [log], note=json.dumps(said | {"battle": asdict(fought.battle)}))
        except OSError as error:  # a full disk's names no file
            raise OSError(error.errno, error.strerror, str(path)) from error
        return replace(fought, path=path)


def _json(battle: Battle) -> str:
    return json.dumps(asdict(battle), sort_keys=True)


def check_folder(path: Path) -> None:
    """Raise a ValueError if a file has the name of a folder for battles."""
    if path.exists() and not path.is_dir():
        raise ValueError(f"{str(path)!r} is a file, and battles are kept in a folder of that name: move it away")


@contextmanager
def opened(path: Path) -> Iterator[BattleFolder]:
    """Give a folder, made if need be, removed if nothing has come into it.

    Raises
    ------
    ValueError
        If it is a file, or another process is at work on it.
    """
    check_folder(path)
    path.mkdir(exist_ok=True)
    with _lock(path):
        sweep(path)
        try:
            yield BattleFolder(path)
        finally:
            with suppress(OSError):
                path.rmdir()


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    if fcntl is None:  # not a POSIX system
        yield
        return
    handle: Any = os.open(path, os.O_RDONLY)
    try:
        if not held(handle):
            raise ValueError(f"{str(path)!r} is in use: another recording into it is at work; wait until it has ended")
        yield
    finally:
        os.close(handle)
