"""An arena on other machines: battles are fought by the workers of a Dask cluster, each of which has Robocode."""

import atexit
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Any

from kdelab.gun.battles import arena
from kdelab.gun.battles.arena import Arena
from kdelab.gun.battles.battle import Battle, RecordingError
from kdelab.gun.battles.installation import installed
from kdelab.gun.battles.turns import TurnLog


class Elsewhere:
    """What fights in place of an `Arena`; that looks for robots here, and is told of battles as it would tell of them.

    Parameters
    ----------
    here : Arena
        With the same robots, and the same Robocode, as on the workers: what differs is refused.
    client : distributed.Client
    robots : sequence of Path
        As the workers find them.
    robocode : Path or None
        Its folder, as the workers find it.
    ours : bool
        Whether robots of ours are needed.
    stall : float
        Seconds that a robot may take to act.
    """

    def __init__(
        self, here: Arena, client: Any, robots: Sequence[Path], robocode: Path | None, ours: bool, stall: float
    ) -> None:
        self._here, self._client = here, client
        self._made_of = tuple(map(Path.absolute, robots)), robocode and robocode.absolute(), ours, stall
        self._coming: set[Any] = set()
        self.digest, self.look_for = here.digest, here.look_for

    @property
    def workers(self) -> int:
        """How many battles can be fought at a time."""
        return max(1, sum(self._client.nthreads().values()))

    def fight(self, battle: Battle, hear: Callable[[dict[str, Any]], None]) -> TurnLog:
        """Have one battle fought, and return its log; errors as of `Arena.fight`."""
        coming = self._client.submit(_fought, battle, self.digest, self._made_of, pure=False)
        self._coming.add(coming)
        try:
            log, events = coming.result()
        finally:
            self._coming.discard(coming)
        for event in events:
            hear(event)
        return log

    def close(self) -> None:
        """Ask for no battle any more."""
        with suppress(Exception):  # the scheduler may be gone
            self._client.cancel(list(self._coming))
        self._here.close()


def _fought(battle: Battle, digest: str, made_of: tuple[Any, ...]) -> tuple[TurnLog, list[dict[str, Any]]]:
    """Fight a battle on a worker; return its log, and what the engine told."""
    place, events = _arena(*made_of), list[dict[str, Any]]()
    if place.digest != digest:
        raise RecordingError(f"{battle}: the robots of a worker are other ones; give all machines the same files")
    return place.fight(battle, events.append), events


@cache
def _arena(robots: tuple[Path, ...], robocode: Path | None, ours: bool, stall: float) -> Arena:
    """Return an arena of this process, made ready once."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(arena.opened(installed(robocode), robots, ours, stall))
