"""The Robocode engine, in a process of its own: ``python -m kdelab.gun.battles.robocode JOB.json``.

`kdelab.gun.battles.record` starts it.  The Java machine can't be stopped once Robocode has run in it (threads that
aren't daemons stay behind), so this process ends by ``os._exit``.  It reports by JSON lines on its standard output, one
an event, while everything that Java or a robot prints goes to standard error; the turn logs are written as npz.

The settings that make a battle repeat itself to the last bit:

- ``RANDOMSEED`` is read at each battle's start.  It also was to seed ``Math.random`` of the robots, for which Robocode
  replaces Java's generator; Java has not let it since version 12, so that we give the one there is the seed.
- A robot may think for `TURN_NANOSECONDS` before it skips a turn.  A skipped turn depends on the clock, so a round with
  one is left out of the log, and a battle of which most rounds would be is an error.
- Robots start a round one after the other, and the first turn waits for both.

What Robocode doesn't tell a listener is read by `kdelab.gun.battles.hosting`.
"""

import difflib
import json
import os
import shutil
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from kdelab.extras import load
from kdelab.gun.battles.hosting import attend_loading
from kdelab.gun.battles.listener import Listening
from kdelab.gun.battles.listening import Recorder
from kdelab.gun.battles.robots import why_absent
from kdelab.gun.battles.turns import TurnLog, write_logs

jpype = load("jpype", "record")

TURN_NANOSECONDS = 10**9


class Misbehaved(RuntimeError):
    """A robot threw, stalled or skipped too much; the parent has been told."""


def start(home: Path, jars: list[str], version: str) -> Any:
    """Start the Java machine and return a RobocodeEngine of that version, which works on the folder `home`."""
    properties = f"robocode.version.lastrun={version}\nrobocode.cpu.constant={TURN_NANOSECONDS}\n"
    (home / "config" / "robocode.properties").write_text(properties)
    jpype.startJVM(
        "-Djava.awt.headless=true",
        "-DNOSECURITY=true",
        f"-DWORKINGDIRECTORY={home}",
        "-Xmx512M",
        "-XX:+UseSerialGC",  # one battle, mostly on one core
        "--add-opens=java.base/sun.net.www.protocol.jar=ALL-UNNAMED",
        "--add-opens=java.base/java.lang=ALL-UNNAMED",
        classpath=jars,
    )
    RobocodeEngine = jpype.JClass("robocode.control.RobocodeEngine")
    RobocodeEngine.setLogMessagesEnabled(False)
    engine = RobocodeEngine(jpype.JClass("java.io.File")(str(home)))
    engine.setVisible(False)
    attend_loading()
    return engine


def set_seed(seed: int) -> None:
    """Seed the randomness of the next battle: the engine's and, through ``Math.random``, the robots'."""
    jpype.JClass("java.lang.System").setProperty("RANDOMSEED", str(seed))
    holder = jpype.JClass("java.lang.Class").forName("java.lang.Math$RandomNumberGeneratorHolder")
    generator = holder.getDeclaredField("randomNumberGenerator")
    generator.setAccessible(True)
    generator.get(None).setSeed(seed)


