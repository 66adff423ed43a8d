"""Training to convergence: 10,000 predictions of 100 neighbours and 14 features, found once; linear weights and powers.

``python -m benchmarks.training``: the samples that ship, seed 0.  Steps, evaluations, loss and the seconds of L-BFGS-B
with all that it asks; retrieval, preparation and compiling are left out.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

import kdelab
from kdelab.gun.judging import cross_entropy
from kdelab.gun.recall import Recall
from kdelab.gun.waves.check import ranges_of
from kdelab.gun.waves.features import FEATURES
from kdelab.learn.checkpoint import Checkpoint
from kdelab.learn.examples import Batch, Examples, Retriever
from kdelab.learn.fit import Schedule, descend
from kdelab.learn.form import SHAPES, Form
from kdelab.loss.ragged import shuffled

PREDICTIONS, NEIGHBOURS = 10_000, 100
STEPS = 5000


class Told(Checkpoint):
    """Counts the steps of an optimiser, and forgets its questions as a long fit on disk would not."""

    steps = 0

    def step(self, theta: Any) -> None:
        """Count."""
        self.steps += 1
        super().step(theta)


def batch(form: str, predictions: int = PREDICTIONS, neighbours: int = NEIGHBOURS) -> Batch:
    """Return clusters of the shipped samples with neighbours found by unlearned weights, prepared."""
    recall = Recall(kdelab.load_waves())
    able = np.flatnonzero(recall.memory.stored >= 5 * neighbours)
    rows = np.sort(able[shuffled(np.random.default_rng(0), len(able))[:predictions]])
    retriever = Retriever(recall.scaled(ranges_of(recall.waves, FEATURES, {})), recall.memory, neighbours, 5)
    chosen = Form.named(form, len(FEATURES))

    def objective(rows: Any, found: Any) -> Any:
        return cross_entropy(recall, rows, found, kdelab.Laplace(0.1), 0.0)

    return Examples(retriever, chosen, rows, np.ones(len(rows)), objective).batch(chosen.start)


def train(prepared: Batch, most: int = STEPS) -> tuple[int, int, float, float]:
    """Return steps, evaluations, final loss and seconds of a training from unlearned weights."""
    told, start = Told(None, {}), time.perf_counter()
    theta, evaluations = descend(prepared, Schedule(1, max_iter=most), prepared.form.start, 0.0, told)
    seconds = time.perf_counter() - start
    return told.steps, evaluations, prepared.value_and_grad(theta)[0], seconds


def main() -> None:
    """Print a line a form: medians over rounds in which all take turns."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each form is trained (default 3)")
    rounds = parser.parse_args().rounds
    prepared = {form: batch(form) for form in SHAPES if form != "scale"}
    for each in prepared.values():
        each.value_and_grad(each.form.start)  # compiles
    found: dict[str, list[Any]] = {form: [] for form in prepared}
    for _ in range(rounds):
        for form, each in prepared.items():
            found[form].append(train(each))
            print(form, *found[form][-1], flush=True)
    print(f"{'form':8}{'steps':>7}{'evaluations':>13}{'loss':>16}{'converged':>11}{'seconds':>9}")
    for form, results in found.items():
        steps, evaluations, loss, _ = results[0]
        seconds = statistics.median(result[-1] for result in results)
        print(f"{form:8}{steps:7}{evaluations:13}{loss:16.9f}{'yes' if steps < STEPS else 'no':>11}{seconds:9.2f}")


if __name__ == "__main__":
    main()
