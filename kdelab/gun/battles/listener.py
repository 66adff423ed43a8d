"""The listeners of a battle: one in Python, and one in Java (``data/listener``), which is much faster.

Both leave what there is to judge to a `Recorder`, and give the same logs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from kdelab.extras import load
from kdelab.gun.battles.hosting import Hosts
from kdelab.gun.battles.listening import HEARTBEAT, Recorder
from kdelab.gun.battles.turns import TurnLog

jpype = load("jpype", "record")


class Listening:
    """A battle's listener, of type IBattleListener, which fills the recorder until its first problem; then the log.

    Parameters
    ----------
    recorder : Recorder
        What judges.
    in_java : bool
        Whether turns are taken down by the listener in Java, whose compiled class is on the class path.
    """

    def __init__(self, recorder: Recorder, in_java: bool):
        self._recorder = recorder
        self._turns: Any = None
        self.listener = _listener(recorder, self._watch)
        if in_java:
            self._turns = jpype.JClass("kdelab.listener.Turns")(self.listener, _judge(recorder), HEARTBEAT)
            self.listener = self._turns

    def _watch(self, hosts: Hosts) -> None:
        if self._turns is not None:
            self._turns.watch(*hosts.private())

    def log(self) -> TurnLog:
        """Return what the recorder's log is, or would be."""
        if self._turns is None:
            return self._recorder.log()
        return self._recorder.log_of(np.array(self._turns.turns()), np.array(self._turns.bullets()))


def _judge(recorder: Recorder) -> Any:
    """Return what the listener in Java calls when there is something to judge."""

    @jpype.JImplements("kdelab.listener.Turns$Judge")
    class Judge:
        @jpype.JOverride
        def judge(
            self, side: int, number: int, turn: int, console: Any, dead: bool, broke_down: bool, skipped: bool
        ) -> bool:
            recorder.judge(side, number, turn, str(console), dead, broke_down, skipped)
            return not recorder.problem

        @jpype.JOverride
        def alive(self) -> None:
            recorder.alive()

    return Judge()


def _listener(recorder: Recorder, watch: Callable[[Hosts], None]) -> Any:
    """Return the listener in Python; `watch` is called when a battle starts."""
    hosts: list[Hosts] = []

    @jpype.JImplements("robocode.control.events.IBattleListener")
    class Listener:
        @jpype.JOverride
        def onBattleStarted(self, event: Any) -> None:
            hosts.append(Hosts())
            watch(hosts[0])

        @jpype.JOverride
        def onRoundStarted(self, event: Any) -> None:
            if not recorder.problem:
                recorder.round(event.getRound(), hosts[0])

        @jpype.JOverride
        def onTurnEnded(self, event: Any) -> None:
            if not recorder.problem:
                recorder.turn(event.getTurnSnapshot(), hosts[0])

        @jpype.JOverride
        def onRoundEnded(self, event: Any) -> None:
            recorder.tell(event="round")

        @jpype.JOverride
        def onBattleError(self, event: Any) -> None:
            recorder.engine_error(str(event.getError()))

        @jpype.JOverride
        def onBattleFinished(self, event: Any) -> None: ...

        @jpype.JOverride
        def onBattleCompleted(self, event: Any) -> None: ...

        @jpype.JOverride
        def onBattlePaused(self, event: Any) -> None: ...

        @jpype.JOverride
        def onBattleResumed(self, event: Any) -> None: ...

        @jpype.JOverride
        def onTurnStarted(self, event: Any) -> None: ...

        @jpype.JOverride
        def onBattleMessage(self, event: Any) -> None: ...

    return Listener()
