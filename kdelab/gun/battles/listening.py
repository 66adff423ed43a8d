"""What is taken down of a battle while it is fought, and when it is given up.

The battle's listener hands over each turn's snapshot, and what `kdelab.gun.battles.hosting` finds out about the robots;
or, where it is the one in Java (``data/listener``), only what there is to judge, and all rows at the end.  Nothing here
needs Java.
"""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from kdelab.gun.battles.turns import BULLET_COLUMNS, DEAD, TURN_COLUMNS, TurnLog

HEARTBEAT = 1.0  # seconds between two signs of life
_HEADLINE = re.compile(r"=+|Round \d+ of \d+")  # the engine's, on a robot's console at the start of a round
_LATE = re.compile("has not performed any actions")
_LEFTOVER = re.compile("is still running|is not stopping|Could not destroy")


def _brief(lines: list[str]) -> str:
    """Return a complaint on one line: a stack trace's first frames and its last cause are what its author needs."""
    causes = [line for line in lines[3:] if line.startswith("Caused by: ")]
    return " ".join(" ".join([*lines[:3], *causes[-1:]]).split())


class Recorder:
    """What comes of a battle: rows of turns, the first and last sight of each bullet, and what went wrong.

    Parameters
    ----------
    names : tuple of str
        The robots' class names.
    rounds : int
        How many rounds the battle has.
    patience : float
        Turns running that a robot may miss.
    stall : float
        Seconds that a robot may take to start a round.
    tell : callable
        Takes events.
    """

    def __init__(self, names: tuple[str, str], rounds: int, patience: float, stall: float, tell: Callable[..., None]):
        self.names, self.rounds, self.tell = names, rounds, tell
        self.patience, self.stall = patience, stall
        self._turns: list[list[float]] = []
        self._bullets: dict[tuple[int, int, int], list[float]] = {}
        self.left_out: dict[int, str] = {}  # by round, why
        self.problem = ""
        self._idle = [0, 0]  # turns running in which a robot did not act
        self._late = [False, False]  # nobody waits for the dead: who comes 30 turns late is taken for one that hangs
        self._told = time.monotonic()

    def round(self, number: int, hosts: Any) -> None:
        """Wait for the robots at the start of a round."""
        self.alive()
        for side in hosts.not_started(self.stall):
            self._refuse(f"{self.names[side]} stalls: it has not started round {number} within {self.stall:g} s")
        self._idle, self._late = [0, 0], [False, False]

    def turn(self, snapshot: Any, hosts: Any) -> None:
        """Take down one turn."""
        number, turn = snapshot.getRound(), snapshot.getTurn()
        row: list[float] = [number, turn]
        for side, robot in enumerate(snapshot.getRobots()):
            row += [robot.getX(), robot.getY(), robot.getBodyHeading(), robot.getVelocity()]
            row += [robot.getEnergy(), robot.getGunHeat(), robot.getState().ordinal()]
            console = str(robot.getOutputStreamSnapshot() or "")
            dead = row[-1] == DEAD
            self.judge(side, number, turn, console, dead, hosts.broke_down(side), hosts.skipped(side, turn))
        self._turns.append(row)
        for bullet in snapshot.getBullets():
            begin = [bullet.getPower(), bullet.getHeading(), turn, bullet.getX(), bullet.getY()]
            end = [turn, bullet.getState().ordinal(), bullet.getVictimIndex()]
            key = (number, bullet.getOwnerIndex(), bullet.getBulletId())
            self._bullets[key] = [*self._bullets.get(key, begin)[: len(begin)], *end]
        if time.monotonic() - self._told > HEARTBEAT:
            self.alive()

    def alive(self) -> None:
        """Show a sign of life."""
        self.tell(event="alive")
        self._told = time.monotonic()

    def judge(
        self, side: int, number: int, turn: int, console: str, dead: bool, broke_down: bool, skipped: bool
    ) -> None:
        """See whether a robot went wrong in a turn; the console holds the engine's lines only."""
        self._late[side] |= dead and bool(_LATE.search(console))
        if self._late[side]:
            return
        name = self.names[side]
        where = f"{name}, round {number}, turn {turn}"
        said = [line for line in console.splitlines() if not _HEADLINE.fullmatch(line)]
        failed = [i for i, line in enumerate(said) if line.startswith("SYSTEM: ") and " occurred on " in line]
        if broke_down:
            self._refuse(f"{where}: {_brief(said) or 'an exception has ended its run'}")
        elif failed:  # in an event's handler; the robot goes on
            self._refuse(f"{where}: {_brief(said[failed[0] :])}")
        elif not skipped:
            self._idle[side] = 0
        else:
            self._idle[side] += 1
            self.left_out.setdefault(number, f"{name} skipped turn {turn}")
            if self._idle[side] >= self.patience:
                self._refuse(
                    f"{name} stalls in round {number}: it has not acted for {self._idle[side]} turns, up to turn "
                    f"{turn}; it may be looping (allow more with stall=), or has left its run"
                )
            elif 2 * len(self.left_out) > self.rounds:
                self._refuse(
                    f"{where}: turns were skipped in {len(self.left_out)} of {self.rounds} rounds; "
                    "a robot is too slow for this machine, or has left its run"
                )

    def engine_error(self, error: str) -> None:
        """Take the engine's word on an error of its own, but for a robot's threads that outlive a round or battle."""
        if not _LEFTOVER.search(error):
            self._refuse(_brief(error.splitlines()) or "the engine reports an error")

    def _refuse(self, problem: str) -> None:
        if not self.problem:
            self.problem = problem
            self.tell(event="error", message=problem)

    def log(self) -> TurnLog:
        """Return the battle without the rounds left out."""
        return self.log_of(np.array(self._turns), np.array([[*key, *row] for key, row in self._bullets.items()]))

    def log_of(self, turns: np.ndarray, bullets: np.ndarray) -> TurnLog:
        """Return the battle without the rounds left out, of rows that another has taken down."""
        turns, bullets = turns.reshape(-1, len(TURN_COLUMNS)), bullets.reshape(-1, len(BULLET_COLUMNS))
        turns, bullets = (table[~np.isin(table[:, 0], list(self.left_out))] for table in (turns, bullets))
        for side in ("first", "second"):  # to the dead the engine gives a bonus or not, as its threads happen to run
            dead = turns[:, TURN_COLUMNS.index(f"{side}_state")] == DEAD
            turns[dead, TURN_COLUMNS.index(f"{side}_energy")] = 0
        return TurnLog(*self.names, turns, bullets)
