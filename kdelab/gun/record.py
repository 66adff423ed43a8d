"""Record Robocode battles: headless, repeatable, in a process of their own that cannot take the caller down.

Debian's ``robocode`` package and a Java runtime do the fighting, JPype speaks to them (`kdelab.gun.engine`).
Robocode's sandbox is off, since it needs a part of Java that is being taken away: a robot may do whatever its user may,
so record only robots that you trust.
"""

import glob
import importlib.util
import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from kdelab.gun.turns import TurnLog, read_logs

JARS = "/usr/share/java"
GAME = Path("/usr/share/games/robocode")
VERSION = "1.9.3.9"
INSTALL = "apt-get install --no-install-recommends robocode default-jre-headless"
STARTUP = 120.0  # seconds for Java and Robocode to start, and to look through the robots


class RecordingError(RuntimeError):
    """A battle that could not be recorded: something is not installed, or a robot threw, stalled or quit."""


@dataclass(frozen=True)
class Battle:
    """One battle to record: who shoots, at whom, how many rounds, and the seed of the engine's randomness."""

    shooter: str
    enemy: str
    rounds: int
    seed: int

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"rounds={self.rounds} must be at least 1")


@dataclass(frozen=True)
class Recording:
    """Logs of the battles asked for, in that order, and the versions of what recorded them."""

    logs: list[TurnLog]
    robocode: str
    java: str


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
        home = Path(folder)
        for part in ("robots", "battles", "config"):
            shutil.copytree(GAME / part, home / part)
        if robots is not None:
            if not robots.is_dir() or not any(robots.iterdir()):
                raise ValueError(f"robots={str(robots)!r} must be a folder with jars or class files of robots")
            leave = shutil.ignore_patterns(".robotcache", ".data", "robot.database")
            shutil.copytree(robots, home / "robots", dirs_exist_ok=True, ignore=leave)
        yield home


def record(
    battles: Sequence[Battle], robots: str | Path | None = None, stall: float = 60.0, progress: bool = True
) -> Recording:
    """Record battles on an 800 x 600 field.

    Parameters
    ----------
    battles : sequence of Battle
        Class names with or without a version, as in "sample.Crazy" or "my.Bot 1.2".
    robots : str or Path, optional
        A folder with jars or class files, which joins Robocode's own sample robots.
    stall : float
        Seconds without a turn after which a battle counts as hung.
    progress : bool
        Whether to show a bar, one step a round.

    Returns
    -------
    Recording
        With robots that draw randomness only from ``Math.random`` and keep to one thread, the same on every run.

    Raises
    ------
    RecordingError
        If something is not installed, or a robot threw an exception, skipped a turn, hung or ended the Java machine.
    ValueError
        If a robot is unknown (the message gives the nearest names), or the folder holds none.
    """
    if stall <= 0:
        raise ValueError(f"stall={stall} must be a positive number of seconds")
    jars = installed_jars()
    with _home(Path(robots) if robots is not None else None) as home:
        out = home / "logs.npz"
        battle_list = [asdict(battle) for battle in battles]
        job = {"home": str(home), "jars": jars, "out": str(out), "battles": battle_list}
        (home / "job.json").write_text(json.dumps(job))
        rounds = sum(battle.rounds for battle in battles)
        with tqdm(total=rounds, unit="round", disable=not progress) as bar:
            started = _follow(home, stall, bar)
        return Recording(read_logs(out), started["robocode"], started["java"])


def _follow(home: Path, stall: float, bar: Any) -> dict[str, str]:
    """Run the engine's process to its end, passing on its progress; return what it said when it started."""
    command = [sys.executable, "-m", "kdelab.gun.engine", str(home / "job.json")]
    with open(home / "engine.log", "w+", errors="replace") as noise:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=noise, cwd=home, text=True
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
        battle = "the first battle"
        try:
            while True:
                try:
                    line = lines.get(timeout=stall if started else max(stall, STARTUP))
                except queue.Empty:
                    raise RecordingError(
                        f"{battle} stalls: no turn ended within {stall:g} s, after {bar.n} rounds in all; "
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
                    case "refused":
                        raise ValueError(event["message"])
                    case "error":
                        raise RecordingError(f"{battle}: {event['message']}")
                    case "done":
                        return started
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
