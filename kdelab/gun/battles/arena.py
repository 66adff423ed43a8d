"""Where battles are fought: robots made ready once, then a Robocode in a process of its own for each battle.

A process may end, hang or be killed without harm to any other, and nothing is left of a battle when the next begins.
"""

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import kdelab
from kdelab.files import held
from kdelab.gun.battles import compiling, fighters
from kdelab.gun.battles.battle import Battle, RecordingError
from kdelab.gun.battles.installation import Installation
from kdelab.gun.battles.robots import copy_robots, digest
from kdelab.gun.battles.turns import TurnLog, read_logs

STARTUP = 120.0  # seconds for Java and Robocode to start, and to look through the robots
GRACE = 40.0  # seconds for which the engine itself may wait for a robot, before it is time to ask whether it stalls
_PREFIX = "kdelab-robocode-"


class Arena:
    """Robots made ready to fight, in a temporary folder: see `opened`.

    Parameters
    ----------
    root : Path
        The temporary folder.
    installation : Installation
        Which Robocode.
    stall : float
        Seconds that a robot may take to act.
    """

    def __init__(self, root: Path, installation: Installation, stall: float):
        self._root, self._installation, self._stall = root, installation, stall
        self._robots, self._listener = root / "robots", root / "listener"
        self._in_java = False  # whether the listener in Java could be compiled; else there is the one in Python
        self._engines: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._closed = False
        self.digest = ""  # of all robots but ours

    def furnish(self, robots: Sequence[Path], ours: bool) -> None:
        """Gather the robots, and compile what is ours.

        Raises
        ------
        RecordingError
            If robots of ours are needed and can't be compiled.
        """
        for source in (self._installation.game / "robots", *robots):
            self._robots.mkdir(exist_ok=True)
            copy_robots(source, self._robots)
        self.digest = digest(self._robots)
        problem = fighters.why_not_compiled(self._robots, self._installation.jars) if ours else ""
        if problem:
            raise RecordingError(problem)
        with as_file(files("kdelab.gun.battles") / "data" / "listener") as folder:
            sources = sorted(folder.glob("*.java"))
            self._in_java = not compiling.why_not_compiled("", sources, self._listener, self._installation.jars)

    def fight(self, battle: Battle, hear: Callable[[dict[str, Any]], None]) -> TurnLog:
        """Fight one battle and return its log; `hear` is given what the engine tells: started, round, left out.

        Raises
        ------
        RecordingError
            If a robot threw, stalled, skipped too many turns or ended the Java machine.
        ValueError
            If a robot is unknown.
        """
        with self._home() as home:
            self._run(home, [battle], battle, hear)
            return read_logs(home / "logs.npz")[0]

    def look_for(self, battles: Sequence[Battle]) -> tuple[str, list[tuple[str, str]]]:
        """Start Robocode without a battle; return its version, and the full names of the robots of each battle.

        Raises
        ------
        ValueError
            If a robot of one of the battles is unknown.
        """
        said: dict[str, Any] = {}
        with self._home() as home:
            self._run(home, battles, None, said.update)
        full = dict(zip(_names(battles), said["names"], strict=True))
        return said["robocode"], [(full["shooter", one.shooter], full["enemy", one.enemy]) for one in battles]

    def close(self) -> None:
        """End all engines, and start none any more."""
        with self._lock:
            self._closed = True
            for engine in self._engines:
                engine.kill()

    @contextmanager
    def _home(self) -> Iterator[Path]:
        """Give a home for one engine, removed afterwards; the robots' code is shared, their data is not."""
        with tempfile.TemporaryDirectory(prefix="home-", dir=self._root, ignore_cleanup_errors=True) as folder:
            home = Path(folder)
            shutil.copytree(self._robots, home / "robots", copy_function=_placed)
            for part in ("battles", "config"):
                source = self._installation.game / part
                if source.is_dir():
                    shutil.copytree(source, home / part)
                else:
                    (home / part).mkdir()
            yield home

    def _run(
        self, home: Path, wanted: Sequence[Battle], battle: Battle | None, hear: Callable[[dict[str, Any]], None]
    ) -> None:
        """Run an engine's process to its end."""
        job = {
            "home": str(home),
            "jars": [*self._installation.jars, *([str(self._listener)] if self._in_java else [])],
            "version": self._installation.version,
            "in_java": self._in_java,
            "stall": self._stall,
            "names": _names(wanted),
            "battle": asdict(battle) if battle else None,
            "out": str(home / "logs.npz"),
        }
        (home / "job.json").write_text(json.dumps(job))
        with open(home / "engine.log", "w+", encoding="utf-8", errors="replace") as noise:
            engine = self._start(home, noise)
            assert engine.stdin is not None
            assert engine.stdout is not None
            try:
                self._follow(engine, noise, str(battle) if battle else "Robocode", hear)
            finally:
                engine.kill()
                engine.wait()
                self._engines.discard(engine)
                engine.stdin.close()

    def _start(self, home: Path, noise: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "kdelab.gun.battles.robocode", str(home / "job.json")]
        with self._lock:
            if self._closed:
                raise RecordingError("stopped before this battle began")
            engine = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=noise,
                cwd=home,
                encoding="utf-8",
                env=_environment(),
            )
            self._engines.add(engine)
        return engine

    def _follow(
        self, engine: subprocess.Popen[str], noise: Any, title: str, hear: Callable[[dict[str, Any]], None]
    ) -> None:
        """Hear what an engine tells until it is done."""
        lines: queue.Queue[str] = queue.Queue()

        def read(stream: Any = engine.stdout) -> None:
            with stream:
                for line in stream:
                    lines.put(line)
            lines.put("")  # the process has ended

        threading.Thread(target=read, daemon=True).start()
        silence, rounds = self._stall + GRACE, -1
        while True:
            try:
                line = lines.get(timeout=max(silence, STARTUP) if rounds < 0 else silence)
            except queue.Empty:
                raise RecordingError(
                    f"{title} stalls: no word of it for {silence:g} s, after {max(rounds, 0)} rounds; "
                    "a robot may be looping (allow more with stall=)"
                ) from None
            event = json.loads(line) if line else {"event": "ended"}
            match event["event"]:
                case "started":
                    rounds = 0
                    hear(event)
                case "round":
                    rounds += 1
                    hear(event)
                case "left out":
                    hear(event)
                case "refused":
                    raise ValueError(event["message"])
                case "error":
                    raise RecordingError(f"{title}: {event['message']}")
                case "done":
                    return
                case "ended":
                    noise.seek(0)
                    last = " / ".join(noise.read().split("\n")[-6:]).strip(" /")
                    raise RecordingError(
                        f"{title}: the engine ended with exit code {engine.wait()}, after {max(rounds, 0)} rounds; "
                        f"a robot may have ended the Java machine{': ' + last if last else ''}"
                    )


