"""One gun trained on two losses, the thread's and the log of the integral, and the same gun unlearned.

``python -m kdelab.gun.compare.censored`` computes `TABLE` anew, in some three minutes: what notebook 15 decides from.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from kdelab.gun.compare import sets, trials
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Floats, Integers
from kdelab.study import resampling
from kdelab.study.rivals import LogOfIntegral

THREAD, LOG, UNLEARNED = "thread's loss", "log of the integral", "unlearned"
JUDGED = ("hits", "cross_entropy", "log_of_integral")

TABLE = Path(__file__).parent / "data" / "censored.csv"
SETS = ("samples", "surfers")
SEEDS = range(200, 210)
SHOTS, TRAINED_ON = 2500, 600
KERNEL = Laplace(0.1)


def shots(waves: pd.DataFrame) -> Integers:
    """Return the rows that guns are judged on: real shots of late rounds, all or 2,500 of them."""
    return trials.shots(waves, np.random.default_rng(15), SHOTS)


def cells(waves: pd.DataFrame, seeds: Sequence[int], rows: Integers) -> pd.DataFrame:
    """Fit the guns on early rounds, once a seed, and judge them on some shots.

    Parameters
    ----------
    waves : DataFrame
        As `kdelab.gun.compare.sets.explored` gives it.
    seeds : sequence of int
        Each picks the 600 predictions that both guns are trained on.
    rows : array of int
        The shots, of `shots` say.

    Returns
    -------
    DataFrame
        A row a battle, seed and gun: battle, seed, gun, shots, and sums over these: hits, cross_entropy and
        log_of_integral (nats).
    """
    early = Recall.of(waves[~trials.late_rounds(waves)].reset_index(drop=True))
    known = Recall.of(waves)
    gun = partial(
        NeighbourModel, KERNEL, neighbours=50, predictions=TRAINED_ON, retrievals=1, validation=0.0, max_iter=30
    )
    plain = _judged(gun().unlearned(early), known, rows)
    tables = []
    for seed in seeds:
        trained = {THREAD: gun(random_state=seed), LOG: gun(random_state=seed, loss=LogOfIntegral)}
        of_seed = {name: _judged(one.fit(early), known, rows) for name, one in trained.items()}
        tables += [table.assign(seed=seed, gun=name) for name, table in (of_seed | {UNLEARNED: plain}).items()]
    return pd.concat(tables)[["battle", "seed", "gun", "shots", *JUDGED]].reset_index(drop=True)


def _judged(gun: NeighbourModel, waves: Recall, rows: Integers) -> pd.DataFrame:
    """Return sums over the shots of each battle."""
    judged = gun.judge(waves, rows)
    clusters, logits, _ = gun.logits(waves, rows)
    values, _ = LogOfIntegral(clusters, KERNEL).value_and_grad(logits)
    judged = judged.assign(shots=1, hits=judged["hit"].astype(int), log_of_integral=values)
    return judged.groupby("battle", as_index=False)[["shots", *JUDGED]].sum()


def load(name: str) -> pd.DataFrame:
    """Return the shipped cells of a set of waves.

    Raises
    ------
    ValueError
        If there are none of that name.
    """
    table = pd.read_csv(TABLE, dtype={"battle": str})
    mine = table[table["set"] == name].drop(columns="set").reset_index(drop=True)
    if mine.empty:
        raise ValueError(f"name must be one of {', '.join(dict.fromkeys(table['set']))}, not {name!r}")
    return mine


def differences(table: pd.DataFrame, column: str, rng: np.random.Generator, draws: int = 1000) -> pd.DataFrame:
    """Return how far each gun lies from the one trained on the thread's loss, a shot, with a 95 % interval.

    Parameters
    ----------
    table : DataFrame
        Of `cells`.
    column : str
        "hits", "cross_entropy" or "log_of_integral".
    rng : numpy.random.Generator
    draws : int

    Returns
    -------
    DataFrame
        Index gun; columns mean, difference, low, high: `kdelab.study.resampling.interval` over battles and seeds.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    if column not in JUDGED:
        raise ValueError(f"column must be one of {', '.join(JUDGED)}, not {column!r}")
    wide = table.pivot(index=["battle", "seed"], columns="gun", values=[column, "shots"])
    names = list(dict.fromkeys(table["gun"]))
    totals, sizes = (wide[part][names].to_numpy(dtype=np.float64) for part in (column, "shots"))

    def apart(times: Floats) -> Floats:
        means = (times @ totals) / np.maximum(times @ sizes, 1)
        return means - means[..., [names.index(THREAD)]]

    labels = [wide.index.get_level_values(unit) for unit in ("battle", "seed")]
    difference, low, high = resampling.interval(apart, labels, rng, draws)
    mean = totals.sum(axis=0) / sizes.sum(axis=0)
    index = pd.Index(names, name="gun")
    return pd.DataFrame({"mean": mean, "difference": difference, "low": low, "high": high}, index=index)


def farthest(row: pd.Series) -> float:
    """Return the end of an interval that lies farther from 0: two guns are alike within any margin above it."""
    return float(max(abs(row["low"]), abs(row["high"])))


def main() -> None:
    """Compute the shipped table."""
    tables = []
    for name in SETS:
        waves = sets.explored(name)
        tables.append(cells(waves, list(SEEDS), shots(waves)).assign(set=name))
    pd.concat(tables).round(4).to_csv(TABLE, index=False)


if __name__ == "__main__":
    main()
