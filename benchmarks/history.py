"""Our own history: what users wait for, as ratios to a yardstick timed in the same run.

``python -m benchmarks.history`` appends to benchmarks/history.csv and says what changed since the entry before. The
yardstick is NumPy's exp of as many numbers as there are points, so that entries of different machines can be compared
roughly, and those of one machine well. All in seconds of the processor, on one thread: a busy
machine disturbs them little.
"""

import argparse
import csv
import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # before numba is loaded: an entry is one thread's work

import numpy as np

import kdelab
from benchmarks.cases import batch
from benchmarks.clock import Call, burst
from kdelab.loss.kernels import Kernel

FILE = Path(__file__).with_name("history.csv")
CLOCK = time.process_time
SHAPES = {"GeneralizedNormal": {"shape": 1.5}}


class Entry(NamedTuple):
    """One line of the history: the time of a case in milliseconds, and over the yardstick's."""

    date: str
    version: str
    case: str
    milliseconds: float
    ratio: float


def kernels() -> dict[str, Kernel]:
    """Return every public kernel, by name."""
    found = {name: getattr(kdelab, name) for name in kdelab.__all__}
    classes: dict[str, Any] = {
        name: kind for name, kind in found.items() if isinstance(kind, type) and issubclass(kind, Kernel)
    }
    return {name: kind(**SHAPES.get(name, {}), bandwidth=0.1) for name, kind in classes.items()}


def losses(n: int, k: int) -> dict[str, Call]:
    """Return the loss's cases: n predictions of k points, each kernel; compact ones with a background."""
    drawn = batch(n, k)
    clusters = kdelab.Clusters(drawn.points.ravel(), np.arange(n + 1) * k, drawn.lower, drawn.upper)
    logits = drawn.logits.ravel()
    cases: dict[str, Call] = {}
    for name, kernel in kernels().items():
        prepare = partial(kdelab.CrossEntropy, clusters, kernel, background=0.0 if np.isinf(kernel.support) else 0.05)
        loss = prepare()
        cases[f"{name}, value_and_grad"] = partial(loss.value_and_grad, logits)
        cases[f"{name}, value_and_grads"] = partial(loss.value_and_grads, logits)
        cases[f"{name}, one-shot"] = partial(_one_shot, prepare, logits)
    laplace = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1))
    mixed = kdelab.CrossEntropy(clusters, kdelab.Laplace(0.1), background=0.05)
    return cases | {
        "Laplace, value": partial(laplace.value, logits),
        "Laplace with a background, value_and_grad": partial(mixed.value_and_grad, logits),
    }


def _one_shot(prepare: Callable[[], kdelab.CrossEntropy], logits: Any) -> Any:
    return prepare().value_and_grad(logits)


class Steps:
    """The cross-entropy to train a gun on; it notes when it is asked, which is once a step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, clusters: kdelab.Clusters, kernel: Kernel) -> Any:
        """Return the loss itself, as `NeighbourModel` wants it."""
        self._loss = kdelab.CrossEntropy(clusters, kernel)
        return self

    def value_and_grad(self, logits: Any) -> Any:
        """Return the loss's own answer."""
        self.times.append(CLOCK())
        return self._loss.value_and_grad(logits)


def training_step(waves: Any, form: str, predictions: int) -> Callable[[], float]:
    """Return what times a step of training: chain rule, loss and optimiser, retrieval and preparation left out."""

    def seconds() -> float:
        steps = Steps()
        gun = kdelab.NeighbourModel(
            loss=steps, form=form, predictions=predictions, retrievals=1, validation=0.0, max_iter=30
        )
        gun.fit(waves)
        return float(np.median(np.diff(steps.times)))

    return seconds


def measure(rounds: int, n: int = 250, k: int = 100, predictions: int = 2000) -> dict[str, tuple[float, float]]:
    """Return each case's milliseconds and ratio to the yardstick: medians over rounds in which all take turns."""
    waves = kdelab.load_waves()
    numbers = -np.abs(batch(n, k).logits.ravel())
    gun = kdelab.NeighbourModel(form="linear").unlearned(waves)
    rows = np.arange(len(waves))[-50:]
    calls = losses(n, k) | {"gun.score, 50 rows": partial(gun.score, waves, rows=rows)}
    timers: dict[str, Callable[[], float]] = {name: partial(burst, call, CLOCK) for name, call in calls.items()}
    for form in ("linear", "power"):
        timers[f"training step, {form}"] = training_step(waves, form, predictions)
    for call in calls.values():
        call()  # compiles
    yardstick: list[float] = []
    found: dict[str, list[float]] = {name: [] for name in timers}
    for _ in range(rounds):
        for name, timer in timers.items():
            yardstick.append(burst(partial(np.exp, numbers), CLOCK))
            found[name].append(timer())
    unit = statistics.median(yardstick)
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    return {name: (1e3 * seconds, seconds / unit) for name, seconds in medians.items()}


def read(path: Path) -> list[Entry]:
    """Return the history so far, the oldest entry first."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        lines = csv.DictReader(file)
        return [Entry(e["date"], e["version"], e["case"], float(e["milliseconds"]), float(e["ratio"])) for e in lines]


def append(path: Path, entries: list[Entry]) -> None:
    """Add entries at the end of a history."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(Entry._fields)
        writer.writerows((*e[:3], f"{e.milliseconds:.3g}", f"{e.ratio:.3g}") for e in entries)


def changes(before: list[Entry], now: list[Entry]) -> str:
    """Return a table of the entries, each with its change in ratio against the last one of its case."""
    last = {entry.case: entry for entry in before}
    width = max(len(entry.case) for entry in now)
    lines = [f"{'':{width}}{'ms':>9}{'times exp':>11}   against the entry before"]
    for e in now:
        old = last.get(e.case)
        change = f"{e.ratio / old.ratio - 1:+.0%} ({old.version}, {old.date})" if old else "new"
        lines.append(f"{e.case:{width}}{e.milliseconds:9.3g}{e.ratio:11.3g}   {change}")
    return "\n".join(lines)


def main() -> None:
    """Measure, say what changed, and append."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each case is timed (default 5)")
    parser.add_argument("--dry", action="store_true", help="append nothing")
    given = parser.parse_args()
    date, before = time.strftime("%Y-%m-%d"), read(FILE)
    now = [Entry(date, kdelab.__version__, case, *found) for case, found in measure(given.rounds).items()]
    print(changes(before, now))
    if not given.dry:
        append(FILE, now)


if __name__ == "__main__":
    main()
