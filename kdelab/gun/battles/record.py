"""Record Robocode battles: headless, repeatable, in a process of their own that cannot take the caller down.

Debian's ``robocode`` package and a Java runtime do the fighting, JPype speaks to them (`kdelab.gun.battles.robocode`).
Robocode's sandbox is off, since it needs a part of Java that is being taken away: a robot may do whatever its user may,
so record only robots that you trust.

A battle that names one of our own robots (`kdelab.gun.battles.fighters`) needs a Java compiler besides.
"""

import glob
import importlib.util
import json
import math
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from tqdm import tqdm

import kdelab
from kdelab.gun.battles.fighters import any_of_ours, why_not_compiled
from kdelab.gun.battles.robots import check_robots, copy_robots
from kdelab.gun.battles.turns import TurnLog, read_logs

JARS = "/usr/share/java"
GAME = Path("/usr/share/games/robocode")
VERSION = "1.9.3.9"
INSTALL = "apt-get install --no-install-recommends robocode default-jre-headless"
STARTUP = 120.0  # seconds for Java and Robocode to start, and to look through the robots
GRACE = 40.0  # seconds for which the engine itself may wait for a robot, before it is time to ask whether it stalls
_BOUNDS = {"rounds": (1, 32_767), "seed": (-(2**63), 2**63 - 1)}  # the table's int16, Java's long
_LONGEST = 1e6  # seconds


class RecordingError(RuntimeError):
    """A battle that could not be recorded: something is not installed, or a robot threw, stalled, skipped or quit."""


@dataclass(frozen=True)
class Battle:
    """One battle to record: who shoots, at whom, how many rounds, and the seed of the engine's randomness."""

    shooter: str
    enemy: str
    rounds: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("shooter", "enemy"):
            value = getattr(self, name)
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"{name}={value!r} must be the class name of a robot")
        for name, (least, most) in _BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) <= most:
                raise ValueError(f"{name}={value!r} must be at least {least} and at most {most}, a whole number")
            object.__setattr__(self, name, int(value))


@dataclass(frozen=True)
class Recording:
    """Logs of the battles asked for, in that order, and the versions of what recorded them.

    A round in which a robot skipped a turn is not in the log; `left_out` has a line for each.
    """

    logs: list[TurnLog]
    robocode: str
    java: str
    left_out: tuple[str, ...] = ()


def installed_jars() -> list[str]:
    """Return Robocode's jars.

    Raises
    ------
    RecordingError
        If JPype, Robocode or a Java runtime is missing; the message says what to install.
    """
    if importlib.util.find_spec("jpype") is None:
        raise RecordingError("recording needs JPype: pip install 'jpype1>=1.5' (or kdelab[record])")
    jars = [f"{JARS}/robocode.jar", *sorted(glob.glob(f"{JARS}/robocode.*-{VERSION}.jar"))]
    jars += [f"{JARS}/{name}.jar" for name in ("picocontainer", "codesize", "bcel")]
    absent = [jar for jar in jars if not Path(jar).exists()]
    if absent or len(jars) < 6 or not (GAME / "robots").is_dir():
        raise RecordingError(f"recording needs Robocode {VERSION} as Debian packages it: {INSTALL}")
    import jpype

    try:
        jpype.getDefaultJVMPath()
    except jpype.JVMNotFoundException as error:
        raise RecordingError(f"recording needs a Java runtime (17 or later): {INSTALL}") from error
    return jars


@contextmanager
def _home(robots: Path | None) -> Iterator[Path]:
    """Give a temporary Robocode home with the sample robots and the user's own."""
    with tempfile.TemporaryDirectory(prefix="kdelab-robocode-", ignore_cleanup_errors=True) as folder:
        if "!" in folder or not folder.isprintable():  # Java reads what follows "!" as a jar's content
            raise RecordingError(f"Robocode can't work in a folder such as {folder!r}: set TMPDIR to another one")
        home = Path(folder)
        for part in ("robots", "battles", "config"):
            shutil.copytree(GAME / part, home / part)
        if robots is not None:
            copy_robots(robots, home / "robots")
        yield home


