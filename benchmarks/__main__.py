"""`python -m benchmarks`: build the peers' environment if it is missing, and measure everything in it."""

import argparse
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PEERS = "env", "requirements.txt"  # a folder of .bench, and what is installed there
INSIDE = "KDELAB_BENCH_INSIDE"


def environment(name: str, requirements: str) -> Path:
    """Return the interpreter of an environment in .bench, built from a file beside this one where that has changed."""
    folder, listed = ROOT / ".bench" / name, Path(__file__).parent / requirements
    python, ready = folder / "bin" / "python", folder / "requirements.txt"
    if not ready.exists() or ready.read_text() != listed.read_text():
        print(f"Installing the peers, benchmarks/{requirements}, into .bench/{name}", flush=True)
        if not python.exists():
            venv.create(folder, with_pip=True)
        options = ["--disable-pip-version-check"]
        # PyTorch by itself first: a build that is at hand for the CPU satisfies what the others ask for.
        first = [line for line in listed.read_text().splitlines() if line.startswith("torch==")]
        for what in (first, ["--requirement", str(listed)]):
            if what:
                subprocess.run([python, "-m", "pip", "install", *options, *what], check=True)
        ready.write_text(listed.read_text())
    return python


def inside(module: str, peers: tuple[str, str] = PEERS) -> int:
    """Run a module with this process's arguments in an environment of peers; return what it returned."""
    python = environment(*peers)
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [str(python), "-m", module, *sys.argv[1:]]
    return subprocess.run(command, env=os.environ | {INSIDE: "1", "PYTHONPATH": paths}, cwd=ROOT).returncode


def options(module: str, description: str | None, rounds: int) -> argparse.Namespace:
    """Return what the command line says: how many rounds, and where results go."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each case is timed (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "bench", help="folder of the results")
    return parser.parse_args()


def main() -> None:
    """Run the whole benchmark, or a shorter one."""
    arguments = options("benchmarks", __doc__, rounds=5)
    if INSIDE not in os.environ:
        raise SystemExit(inside("benchmarks") or inside("benchmarks.steps"))

    from benchmarks import report, run, streaming

    versions = {name: importlib.metadata.version(name) for name in ("torch", "jax", "numba", "numpy")}
    load = f"{os.getloadavg()[0]:.1f} at the start"
    started = time.strftime("%Y-%m-%d")
    found = run.run(arguments.rounds)
    streamed = streaming.table(streaming.measure(), 10_000_000)
    header = {"date": started, **run.machine(), **versions, "load": load, "rounds": arguments.rounds}
    print(report.write(found, streamed, header, arguments.output))
    print(f"Written to {arguments.output}/bench.md, bench.png and bench.json")


if __name__ == "__main__":
    main()
