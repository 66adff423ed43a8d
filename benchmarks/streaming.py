"""Ten million neighbours: in memory, streamed from disk, and scattered over parts; throughput and peak memory.

``python -m benchmarks.streaming`` measures by itself; `make bench` includes it. Each way runs in a process of its
own, so that one's memory isn't counted for the other. All of them read the same files and fold their gradient to one
number, which must agree.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Laplace
from kdelab.loss.parts import Part
from kdelab.loss.scattered.two_pass import TwoPass
from kdelab.loss.streaming import iter_value_and_grad
from kdelab.study import toy

KERNEL = Laplace(0.1)
PARTS = 50
WAYS = ("in memory, again", "in memory", "streamed", "two passes")


def measure(predictions: int = 100_000, neighbours: int = 100) -> list[dict[str, Any]]:
    """Measure every way.

    Returns
    -------
    list of dict
        ``way``; ``seconds``; ``peak`` (MB of the whole process) and ``baseline`` (MB of one that has loaded and
        compiled everything and done nothing); ``check``, the sum over gradient entries times their row's parity.
    """
    with tempfile.TemporaryDirectory() as folder:
        found = {}
        for way in (bar := tqdm(("prepare", *WAYS), unit="way")):
            bar.set_description(f"{predictions * neighbours:,} neighbours, {way}")
            found[way] = _child(way, folder, predictions, neighbours)
        return [{"way": way, **found[way]} for way in WAYS]


def table(found: list[dict[str, Any]], points: int) -> str:
    """Return the measurements as text, with the throughput of each way against that in memory."""
    reference = next(row for row in found if row["way"] == "in memory")
    lines = [f"{points:,} neighbours, Laplace kernel, loss and gradient; {PARTS} parts on disk"]
    lines.append(f"{'':18}{'seconds':>9}{'million/s':>11}{'against memory':>16}{'peak MB':>9}{'of that, work':>15}")
    for row in found:
        lines.append(
            f"{row['way']:18}{row['seconds']:9.2f}{points / row['seconds'] / 1e6:11.1f}"
            f"{reference['seconds'] / row['seconds']:15.0%} {row['peak']:9.0f}{row['peak'] - row['baseline']:15.0f}"
        )
    worst = max(abs(row["check"] - reference["check"]) for row in found)
    lines.append(
        f"in memory: read, prepare, evaluate; again: evaluate alone. Largest difference of the sums: {worst:.1e}"
    )
    return "\n".join(lines)


def _child(way: str, folder: str, predictions: int, neighbours: int) -> dict[str, Any]:
    arguments = [sys.executable, "-m", "benchmarks.streaming", "--way", way, "--folder", folder]
    arguments += ["--predictions", str(predictions), "--neighbours", str(neighbours)]
    return json.loads(subprocess.run(arguments, check=True, capture_output=True, text=True).stdout)


def _prepare(folder: Path, predictions: int, neighbours: int) -> None:
    """Write whole clusters and scattered ones, in parts of equal size."""
    clusters, logits = toy.clusters(np.random.Generator(np.random.PCG64(1)), predictions, neighbours)
    np.savez(folder / "targets.npz", lower=clusters.lower, upper=clusters.upper)
    for i, batch in enumerate(clusters.split(-(-predictions // PARTS))):
        c = batch.clusters
        np.savez(folder / f"whole-{i}.npz", points=c.points, offsets=c.offsets, lower=c.lower, upper=c.upper,
                 logits=logits[batch.rows])  # fmt: skip
    for part in clusters.scatter(np.random.Generator(np.random.PCG64(2)), PARTS):
        np.savez(folder / f"part-{part.number}.npz", points=part.points, prediction=part.prediction, rows=part.rows,
                 logits=logits[part.rows], batch=part.batch)  # fmt: skip


def _whole(folder: Path) -> Iterator[tuple[Clusters, Any]]:
    for i in range(len(list(folder.glob("whole-*.npz")))):
        with np.load(folder / f"whole-{i}.npz") as file:
            yield Clusters(file["points"], file["offsets"], file["lower"], file["upper"]), file["logits"]


def _scattered(folder: Path, lower: Any, upper: Any) -> Iterator[tuple[Part, Any]]:
    for number in range(PARTS):
        with np.load(folder / f"part-{number}.npz") as file:
            made = (file["points"], file["prediction"], file["rows"], lower, upper, number, PARTS, str(file["batch"]))
            yield Part(*made), file["logits"]


def _folded(gradient: Any, rows: Any) -> float:
    return float(np.where(rows % 2, -gradient, gradient).sum())


def _in_memory(folder: Path, again: bool) -> tuple[float, float]:
    start = time.perf_counter()
    batches = list(_whole(folder))
    clusters = Clusters.concatenate(c for c, _ in batches)
    logits = np.concatenate([z for _, z in batches])
    del batches
    loss = CrossEntropy(clusters, KERNEL)
    if again:
        loss.value_and_grad(logits)
        start = time.perf_counter()
    _, gradient = loss.value_and_grad(logits)
    seconds = time.perf_counter() - start
    return seconds, _folded(gradient, np.arange(len(gradient)))


def _streamed(folder: Path) -> tuple[float, float]:
    start, check, row = time.perf_counter(), 0.0, 0
    for _, gradient in iter_value_and_grad(_whole(folder), KERNEL, progress=False):
        check += _folded(gradient, np.arange(row, row + len(gradient)))
        row += len(gradient)
    return time.perf_counter() - start, check


def _two_passes(folder: Path) -> tuple[float, float]:
    start = time.perf_counter()
    with np.load(folder / "targets.npz") as file:
        lower, upper = file["lower"], file["upper"]
    nothing = next(_scattered(folder, lower, upper))[0]
    nothing = replace(nothing, points=np.empty(0), prediction=np.empty(0, np.int64), rows=np.empty(0, np.int64))
    scheme = TwoPass([replace(nothing, number=number) for number in range(PARTS)], KERNEL).scheme
    merged = None
    for part, logits in _scattered(folder, lower, upper):
        sums = scheme.sums(part, logits)
        merged = sums if merged is None else merged.merge(sums)
    whole = scheme.whole(merged)
    check = 0.0
    for part, logits in _scattered(folder, lower, upper):
        check += _folded(scheme.gradient(part, logits, whole), part.rows)
    return time.perf_counter() - start, check


def _peak() -> float:
    """Return the most memory this process has held, in MB; that of its parent doesn't count."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 * (1024 if sys.platform == "darwin" else 1))


def _warm() -> float:
    """Compile what will be needed, and return the memory that this took."""
    clusters, logits = toy.clusters(np.random.default_rng(0), 50, 100)
    CrossEntropy(clusters, KERNEL).value_and_grad(logits)
    return _peak()


def main() -> None:
    """Measure and print the table, or run one way as a child."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.streaming", description=__doc__)
    parser.add_argument("--predictions", type=int, default=100_000)
    parser.add_argument("--neighbours", type=int, default=100)
    parser.add_argument("--way", choices=("prepare", *WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way is None:
        print(table(measure(given.predictions, given.neighbours), given.predictions * given.neighbours))
        return
    if given.way == "prepare":
        _prepare(given.folder, given.predictions, given.neighbours)
        print("{}")
        return
    baseline = _warm()
    run: dict[str, Callable[[Path], tuple[float, float]]] = {
        "in memory": lambda folder: _in_memory(folder, again=False),
        "in memory, again": lambda folder: _in_memory(folder, again=True),
        "streamed": _streamed,
        "two passes": _two_passes,
    }
    seconds, check = run[given.way](given.folder)
    print(json.dumps({"seconds": seconds, "peak": _peak(), "baseline": baseline, "check": check}))


if __name__ == "__main__":
    main()