def record(
    battles: Sequence[Battle], robots: str | Path | None = None, stall: float = 60.0, progress: bool = True
) -> Recording:
    """Record battles on an 800 x 600 field.

    Parameters
    ----------
    battles : sequence of Battle
        Class names with or without a version, as in "sample.Crazy" or "my.Bot 1.2"; "kdelab.Surfer" and its like are
        our own robots, which are compiled first.
    robots : str or Path, optional
        A folder with jars or class files, which joins Robocode's own sample robots.
    stall : float
        Seconds that a robot may take to act, or to start a round, before the battle counts as hung.
    progress : bool
        Whether to show a bar, one step a round.

    Returns
    -------
    Recording
        With robots that draw randomness only from ``Math.random`` and keep to one thread, the same on every run, but
        for rounds left out: a turn may be skipped on a busy machine, or about once in 65,000 by the engine's own doing.

    Raises
    ------
    RecordingError
        If something is not installed, or a robot threw an exception, hung, ended the Java machine, or skipped turns in
        more than half of the rounds.
    ValueError
        If a robot is unknown (the message says why, or gives the nearest names) or a team, or the folder holds none.
    """
    if not isinstance(stall, Real) or not math.isfinite(stall) or not 0 < stall <= _LONGEST:
        raise ValueError(f"stall={stall!r} must be a positive number of seconds, at most {_LONGEST:g}")
    if not battles:
        raise ValueError("battles must hold at least one battle")
    folder = Path(robots) if robots is not None else None
    if folder is not None:
        check_robots(folder)
    jars = installed_jars()
    with _home(folder) as home:
        ours = any_of_ours(name for battle in battles for name in (battle.shooter, battle.enemy))
        problem = why_not_compiled(home / "robots", jars) if ours else ""
        if problem:
            raise RecordingError(problem)
        out = home / "logs.npz"
        battle_list = [asdict(battle) for battle in battles]
        job = {"home": str(home), "jars": jars, "out": str(out), "battles": battle_list, "stall": float(stall)}
        (home / "job.json").write_text(json.dumps(job))
        rounds = sum(battle.rounds for battle in battles)
        with tqdm(total=rounds, unit="round", disable=not progress) as bar:
            started, left_out = _follow(home, stall + GRACE, bar)
        return Recording(read_logs(out), started["robocode"], started["java"], tuple(left_out))


def _environment() -> dict[str, str]:
    """Return the engine's environment: this kdelab, and file names in UTF-8 whatever the user's locale."""
    paths = [str(Path(kdelab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _follow(home: Path, silence: float, bar: Any) -> tuple[dict[str, str], list[str]]:
    """Run the engine's process to its end; return what it said when it started, and of the rounds left out."""
    command = [sys.executable, "-m", "kdelab.gun.battles.robocode", str(home / "job.json")]
    with open(home / "engine.log", "w+", encoding="utf-8", errors="replace") as noise:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            cwd=home,
            encoding="utf-8",
            env=_environment(),
        )
        assert process.stdout is not None
        lines: queue.Queue[str] = queue.Queue()

        def read(stream: Any = process.stdout) -> None:
            for line in stream:
                lines.put(line)
            lines.put("")  # the process has ended

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        started: dict[str, str] = {}
        left_out: list[str] = []
        battle = "the first battle"
        try:
            while True:
                try:
                    line = lines.get(timeout=silence if started else max(silence, STARTUP))
                except queue.Empty:
                    raise RecordingError(
                        f"{battle} stalls: no word of it for {silence:g} s, after {bar.n} rounds in all; "
                        "a robot may be looping (allow more with stall=)"
                    ) from None
                event = json.loads(line) if line else {"event": "ended"}
                match event["event"]:
                    case "started":
                        started = event
                    case "battle":
                        battle = event["name"]
                        bar.set_description(battle)
                    case "round":
                        bar.update()
                    case "left out":
                        left_out.append(event["message"])
                    case "refused":
                        raise ValueError(event["message"])
                    case "error":
                        raise RecordingError(f"{battle}: {event['message']}")
                    case "done":
                        return started, left_out
                    case "ended":
                        noise.seek(0)
                        last = " / ".join(noise.read().split("\n")[-6:]).strip(" /")
                        code = process.wait()
                        raise RecordingError(
                            f"the engine ended in {battle} with exit code {code}, after {bar.n} rounds in all; "
                            f"a robot may have ended the Java machine{': ' + last if last else ''}"
                        )
        finally:
            process.kill()
            process.wait()
            reader.join()
            assert process.stdin is not None
            process.stdin.close()
            process.stdout.close()
