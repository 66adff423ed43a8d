"""The table of guns, each robot left out in turn: ``python -m kdelab.gun.compare.leave_out``.

Intervals are 95 % bootstrap intervals over battles (`kdelab.gun.compare.trials.compared`); fewer than eight have none.
What training gains, over robots and on real shots alone, is in `kdelab.gun.compare.learned`.
"""

import argparse
import sys
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from kdelab.gun.compare.baselines import HeadOn, Histogram, Linear, Orbit
from kdelab.gun.compare.trials import compared, enough, recalls_of
from kdelab.gun.model import NeighbourModel
from kdelab.gun.waves.frames import Table, like, pandas_of, taken
from kdelab.gun.waves.store import load_waves
from kdelab.loss.kernels import Cauchy, Gaussian
from kdelab.loss.ragged import shuffled


def leave_robots_out(
    waves: Table,
    guns: Mapping[str, Any],
    seeds: Iterable[int] = (0,),
    tested: int | None = None,
    folds: int | None = None,
    judged_on: Table | None = None,
) -> Table:
    """Fit each gun without some robots' waves and judge it on the waves fired at those robots, for all robots in turn.

    Parameters
    ----------
    waves : table
        Any that `kdelab.gun.waves.frames.Table` names, with a column ``enemy``, besides those of `NeighbourModel.fit`.
    guns : mapping of str to estimator
        Cloned; those with a `random_state` are given each seed.
    seeds : iterable of int
        For the guns' `random_state`, the choice of the waves tested, and the folds.
    tested : int, optional
        At most so many waves a robot; by default all for which each gun has 50 waves in memory.
    folds : int, optional
        The robots are dealt out into so many groups, each left out in turn; by default every robot is alone.
    judged_on : table, optional
        Judge on the waves of other battles of the same robots, recorded with new seeds.

    Returns
    -------
    table
        Of the kind of `waves`, as `compared` takes it.  A row a gun, seed and wave: gun, seed, robot, battle, row, aim,
        hit, cross_entropy (nats).

    Raises
    ------
    ValueError
        If there are fewer than two folds, or more than robots.
    """
    waves, kind = taken(waves)
    exam = waves if judged_on is None else pandas_of(judged_on)
    recalls = recalls_of(exam, guns)
    able = enough(recalls.values())
    robots = np.unique(waves["enemy"].astype(str))
    groups = len(robots) if folds is None else folds
    if not 2 <= groups <= len(robots):
        raise ValueError(f"folds: {folds} given, allowed are 2 to {len(robots)}, the number of robots shot at")
    tables = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        dealt = robots if folds is None else robots[shuffled(rng, len(robots))]
        for left_out in np.array_split(dealt, groups):
            at = [np.flatnonzero(able & (exam["enemy"] == robot).to_numpy()) for robot in left_out]
            rows = np.sort(np.concatenate([part[shuffled(rng, len(part))[:tested]] for part in at]))
            others = waves[~waves["enemy"].isin(left_out)].reset_index(drop=True)
            for name, gun in guns.items():
                fresh = clone(gun)
                if "random_state" in fresh.get_params():
                    fresh.set_params(random_state=seed)
                tables.append(fresh.fit(others).judge(recalls[name], rows).assign(gun=name, seed=seed))
    results = pd.concat(tables, ignore_index=True)
    return like(kind, results.assign(robot=exam["enemy"].to_numpy()[results["row"]]))


def table_of_guns(predictions: int) -> dict[str, Any]:
    """Return the guns that are compared: those without learning, rivals, and this loss with several kernels."""
    from kdelab.study.rivals import MeanSquaredError

    learn = partial(NeighbourModel, form="linear", predictions=predictions, shrinkage=1.0)
    return {
        "head-on": HeadOn(),
        "linear": Linear(),
        "orbit": Orbit(),
        "the battle's histogram": Histogram(),
        "unlearned, one scale": learn(form="scale"),
        "squared error": learn(loss=MeanSquaredError),
        "Laplace": learn(),
        "Laplace, powers": learn(form="power"),
        "Gaussian": learn(kernel=Gaussian(0.1), background=0.01),
        "Cauchy": learn(kernel=Cauchy(0.1)),
        "own intervals": learn(kernel="interval", background=0.05, aim="intervals"),
    }


def summary(results: Table, column: str, against: str, seed: int = 0) -> str:
    """Return the table of `compared` as text, a dash where there is no interval."""
    return compared(results, column, against, np.random.default_rng(seed)).round(4).to_string(na_rep="-")


def _baselines(arguments: argparse.Namespace) -> None:
    waves = load_waves(arguments.waves or "samples")
    guns = table_of_guns(arguments.predictions)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    results = leave_robots_out(waves, guns, seeds, arguments.tested, arguments.folds)
    for column in ("hit", "cross_entropy"):
        print(f"{column}, and the difference to this loss with the Laplace kernel")
        print(summary(results, column, "Laplace"), "\n")


def main() -> int:
    """Compare the guns and print the table."""
    parser = argparse.ArgumentParser(prog="python -m kdelab.gun.compare.leave_out", description=__doc__.split("\n")[0])
    parser.add_argument("--waves", help="a shipped set of waves or a path; default samples")
    parser.add_argument("--predictions", type=int, default=3000, help="waves trained on, default 3000")
    parser.add_argument("--tested", type=int, help="waves tested a robot, default all")
    parser.add_argument("--folds", type=int, help="groups of robots to leave out, default one a robot")
    parser.add_argument("--seed", type=int, default=0, help="the first seed, default 0")
    parser.add_argument("--seeds", type=int, default=1, help="how many seeds, default 1")
    arguments = parser.parse_args()
    try:
        _baselines(arguments)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
