"""The Robocode engine, in a process of its own: ``python -m kdelab.gun.engine JOB.json``.

`kdelab.gun.record` starts it.  The Java machine can't be stopped once Robocode has run in it (threads that aren't
daemons stay behind), so this process ends by ``os._exit``.  It reports by JSON lines on its standard output, one an
event, while everything that Java or a robot prints goes to standard error; the turn logs are written as npz.

The settings that make a battle repeat itself to the last bit, and that keep the engine from waiting:

- ``RANDOMSEED`` is read at each battle's start; it also seeds ``Math.random`` of the robots.
- A robot may think for `TURN_NANOSECONDS` before it skips a turn; a skipped turn depends on the clock, so it is an
  error.
- At a round's start the engine starts a robot and only then waits to be told so: if the robot was quicker, the wait
  runs out, 300 times the CPU constant or ten seconds.  Turns have their time limit from a value computed before the
  battle, so the constant can be lowered afterwards, which leaves 0.6 s of it.
"""

import difflib
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jpype
import numpy as np
from jpype import JImplements, JOverride

from kdelab.gun.turns import BULLET_COLUMNS, TURN_COLUMNS, TurnLog, write_logs

TURN_NANOSECONDS = 10**9
ROUND_START_NANOSECONDS = 2 * 10**6
HEARTBEAT = 20  # turns between two signs of life
COMPLAINTS = ("skipped turn", "exception", "could not load", "unable to", "disabled", "has been stopped", "error")


def start(home: Path, jars: list[str]) -> Any:
    """Start the Java machine and return a RobocodeEngine that works on the folder `home`."""
    (home / "config").mkdir(exist_ok=True)
    properties = f"robocode.version.lastrun=1.9.3.9\nrobocode.cpu.constant={TURN_NANOSECONDS}\n"
    (home / "config" / "robocode.properties").write_text(properties)
    jpype.startJVM(
        "-Djava.awt.headless=true",
        "-DNOSECURITY=true",
        f"-DWORKINGDIRECTORY={home}",
        "-Xmx512M",
        "--add-opens=java.base/sun.net.www.protocol.jar=ALL-UNNAMED",
        classpath=jars,
    )
    RobocodeEngine = jpype.JClass("robocode.control.RobocodeEngine")
    RobocodeEngine.setLogMessagesEnabled(False)
    engine = RobocodeEngine(jpype.JClass("java.io.File")(str(home)))
    engine.setVisible(False)
    return engine


def _shorten_round_start() -> None:
    """Lower the CPU constant of the running battle: see the module's text."""
    component = jpype.JClass("net.sf.robocode.core.ContainerBase").getComponent
    target = component(jpype.JClass("net.sf.robocode.battle.IBattleManager").class_)
    for name in ("battle", "cpuConstant"):
        field = target.getClass().getDeclaredField(name)
        field.setAccessible(True)
        if name == "cpuConstant":
            field.setLong(target, ROUND_START_NANOSECONDS)
        else:
            target = field.get(target)


def find_robot(engine: Any, wanted: str, argument: str) -> Any:
    """Return the specification of the robot of that class name, with or without its version.

    Raises
    ------
    ValueError
        If there is none (the message gives the nearest names) or more than one.
    """
    robots = {}
    for robot in engine.getLocalRepository():
        robots[str(robot.getNameAndVersion())] = robot
    named = {full: robot for full, robot in robots.items() if wanted in (full, str(robot.getClassName()))}
    if len(named) == 1:
        return next(iter(named.values()))
    if named:
        raise ValueError(f"{argument}={wanted!r} could be any of {sorted(named)}: give the version too")
    names = sorted({str(robot.getClassName()) for robot in robots.values()})
    lowered = {name.lower(): name for name in names}
    lowered |= {name.rsplit(".", 1)[-1].lower(): name for name in names}  # the class alone, its package forgotten
    close = difflib.get_close_matches(wanted.lower(), lowered, n=5, cutoff=0.5)
    near = list(dict.fromkeys(lowered[name] for name in close))[:3]
    hint = f"the nearest names are {near}" if near else f"there are {len(names)} robots, such as {names[:5]}"
    raise ValueError(f"{argument}={wanted!r} is not among the robots; {hint}")


def _brief(lines: list[str]) -> str:
    """Return the head of a complaint on one line: a stack trace's first frames are what its author needs."""
    return " ".join(" ".join(lines[:3]).split())


