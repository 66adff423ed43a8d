"""`python -m benchmarks.steps`: one step of training, the exact loss against bins, as a table in reports/bench."""

import itertools
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

from benchmarks.__main__ import INSIDE, ROOT, inside, options
from benchmarks.run import ENVIRONMENT, FRUGAL
from benchmarks.steps.problem import BINS, DTYPES, KERNELS, MODELS, cases

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


def least(found: list[Row], **wanted: Any) -> float:
    """Return the least seconds, or bytes, among rows of a kind: bins are written in two ways, the better counts."""
    rows = [row for row in found if all(row[name] == value for name, value in wanted.items())]
    return float(min(statistics.median(row["seconds"]) if "seconds" in row else row["bytes"] for row in rows))


def table(timed: list[Row], measured: list[Row], dtype: str) -> list[str]:
    """Return a line a cell, in milliseconds and MiB: a step with each loss, and what it takes beside 16 bins."""
    lines = [
        f"| {dtype} | | no loss | exact | prepared | 16 bins | 64 bins | 16 bins / exact | 64 bins / exact "
        "| MiB, exact | MiB, 16 bins |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for framework, model, compiled, kernel in itertools.product(FRAMEWORKS, MODELS, (False, True), KERNELS):
        cell = {"framework": framework, "kernel": kernel, "model": model, "compiled": compiled, "dtype": dtype}
        no_loss, exact = (1e3 * least(timed, **cell, loss=name) for name in ("none", "exact"))
        prepared = f"{1e3 * least(timed, **cell, loss='prepared'):.1f}" if framework == "torch" else ""
        bins = [1e3 * least(timed, **cell, bins=count) for count in BINS]
        memory = [least(measured, **cell, **loss) / 2**20 for loss in ({"loss": "exact"}, {"bins": 16})]
        lines.append(
            f"| {framework}, {model}, {'compiled' if compiled else 'eager'} | {kernel} | {no_loss:.1f} | {exact:.1f} "
            f"| {prepared} | {bins[0]:.1f} | {bins[1]:.1f} | {bins[0] / exact:.1f} | {bins[1] / exact:.1f} "
            f"| {memory[0]:.0f} | {memory[1]:.0f} |"
        )
    return lines


def off(timed: list[Row], bins: int) -> float:
    """Return by how much the first mean of losses by bins is off at most, in float64."""
    double = [row for row in timed if row["dtype"] == "float64"]
    means = {(row["kernel"], row["model"]): row["mean"] for row in double if row["loss"] == "exact"}
    return max(abs(row["mean"] - means[row["kernel"], row["model"]]) for row in double if row["bins"] == bins)


def main() -> None:
    """Measure all cases, in the peers' environment."""
    arguments = options("benchmarks.steps", __doc__, rounds=3)
    if INSIDE not in os.environ:
        raise SystemExit(inside("benchmarks.steps"))
    timed = [row for framework in FRAMEWORKS for row in rows(framework, str(arguments.rounds))]
    measured = [row for framework in FRAMEWORKS for row in rows(framework, "memory")]
    lines = [line for dtype in DTYPES for line in (*table(timed, measured, dtype), "")]
    errors = ", ".join(f"{off(timed, bins):.0e} by {bins} bins" for bins in BINS)
    text = "\n".join([*lines, f"The mean of the losses is off by {errors}."])
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "steps.md").write_text(text + "\n")
    (arguments.output / "steps.json").write_text(json.dumps({"timed": timed, "measured": measured}))
    print(text)


if __name__ == "__main__":
    main()