def _names(battles: Sequence[Battle]) -> list[tuple[str, str]]:
    """Return each robot of the battles once, by what it is there."""
    return list(dict.fromkeys((key, getattr(one, key)) for one in battles for key in ("shooter", "enemy")))


def _placed(source: str, target: str) -> None:
    """Link what is only read; copy what a robot may write, as its data, and all where links can't be."""
    if source.endswith((".jar", ".class")):
        with suppress(OSError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)


def _environment() -> dict[str, str]:
    """Return the engine's environment: this kdelab, and file names in UTF-8 whatever the user's locale."""
    paths = [str(Path(kdelab.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


@contextmanager
def opened(installation: Installation, robots: Sequence[Path], ours: bool, stall: float) -> Iterator[Arena]:
    """Give an arena for robots of these folders and jars, besides Robocode's own, and ours if asked for."""
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        if "!" in folder or not folder.isprintable():  # Java reads what follows "!" as a jar's content
            raise RecordingError(f"Robocode can't work in a folder such as {folder!r}: set TMPDIR to another one")
        with open(Path(folder) / "held", "w") as lock:
            for _ in range(100):  # another process may just be looking whether we live
                if held(lock.fileno()):
                    break
                time.sleep(0.01)
            print("held", file=lock, flush=True)
            arena = Arena(Path(folder), installation, stall)
            try:
                arena.furnish(robots, ours)
                yield arena
            finally:
                arena.close()


def _sweep() -> None:
    """Remove the arenas of processes that were killed."""
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/held"):
        with suppress(OSError), open(path) as lock:
            if held(lock.fileno()) and lock.read():  # else it has only just been made
                shutil.rmtree(path.parent, ignore_errors=True)
