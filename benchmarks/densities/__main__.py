"""`python -m benchmarks.densities`: the regressor against its rivals, judged on what is held out; about five minutes.

NGBoost and quantile-forest come in an environment of their own. The tables go to the terminal, and with ``--write``
into docs/regression.md.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterable
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

    def row(self, name: str) -> str:
        """Return a line of the table."""
        error = self.losses.std(ddof=1) / np.sqrt(len(self.losses))
        loss, width = f"{self.losses.mean():.3f} ± {error:.3f}", f"{self.widths.mean():.3g}"
        return (
            f"| {name} | {loss} | {100 * self.covered.mean():.0f} % | {width} | {self.fit:.1f} | {self.predict:.1f} |"
        )


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


def table(problem: Problem, results: Iterable[tuple[str, Result]]) -> str:
    """Return a problem's table in Markdown."""
    lines = [f"| {problem.name}, {len(problem.y)} × {problem.X.shape[1]} | log loss, nats | covered | width | fit, s | "
             "predict, s |", "|---|---|---|---|---|---|"]  # fmt: skip
    lines += [result.row(name) for name, result in results]
    if problem.truth is not None:
        lines.append(f"| the truth | {-problem.truth.mean():.3f} | | | | |")
    return "\n".join(lines) + "\n"


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
    tables = []
    for problem in problems():
        tables.append(table(problem, ((name, judged(method, problem)) for name, method in METHODS.items())))
        print(tables[-1], flush=True)
    if arguments.write:
        write("\n".join(tables))


if __name__ == "__main__":
    main()
