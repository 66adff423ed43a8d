"""`python -m benchmarks.steps`: one step of training, the exact loss against bins, as a table in reports/bench."""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.__main__ import INSIDE, ROOT, inside
from benchmarks.run import ENVIRONMENT, FRUGAL
from benchmarks.steps.problem import EXACT, cases

FRAMEWORKS = ("torch", "jax")
Row = dict[str, Any]


def rows(framework: str, what: str) -> Iterator[Row]:
    """Yield what a framework's process finds, with a bar."""
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.steps.worker", framework, what]
    environment = os.environ | (FRUGAL if what == "memory" else ENVIRONMENT)
    told = f"{framework}, memory" if what == "memory" else f"{framework}, a step"
    with tqdm(total=len(cases(framework)), desc=told, unit="case") as bar:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("ROW "):
                bar.update()
                yield json.loads(line[4:])
        if process.wait():
            raise SystemExit(f"the process of {framework} ended with {process.returncode}")


def least(found: list[Row], key: str, **wanted: Any) -> float:
    """Return the least of a figure among the rows of some kind: bins are written in two ways, the better one counts."""
    figures = [
        statistics.median(row[key]) if isinstance(row[key], list) else row[key]
        for row in found
        if all(row[name] == value for name, value in wanted.items())
    ]
    return float(min(figures, default=float("nan")))


def table(timed: list[Row], measured: list[Row]) -> list[str]:
    """Return a line a cell: the exact loss in both precisions, and times what bins take."""
    lines = [
        "| | | exact, float32, ms | exact, float64, ms | 16 float32 bins, ms | 64 float64 bins, ms "
        "| times 16 bins | times 64 bins | 16 bins off by | memory, exact / 16 bins |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for framework in FRAMEWORKS:
        for kernel in ("laplace", "gaussian"):
            for model in ("linear", "network"):
                for compiled in (False, True):
                    cell = {"framework": framework, "kernel": kernel, "model": model, "compiled": compiled}
                    single, double = ({**cell, "dtype": dtype} for dtype in ("float32", "float64"))
                    ours = [1e3 * least(timed, "seconds", **one, bins=EXACT) for one in (single, double)]
                    bins = (
                        1e3 * least(timed, "seconds", **single, bins=16),
                        1e3 * least(timed, "seconds", **double, bins=64),
                    )
                    off = least(timed, "loss", **double, bins=16) - least(timed, "loss", **double, bins=EXACT)
                    memory = [least(measured, "bytes", **single, bins=count) / 2**20 for count in (EXACT, 16)]
                    how = "compiled" if compiled else "eager"
                    lines.append(
                        f"| {framework}, {how} | {kernel}, {model} | {ours[0]:.1f} | {ours[1]:.1f} | {bins[0]:.1f} "
                        f"| {bins[1]:.1f} | {bins[0] / ours[0]:.1f}, {bins[0] / ours[1]:.1f} | {bins[1] / ours[1]:.1f} "
                        f"| {abs(off):.0e} | {memory[0]:.0f} / {memory[1]:.0f} MiB |"
                    )
    return lines


def main() -> None:
    """Measure all cases, in the peers' environment."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steps", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each case is timed (default 3)")
    parser.add_argument("--output", type=Path, default=ROOT / "reports" / "bench", help="folder of the results")
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        raise SystemExit(inside("benchmarks.steps"))
    timed = [row for framework in FRAMEWORKS for row in rows(framework, str(arguments.rounds))]
    measured = [row for framework in FRAMEWORKS for row in rows(framework, "memory")]
    text = "\n".join(table(timed, measured))
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "steps.md").write_text(text + "\n")
    (arguments.output / "steps.json").write_text(json.dumps({"timed": timed, "measured": measured}))
    print(text)


if __name__ == "__main__":
    main()
