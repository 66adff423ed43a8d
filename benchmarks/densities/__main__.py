"""`python -m benchmarks.densities`: the regressor against its rivals, judged on what is held out; about three minutes.

NGBoost and quantile-forest come in an environment of their own. The tables go to the terminal, and with ``--write``
into docs/regression.md.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.__main__ import INSIDE, ROOT, inside
from benchmarks.densities.problems import Problem, problems
from benchmarks.densities.rivals import METHODS, Density
from kdelab.loss.validate import Floats

DOCUMENT = ROOT / "docs" / "regression.md"
BEGIN, END = "<!-- densities:begin -->\n", "<!-- densities:end -->"
FOLDS = 5


class Result(NamedTuple):
    """What is known of a method on a problem: of each held-out sample, and seconds for all folds."""

    losses: Floats
    covered: Floats
    widths: Floats
    fit: float
    predict: float

    def better(self, other: "Result") -> bool:
        """Whether its loss is less than another's by over two standard errors of the mean difference."""
        less = other.losses - self.losses
        return bool(less.mean() > 2 * less.std(ddof=1) / np.sqrt(len(less)))

    def loss(self) -> str:
        """Return the mean loss and its standard error."""
        return f"{self.losses.mean():.3f} ± {self.losses.std(ddof=1) / np.sqrt(len(self.losses)):.3f}"

    def intervals(self) -> str:
        """Return the share covered, and the mean width."""
        return f"{100 * self.covered.mean():.0f} %, {self.widths.mean():.3g}"

    def seconds(self) -> str:
        """Return what all fits took, and all predictions."""
        return f"{self.fit:.1f} + {self.predict:.1f}"


def judged(method: Callable[[Floats, Floats], Density], problem: Problem, folds: int = FOLDS) -> Result:
    """Return what a method makes of each sample, held out once; the same folds for all."""
    parts = np.array_split(np.random.default_rng(1).permutation(len(problem.y)), folds)
    losses, covered, widths = (np.empty(len(problem.y)) for _ in range(3))
    fit = predict = 0.0
    for test in parts:
        train = np.setdiff1d(np.arange(len(problem.y)), test)
        X, y = problem.X[test], problem.y[test]
        start = time.perf_counter()
        model = method(problem.X[train], problem.y[train])
        middle = time.perf_counter()
        losses[test], ends = -model.log_density(X, y), model.interval(X)
        fit, predict = fit + middle - start, predict + time.perf_counter() - middle
        covered[test] = (ends[:, 0] <= y) & (y <= ends[:, 1])
        widths[test] = ends[:, 1] - ends[:, 0]
    return Result(losses, covered, widths, fit, predict)


def tables(found: Sequence[tuple[Problem, dict[str, Result]]]) -> str:
    """Return three tables in Markdown, a row a method and a column a problem; the first method is ours."""
    names = list(found[0][1])
    heads = [f"{problem.name}, {len(problem.y)} × {problem.X.shape[1]}" for problem, _ in found]
    losses = []
    for name in names:
        cells = [(results[name].loss(), results[name].better(results[names[0]])) for _, results in found]
        losses.append([f"**{loss}**" if better else loss for loss, better in cells])
    truths = [f"{-problem.truth.mean():.3f}" if problem.truth is not None else "" for problem, _ in found]
    intervals, seconds = (
        [[say(results[name]) for _, results in found] for name in names] for say in (Result.intervals, Result.seconds)
    )
    return "\n".join(
        [
            _table("log loss, nats", heads, [*names, "the truth"], [*losses, truths]),
            _table("covered, width", heads, names, intervals),
            _table("seconds, fit + predict", heads, names, seconds),
        ]
    )


def _table(what: str, heads: list[str], names: list[str], cells: list[list[str]]) -> str:
    rows = [[what, *heads], ["---"] * (1 + len(heads)), *([name, *row] for name, row in zip(names, cells, strict=True))]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def write(text: str, path: Path = DOCUMENT) -> None:
    """Put text between the markers of a document."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(before + BEGIN + text + END + after)


def main() -> None:
    """Judge all methods on all problems."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.densities", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the tables into {DOCUMENT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        raise SystemExit(inside("benchmarks.densities", ("densities", "densities/requirements.txt")))
    warnings.filterwarnings("ignore", module="ngboost|sklearn")
    for method in METHODS.values():  # compiles
        method(*problems(60)[-1][1:3])
    found = []
    for problem in problems():
        found.append((problem, {name: judged(method, problem) for name, method in METHODS.items()}))
        print(tables(found[-1:]), flush=True)
    if arguments.write:
        write(tables(found))


if __name__ == "__main__":
    main()
