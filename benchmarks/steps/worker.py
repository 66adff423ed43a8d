"""A process that holds one framework: it times its cases, or says how much memory a step of each takes."""

import gc
import importlib
import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.clock import burst
from benchmarks.steps.problem import Case, cases


def of_cell(framework: str, which: list[Case], rounds: int) -> list[dict[str, Any]]:
    """Time the cases of a cell in turn, round after round; the first step, which compiles, doesn't count."""
    step_of = importlib.import_module(f"benchmarks.steps.in_{framework}").step_of
    steps: list[Callable[[], float]] = [step_of(case) for case in which]
    means = [step() for step in steps]
    seconds: list[list[float]] = [[] for _ in steps]
    for _ in range(rounds):
        for i, step in enumerate(steps):
            seconds[i].append(burst(step))
    return [
        vars(case) | {"mean": mean, "seconds": found} for case, mean, found in zip(which, means, seconds, strict=True)
    ]


def memory_of(framework: str, which: list[Case]) -> list[dict[str, Any]]:
    """Return the bytes that come and go in a step of each case."""
    step_of = importlib.import_module(f"benchmarks.steps.in_{framework}").step_of
    found = []
    for case in which:
        step = step_of(case)
        for _ in range(2):
            step()
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
        before = _status("VmRSS")
        step()
        found.append(vars(case) | {"bytes": max(0, _status("VmHWM") - before)})
    return found


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def main() -> None:
    """Answer for a framework: ``worker torch 5`` times five rounds, ``worker torch memory`` measures memory."""
    framework, what = sys.argv[1:]
    for _, group in itertools.groupby(cases(framework), key=lambda case: case.cell):
        which = list(group)
        rows = memory_of(framework, which) if what == "memory" else of_cell(framework, which, int(what))
        for row in rows:
            print("ROW " + json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
