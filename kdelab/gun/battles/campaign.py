"""Many battles: several at a time, each written down as soon as it is fought, so that nothing is fought twice."""

import math
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kdelab.distributed import connected
from kdelab.gun.battles import arena, fighters, folder
from kdelab.gun.battles.arena import Arena
from kdelab.gun.battles.battle import Battle, RecordingError
from kdelab.gun.battles.elsewhere import Elsewhere
from kdelab.gun.battles.folder import BattleFolder, Fought
from kdelab.gun.battles.installation import installed
from kdelab.gun.battles.robots import robot_paths
from kdelab.gun.battles.turns import TurnLog

TRIES = 4  # at a battle that lacks a round: a turn is skipped now and then
_LONGEST = 1e6  # seconds
_MOST = 256  # workers


def fought(
    battles: Sequence[Battle],
    robots: str | Path | Sequence[str | Path] | None = None,
    *,
    store: str | Path,
    robocode: str | Path | None = None,
    workers: int = 1,
    stall: float = 60.0,
    progress: bool = True,
    address: str | None = None,
) -> Generator[Fought, None, None]:
    """Fight battles that a folder doesn't hold yet, and yield what came of each, in the order given.

    A battle of which rounds were left out (a robot has skipped a turn) is fought again, four times in all; the log with
    the most rounds is kept.  One that failed is yielded as such and the others go on.  Whatever ends this process,
    battles that were fought whole are in the folder; the same call then goes on from there, and gives the same.

    Parameters
    ----------
    battles : sequence of Battle
        Class names with or without a version; "kdelab.Surfer" and its like are our own robots, which are compiled.
    robots : str, Path, or sequence of them, optional
        Folders with jars or class files, or jars, which join Robocode's own sample robots.
    store : str or Path
        The folder for the battles, made if it isn't there; a file of turn logs each (`kdelab.gun.battles.turns`).
    robocode : str or Path, optional
        The folder of a Robocode to use in place of Debian's.
    workers : int
        How many battles are fought at a time, each in a process of its own.
    stall : float
        Seconds that a robot may take to act, or to start a round, before the battle counts as hung.
    progress : bool
        Whether to show a bar, one step a round.
    address : str, optional
        Of a Dask scheduler: its workers fight, as many battles at a time as they have threads.  Each of them needs
        Robocode, and `robots` and `robocode` under the same paths.

    Yields
    ------
    Fought
        The battle; ``log``, its `TurnLog`; ``left_out``, a line for each round that it lacks; or ``failure``.

    Raises
    ------
    RecordingError
        If something is not installed.
    ConnectionError
        If the scheduler can't be reached, or goes away.
    ValueError
        If an argument is wrong, a robot is unknown, a battle is asked for twice, another process is at work on the
        folder, or the folder holds a battle that other robots or another Robocode fought.
    """
    if not isinstance(stall, Real) or not math.isfinite(stall) or not 0 < stall <= _LONGEST:
        raise ValueError(f"stall={stall!r} must be a positive number of seconds, at most {_LONGEST:g}")
    if isinstance(workers, bool) or not isinstance(workers, Integral) or not 1 <= workers <= _MOST:
        raise ValueError(f"workers={workers!r} must be a whole number from 1 to {_MOST}")
    if not battles:
        raise ValueError("battles must hold at least one battle")
    repeated = [battle for battle in battles if battles.count(battle) > 1]
    if repeated:
        raise ValueError(
            f"battles hold {repeated[0]} twice, which would give the same log: it is enough to name it once"
        )
    paths, ours = (
        robot_paths(robots),
        fighters.any_of_ours(name for one in battles for name in (one.shooter, one.enemy)),
    )
    installation = installed(robocode)

    @contextmanager
    def opened() -> Iterator[tuple[Arena | Elsewhere, int]]:
        with ExitStack() as stack:
            here = stack.enter_context(arena.opened(installation, paths, ours, float(stall)))
            if address is None:
                yield here, int(workers)
            else:
                client = stack.enter_context(connected(address))
                there = Elsewhere(here, client, paths, robocode and Path(robocode), ours, float(stall))
                yield there, there.workers

    return _fought(battles, opened(), Path(store), ours, progress)