class _Recording:
    """What a battle's listener gathers: rows of turns, and the first and last sight of each bullet."""

    def __init__(self, names: tuple[str, str], tell: Callable[..., None]):
        self.names, self.tell = names, tell
        self.turns: list[list[float]] = []
        self.bullets: dict[tuple[int, int, int], list[float]] = {}
        self.problem = ""

    def turn(self, snapshot: Any) -> None:
        """Take down one turn."""
        number, turn = snapshot.getRound(), snapshot.getTurn()
        row: list[float] = [number, turn]
        for name, robot in zip(self.names, snapshot.getRobots(), strict=True):
            row += [robot.getX(), robot.getY(), robot.getBodyHeading(), robot.getVelocity()]
            row += [robot.getEnergy(), robot.getGunHeat(), robot.getState().ordinal()]
            said = str(robot.getOutputStreamSnapshot() or "")
            self._listen(name, said, number, turn, drained=robot.getEnergy() == 0.0)
        self.turns.append(row)
        for bullet in snapshot.getBullets():
            begin = [bullet.getPower(), bullet.getHeading(), turn, bullet.getX(), bullet.getY()]
            end = [turn, bullet.getState().ordinal(), bullet.getVictimIndex()]
            key = (number, bullet.getOwnerIndex(), bullet.getBulletId())
            self.bullets[key] = [*self.bullets.get(key, begin)[: len(begin)], *end]
        if turn % HEARTBEAT == 0:
            self.tell(event="alive")

    def _listen(self, name: str, said: str, number: int, turn: int, drained: bool) -> None:
        """Look in what a robot's console says for the engine's complaints about it.

        What escapes from an event's handler is announced; what escapes from ``run`` is only a stack trace, as a robot
        might print itself, but the engine takes all of the robot's energy in that turn.
        """
        lines = said.splitlines()
        for i, line in enumerate(lines):
            announced = line.startswith("SYSTEM:") and any(word in line.lower() for word in COMPLAINTS)
            escaped = drained and i == 0 and "HostingRobotProxy" in said
            if (announced or escaped) and not self.problem:
                self.problem = f"{name}, round {number}, turn {turn}: {_brief(lines[i:])}"

    def log(self) -> TurnLog:
        """Return the whole battle."""
        bullets = [[*key, *values] for key, values in self.bullets.items()]
        return TurnLog(
            *self.names,
            np.array(self.turns, dtype=np.float64).reshape(-1, len(TURN_COLUMNS)),
            np.array(bullets, dtype=np.float64).reshape(-1, len(BULLET_COLUMNS)),
        )


def _listener(engine: Any, recording: _Recording) -> Any:
    """Return an IBattleListener that fills the recording, and stops the battle at the first problem."""

    @JImplements("robocode.control.events.IBattleListener")
    class Listener:
        @JOverride
        def onBattleStarted(self, event: Any) -> None:
            _shorten_round_start()

        @JOverride
        def onTurnEnded(self, event: Any) -> None:
            had = recording.problem
            if not had:
                recording.turn(event.getTurnSnapshot())
            if recording.problem and not had:
                recording.tell(event="error", message=recording.problem)

        @JOverride
        def onRoundEnded(self, event: Any) -> None:
            recording.tell(event="round")

        @JOverride
        def onBattleError(self, event: Any) -> None:
            if not recording.problem:
                recording.problem = _brief(str(event.getError()).splitlines()) or "the engine reports an error"
                recording.tell(event="error", message=recording.problem)

        @JOverride
        def onBattleFinished(self, event: Any) -> None: ...

        @JOverride
        def onBattleCompleted(self, event: Any) -> None: ...

        @JOverride
        def onBattlePaused(self, event: Any) -> None: ...

        @JOverride
        def onBattleResumed(self, event: Any) -> None: ...

        @JOverride
        def onRoundStarted(self, event: Any) -> None: ...

        @JOverride
        def onTurnStarted(self, event: Any) -> None: ...

        @JOverride
        def onBattleMessage(self, event: Any) -> None: ...

    return Listener()


def record(engine: Any, battle: dict[str, Any], tell: Callable[..., None]) -> TurnLog:
    """Run one battle and return its log."""
    first, second = (find_robot(engine, battle[key], key) for key in ("shooter", "enemy"))
    names = str(first.getClassName()), str(second.getClassName())
    tell(event="battle", name=" vs ".join(names))
    jpype.JClass("java.lang.System").setProperty("RANDOMSEED", str(battle["seed"]))
    control = jpype.JPackage("robocode").control
    field = control.BattlefieldSpecification(800, 600)
    robots = jpype.JArray(control.RobotSpecification)([first, second])
    recording = _Recording(names, tell)
    listener = _listener(engine, recording)
    engine.addBattleListener(listener)
    engine.runBattle(control.BattleSpecification(battle["rounds"], field, robots), True)
    engine.removeBattleListener(listener)
    return recording.log()


def main(path: str) -> None:
    """Do the job that the JSON file describes: keys home, jars, battles, out."""
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # robots print what they like

    def tell(**event: Any) -> None:
        report.write(json.dumps(event) + "\n")

    def orphaned() -> None:
        sys.stdin.buffer.read()  # ends when the parent does
        os._exit(3)

    threading.Thread(target=orphaned, daemon=True).start()
    job = json.loads(Path(path).read_text())
    try:
        engine = start(Path(job["home"]), job["jars"])
        java = str(jpype.JClass("java.lang.System").getProperty("java.runtime.version"))
        tell(event="started", robocode=str(engine.getVersion()), java=java)
        for battle in job["battles"]:
            for argument in ("shooter", "enemy"):
                find_robot(engine, battle[argument], argument)
        write_logs(job["out"], [record(engine, battle, tell) for battle in job["battles"]])
        tell(event="done")
    except ValueError as error:
        tell(event="refused", message=str(error))
    except BaseException as error:  # Java's too; the parent is waiting for a word
        tell(event="error", message=f"{type(error).__name__}: {error}")
    report.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