def find_robot(engine: Any, wanted: str, argument: str, folder: Path) -> Any:
    """Return the specification of the robot of that class name, with or without its version.

    Raises
    ------
    ValueError
        If there is none (the message says why, if the folder of robots shows it, or gives the nearest names), if there
        is more than one, or if it is a team or a border sentry.
    """
    robots = {}
    for robot in engine.getLocalRepository():
        robots[str(robot.getNameAndVersion())] = robot
    named = {full: robot for full, robot in robots.items() if wanted in (full, str(robot.getClassName()))}
    if len(named) == 1:
        (robot,) = named.values()
        item = jpype.JClass("net.sf.robocode.security.HiddenAccess").getFileSpecification(robot)
        told = f"{argument}={wanted!r}"
        if item.isTeam():
            raise ValueError(f"{told} is a team: it has several robots, and a battle here is between two")
        if not item.validate():  # the engine asks too, and leaves such a robot out of the battle
            raise ValueError(f"{told} cannot be loaded: is all there that it needs?")
        if item.isSentryRobot():
            raise ValueError(f"{told} is a border sentry: with it, the engine ends every round at once")
        return robot
    if named:
        raise ValueError(f"{argument}={wanted!r} could be any of {sorted(named)}: give the version too")
    others = sorted(full for full, robot in robots.items() if wanted.split()[0] == str(robot.getClassName()))
    if others:  # and then it was given with a version
        raise ValueError(f"{argument}={wanted!r} is not among the robots, but there is {', '.join(others)}")
    java = int(str(jpype.JClass("java.lang.System").getProperty("java.specification.version")))
    reason = why_absent(folder, wanted, java)
    if reason:
        raise ValueError(f"{argument}={wanted!r} is not among the robots: {reason}")
    names = sorted({str(robot.getClassName()) for robot in robots.values()})
    lowered = {name.lower(): name for name in names}
    lowered |= {name.rsplit(".", 1)[-1].lower(): name for name in names}  # the class alone, its package forgotten
    close = difflib.get_close_matches(wanted.lower(), lowered, n=5, cutoff=0.5)
    near = list(dict.fromkeys(lowered[name] for name in close))[:3]
    hint = f"the nearest names are {near}" if near else f"there are {len(names)} robots, such as {names[:5]}"
    raise ValueError(f"{argument}={wanted!r} is not among the robots; {hint}")


def record(job: dict[str, Any], engine: Any, battle: dict[str, Any], tell: Callable[..., None]) -> TurnLog:
    """Run one battle of a job and return its log.

    Raises
    ------
    Misbehaved
        If a robot did; `tell` was told at once, and why.
    """
    robots = Path(job["home"]) / "robots"
    first, second = (find_robot(engine, battle[key], key, robots) for key in ("shooter", "enemy"))
    names = str(first.getClassName()), str(second.getClassName())
    title = " vs ".join(names)
    tell(event="battle", name=title)
    set_seed(battle["seed"])
    control = jpype.JPackage("robocode").control
    field = control.BattlefieldSpecification(800, 600)
    fighters = jpype.JArray(control.RobotSpecification)([first, second])
    stall = job["stall"]
    recorder = Recorder(names, battle["rounds"], stall * 1e9 / TURN_NANOSECONDS, stall, tell)
    listening = Listening(recorder, job["in_java"])
    engine.addBattleListener(listening.listener)
    engine.runBattle(control.BattleSpecification(battle["rounds"], field, fighters), True)
    engine.removeBattleListener(listening.listener)
    if recorder.problem:
        raise Misbehaved(recorder.problem)
    for number, why in recorder.left_out.items():
        tell(event="left out", message=f"{title}, seed {battle['seed']}, round {number}: {why}")
    return replace(listening.log(), seed=battle["seed"])


def explained(error: BaseException) -> str:
    """Return what is told of an error that nobody expected."""
    if "during shutdown" in str(error):  # JPype's word; the process may also end before it gets here
        return "a robot has ended the Java machine"
    return " ".join(f"{type(error).__name__}: {error}".split())


def main(path: str) -> None:
    """Do the job that the JSON file describes: a battle, or none, and then its robots are only looked for.

    Keys are home, jars, version, in_java, stall, names (pairs of argument and robot), battle, out.
    """
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # robots print what they like
    job = json.loads(Path(path).read_text())
    home = Path(job["home"])

    def tell(**event: Any) -> None:
        report.write(json.dumps(event) + "\n")

    def orphaned() -> None:
        sys.stdin.buffer.read()  # ends when the parent does
        shutil.rmtree(home, ignore_errors=True)
        os._exit(3)

    threading.Thread(target=orphaned, daemon=True).start()
    try:
        engine = start(home, job["jars"], job["version"])
        found = [find_robot(engine, name, argument, home / "robots") for argument, name in job["names"]]
        tell(
            event="started",
            robocode=str(engine.getVersion()),
            java=str(jpype.JClass("java.lang.System").getProperty("java.runtime.version")),
            names=[str(robot.getNameAndVersion()) for robot in found],
        )
        if job["battle"]:
            write_logs(job["out"], [record(job, engine, job["battle"], tell)])
        tell(event="done")
    except ValueError as error:
        tell(event="refused", message=str(error))
    except BaseException as error:  # Java's too; the parent is waiting for a word
        tell(event="error", message=explained(error))
    report.flush()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
