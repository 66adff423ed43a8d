"""What Robocode's engine knows of its robots and does not tell its listeners, read from its private parts.

- *Whether a robot acted*: the engine notes the turn in which each robot was last woken to act.  A living robot whose
  note is older has skipped a turn, or has left its ``run`` for good.
- *Whether a robot broke down*: the engine drains a robot's energy when a Throwable of any kind has left ``run``, when
  the robot was disabled for too many calls, or could not be loaded.  It marks such a robot, which tells it from one
  whose energy was shot or fired away; no stack trace has to be understood, and none needs to be there.
- *Who wrote a line on a robot's console*: engine and robot print to one stream.  Here the robot is given a stream of
  its own as soon as it is loaded, so that what is left on the console is the engine's.
- *The start of a round*: the engine starts a robot's thread and only then waits to be told that it acted.  If the
  robot is quicker, the word is lost and the wait runs out, ten seconds for nothing.  So a robot is not loaded before
  the engine waits.
"""

import time
from collections.abc import Callable
from typing import Any

from kdelab.extras import load

jpype = load("jpype", "record")

_PATIENCE = 10.0  # seconds that a robot's loading is put off at most
_POLL = 0.0005  # seconds


def _field(target: Any, name: str) -> Any:
    """Return the private field of an object's class or of a class above it."""
    kind = target.getClass()
    while kind is not None:
        for field in kind.getDeclaredFields():
            if field.getName() == name:
                field.setAccessible(True)
                return field
        kind = kind.getSuperclass()
    raise AttributeError(f"{target.getClass().getName()} has no field {name!r}")


def _component(name: str) -> Any:
    return jpype.JClass("net.sf.robocode.core.ContainerBase").getComponent(jpype.JClass(name).class_)


class Hosts:
    """The engine's side of the robots of a running battle, in the order in which they were named."""

    def __init__(self) -> None:
        manager = _component("net.sf.robocode.battle.IBattleManager")
        self._battle = _field(manager, "battle").get(manager)
        self._peers = list(_field(self._battle, "robots").get(self._battle))
        self._acted = _field(self._peers[0], "currentExecutionTime")
        self._drained = _field(self._peers[0], "isEnergyDrained")

    def private(self) -> tuple[list[Any], Any, Any]:
        """Return the engine's side of the robots, its note of when each last acted, and its mark of those drained."""
        return self._peers, self._acted, self._drained

    def skipped(self, robot: int, turn: int) -> bool:
        """Whether a robot that lives, and that the engine has not told to stop, did not act in the turn just ended."""
        peer = self._peers[robot]
        return peer.isAlive() and not peer.isHalt() and self._acted.getInt(peer) != turn

    def broke_down(self, robot: int) -> bool:
        """Whether the engine has taken the robot's energy away."""
        return bool(self._drained.getBoolean(self._peers[robot]))

    def not_started(self, patience: float) -> list[int]:
        """Wait until all robots have begun their first turn; return those that have not in so many seconds."""
        end = time.monotonic() + patience
        while True:
            late = [i for i, peer in enumerate(self._peers) if not peer.isSleeping()]
            if not late or time.monotonic() > end:
                return late
            time.sleep(_POLL)


class _Loading:
    """Robocode's thread manager, from which we learn when a robot's thread begins and ends loading the robot."""

    def __init__(self, own: Any, battle_thread: Callable[[], Any]):
        self._own, self._battle_thread = own, battle_thread
        self._consoles: dict[int, tuple[Any, Any]] = {}  # by thread: a robot's host, and the engine's own stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)

    def setLoadingRobot(self, host: Any) -> None:
        """Be called by a robot's thread: with the robot's host before loading, with nothing after it."""
        thread = jpype.JClass("java.lang.Thread").currentThread().getId()
        if host is not None:
            self._wait_for_the_engine()
            out = _field(host, "out")
            self._consoles[thread] = host, out.get(host)
            out.set(host, out.getType().getConstructor().newInstance())  # what the robot gets
        elif thread in self._consoles:
            loaded, console = self._consoles.pop(thread)
            out = _field(loaded, "out")
            console.print_(out.get(loaded).readAndReset())  # the engine's word on a failed loading
            out.set(loaded, console)
        self._own.setLoadingRobot(host)

    def _wait_for_the_engine(self) -> None:
        waiting = jpype.JClass("java.lang.Thread$State").TIMED_WAITING
        end = time.monotonic() + _PATIENCE
        while self._battle_thread().getState() != waiting and time.monotonic() < end:
            time.sleep(_POLL)


def attend_loading() -> None:
    """Give robots consoles of their own, and let none be quicker than the engine, from the next battle on."""
    manager = _component("net.sf.robocode.battle.IBattleManager")
    hosts = _component("net.sf.robocode.host.IHostManager")
    field = _field(hosts, "threadManager")
    battle = _field(manager, "battle")
    loading = _Loading(field.get(hosts), lambda: battle.get(manager).getBattleThread())
    field.set(hosts, jpype.JProxy("net.sf.robocode.host.IThreadManager", inst=loading))