def _fought(
    battles: Sequence[Battle],
    opened: AbstractContextManager[tuple[Arena | Elsewhere, int]],
    store: Path,
    ours: bool,
    progress: bool,
) -> Generator[Fought, None, None]:
    with (
        folder.opened(store) as battle_folder,
        opened as (place, workers),
        tqdm(total=sum(battle.rounds for battle in battles), unit="round", disable=not progress) as bar,
    ):
        campaign = _Campaign(place, battle_folder, bar, fighters.digest() if ours else "")
        there = {battle: found for battle in battles if (found := campaign.find(battle))}
        wanted = [battle for battle in battles if battle not in there]
        if len(wanted) > 1:
            campaign.look_for(wanted)
        pool = ThreadPoolExecutor(workers)
        try:
            coming = {battle: pool.submit(campaign.fight, battle) for battle in wanted}
            for battle in battles:
                yield there[battle] if battle in there else coming[battle].result()
        finally:
            place.close()
            pool.shutdown(cancel_futures=True)


class _Campaign:
    """Battles in an arena that are written into a folder, with a bar that counts their rounds."""

    def __init__(self, place: Arena | Elsewhere, battle_folder: BattleFolder, bar: Any, ours: str):
        self._arena, self._folder, self._bar = place, battle_folder, bar
        self._ours = ours  # the digest of our robots
        self._lock = threading.Lock()  # of the bar and the version
        self._version = ""

    def _digest(self, battle: Battle) -> str:
        own = fighters.any_of_ours((battle.shooter, battle.enemy))
        return f"{self._arena.digest} {self._ours}" if own else self._arena.digest

    def find(self, battle: Battle) -> Fought | None:
        """Return a battle that was fought before."""
        found = self._folder.find(battle, self._digest(battle))
        if found:
            self._expect(found.robocode)
            self._advance(battle.rounds)
        return found

    def look_for(self, battles: Sequence[Battle]) -> None:
        """Refuse unknown robots, and a battle asked for by two names, before anything is fought."""
        version, names = self._arena.look_for(battles)
        self._expect(version)
        first: dict[tuple[Any, ...], Battle] = {}
        for battle, full in zip(battles, names, strict=True):
            same = first.setdefault((*full, battle.rounds, battle.seed), battle)
            if same is not battle:
                raise ValueError(f"battles hold {same}, and {battle}, which is the same: name each robot in one way")

    def fight(self, battle: Battle) -> Fought:
        """Fight a battle, again if it lacks rounds, and write it down; or say why it failed."""
        best: tuple[Fought, TurnLog] | None = None
        try:
            for _ in range(TRIES):
                one, log = self._try(battle)
                if best is None or len(log.rounds) > len(best[1].rounds):
                    best = one, log
                if not one.left_out:
                    break
        except RecordingError as error:
            if best is None:
                self._advance(battle.rounds)
                return Fought(battle, failure=str(error))
        assert best is not None
        self._advance(battle.rounds)
        return self._folder.keep(*best)

    def _try(self, battle: Battle) -> tuple[Fought, TurnLog]:
        """Fight a battle once."""
        rounds = 0
        left_out: list[str] = []
        started: dict[str, Any] = {}

        def hear(event: dict[str, Any]) -> None:
            nonlocal rounds
            match event["event"]:
                case "started":
                    started.update(event)
                    self._expect(event["robocode"])
                case "round":
                    rounds += 1
                    self._advance(1)
                case "left out":
                    left_out.append(event["message"])

        try:
            log = self._arena.fight(battle, hear)
        finally:
            self._advance(-rounds)
        one = Fought(battle, self._digest(battle), None, started["robocode"], started["java"], tuple(left_out))
        return one, log

    def _expect(self, version: str) -> None:
        with self._lock:
            self._version = self._version or version
            if version != self._version:
                raise ValueError(
                    f"{str(self._folder.path)!r} holds battles of Robocode {self._version}, and this is {version}: "
                    "remove the folder to fight all again, or take another --out"
                )

    def _advance(self, rounds: int) -> None:
        with self._lock:
            self._bar.update(rounds)
