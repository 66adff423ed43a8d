"""``python -m kdelab.gun.compare``: compute the cells that notebooks decide from anew.

- ``dial``: notebook 07, guns and surfers that chase or give up (half an hour of one core)
- ``hard``: notebook 08, guns trained on hard cases (five minutes)
- ``retraining``: notebook 09, hard cases that turn easy (twenty minutes)
- ``learned``: notebook 13, what training gains (half an hour)
- ``censored``: notebook 15, another loss (two minutes)
- ``refinements``: notebook 16, what other guns do (ten minutes)
- ``networks``: notebook 17, networks and weights (half an hour; with PyTorch, so `make networks`)
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import pandas as pd
from tqdm import tqdm

from kdelab.gun.compare import cells, censored, dial, hard, learned, networks, refinements, retraining, sets

Parts = Callable[[Iterable[str], Iterable[int]], Iterator[pd.DataFrame]]


class Experiment(NamedTuple):
    """What can be computed anew.

    Attributes
    ----------
    of_sets : callable
        Takes names of sets and seeds, and yields cells with a column ``set``.
    names : sequence of str
        Of `kdelab.gun.compare.sets.SETS`, those that it can be asked of.
    seeds : range
    settings : mapping
        Of the guns.
    """

    of_sets: Parts
    names: Sequence[str]
    seeds: range
    settings: dict[str, Any]


def each(of_waves: Callable[[pd.DataFrame, Iterable[int]], Iterator[pd.DataFrame]]) -> Parts:
    """Return an experiment on sets from one on waves."""

    def of_sets(names: Iterable[str], seeds: Iterable[int]) -> Iterator[pd.DataFrame]:
        for name in names:
            for part in of_waves(sets.battles_of(name), seeds):
                yield part.assign(set=name)

    return of_sets


EXPERIMENTS = {
    "dial": Experiment(dial.of_sets, tuple(dial.EXAMS), dial.SEEDS, dial.SETTINGS),
    "hard": Experiment(each(hard.case_cells), sets.SETS, hard.SEEDS, hard.SETTINGS),
    "retraining": Experiment(each(retraining.case_cells), sets.SETS, retraining.SEEDS, retraining.SETTINGS),
    "learned": Experiment(learned.of_sets, sets.SETS, learned.SEEDS, learned.SETTINGS),
    "censored": Experiment(each(censored.case_cells), sets.SETS, censored.SEEDS, censored.SETTINGS),
    "refinements": Experiment(each(refinements.case_cells), ("samples",), refinements.SEEDS, refinements.SETTINGS),
    "networks": Experiment(networks.of_sets, networks.SETS, networks.SEEDS, networks.SETTINGS),
}


def counted(parts: Iterable[pd.DataFrame], expected: float | None) -> Iterator[pd.DataFrame]:
    """Pass tables on, and show how many rows there are of how many that are expected."""
    with tqdm(total=expected, unit="cell", unit_scale=True) as bar:
        for part in parts:
            bar.set_postfix_str(
                ", ".join(str(part[name].iloc[0]) for name in ("set", "learner", "seed")), refresh=False
            )
            bar.update(len(part))
            yield part


def compute(name: str, names: Sequence[str], seeds: Sequence[int]) -> None:
    """Compute an experiment's cells of some sets anew; the table keeps its others."""
    experiment, expected = EXPERIMENTS[name], None
    if (cells.DATA / f"{name}.parquet").is_file():  # as many as the last time
        last = cells.load(name)
        last = last[last["set"].isin(list(names))]
        expected = len(last) / max(last["seed"].nunique(), 1) * len(seeds) or None
    said = {"seeds": list(seeds), "settings": {key: repr(value) for key, value in experiment.settings.items()}}
    print(cells.replaced(name, names, counted(experiment.of_sets(names, seeds), expected), said))


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m kdelab.gun.compare", description=__doc__.split("\n")[0])
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("sets", nargs="*", metavar="set", help=f"of {', '.join(map(repr, sets.SETS))}; all by default")
    parser.add_argument("--seeds", type=int, help="how many; by default as many as the notebook decides from")
    arguments = parser.parse_args()
    experiment = EXPERIMENTS[arguments.experiment]
    names = arguments.sets or experiment.names
    if unknown := [name for name in names if name not in experiment.names]:
        parser.error(f"sets: {unknown} given, allowed are {', '.join(map(repr, experiment.names))}")
    if arguments.seeds is not None and not 2 <= arguments.seeds <= 1000:
        parser.error(f"seeds: {arguments.seeds} given, allowed are 2 to 1000")
    seeds = experiment.seeds if arguments.seeds is None else experiment.seeds[0] + pd.RangeIndex(arguments.seeds)
    try:
        compute(arguments.experiment, names, [int(seed) for seed in seeds])
    except ValueError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
