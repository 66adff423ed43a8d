"""Guns against each other on the same shots: fitted on early rounds, judged on late ones, compared battle by battle."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.judging import judged
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves.check import flag, late
from kdelab.gun.waves.columns import number_column
from kdelab.gun.waves.frames import Table, like, pandas_of, taken
from kdelab.learn.memory import ENOUGH
from kdelab.loss.validate import Floats, Integers, count, fraction
from kdelab.study import resampling


def late_rounds(waves: Table, share: float = 1 / 3) -> np.ndarray:
    """Return which waves belong to the last rounds of their battle, (waves,) of bool."""
    return late(waves, fraction("share", share), by=["battle"])


def shots(waves: Table, rng: np.random.Generator, most: int, share: float = 1 / 3) -> Integers:
    """Return rows of at most `most` real shots of late rounds, picked at random."""
    waves = pandas_of(waves)
    able = np.flatnonzero(late_rounds(waves, share) & (number_column(waves, "real") > 0))
    if len(able) == 0:
        raise ValueError(f"waves: none of the {len(waves)} is a real shot of a late round")
    return np.sort(rng.choice(able, min(count("most", most), len(able)), replace=False))


def recalls_of(waves: pd.DataFrame, guns: Mapping[str, Any]) -> dict[str, Recall]:
    """Return for each gun the table prepared as the gun remembers it, one for all that have the same `within_round`.

    Guns without that parameter have no memory, and share any.
    """
    said = {
        name: flag("within_round", gun.within_round) if hasattr(gun, "within_round") else None
        for name, gun in guns.items()
    }
    settings = {setting for setting in said.values() if setting is not None} or {False}
    made = {setting: Recall.of(waves, within_round=setting) for setting in sorted(settings)}
    return {name: made[min(made) if setting is None else setting] for name, setting in said.items()}


def enough(recalls: Iterable[Recall]) -> np.ndarray:
    """Return which waves have 50 in every one of these memories, (waves,) of bool."""
    return np.all([recall.memory.stored >= ENOUGH for recall in recalls], axis=0)


def trial(waves: Table, guns: Mapping[str, NeighbourModel], rows: Integers, share: float = 1 / 3) -> Table:
    """Fit each gun on the early rounds, and judge it on some waves of the late ones.

    Parameters
    ----------
    waves : table
        As `kdelab.load_waves` gives it, or of another kind: `kdelab.gun.waves.frames.Table`.
    guns : mapping of str to NeighbourModel
        One that has been fitted already is judged as it is.
    rows : array of int
        The waves to judge on, `shots` for example; their memory is all that their shooters had.
    share : float
        Of each battle's rounds, the late ones: never fitted on.

    Returns
    -------
    table
        Of that kind.  A row a gun and wave: gun, row, battle, cross_entropy (nats), hit (bool).
    """
    waves, kind = taken(waves)
    early = waves[~late_rounds(waves, share)].reset_index(drop=True)
    recalls, tables = recalls_of(waves, guns), []
    for name, gun in guns.items():
        if not hasattr(gun, "weights_"):
            gun.fit(early)
        recall = recalls[name]
        table = judged(recall, rows, gun.predict(recall, rows), gun.losses(recall, rows))
        tables.append(table.assign(gun=name)[["gun", "row", "battle", "cross_entropy", "hit"]])
    return like(kind, pd.concat(tables, ignore_index=True))


def compared(
    results: Table,
    column: str,
    against: str,
    rng: np.random.Generator,
    draws: int = 1000,
    over: Sequence[str] = ("battle",),
) -> pd.DataFrame:
    """Return each gun's mean and how far it lies from one of them, with a 95 % bootstrap interval.

    The means are ratios, sum over cells / count; the intervals are those of `kdelab.study.resampling.interval`.

    Parameters
    ----------
    results : table
        From `trial`; several may be concatenated (seeds), as long as every gun has the same shots.
    column : str
        "cross_entropy" or "hit".
    against : str
        The gun that the others are compared with, shot by shot.
    rng : numpy.random.Generator
        Draws, the same for all guns.
    draws : int
    over : sequence of str
        The columns whose values are drawn: ("battle", "seed") adds the luck of the training to an interval over
        battles.

    Returns
    -------
    DataFrame
        Index gun; columns mean, difference, low, high.  With fewer than 8 values in the first column of `over`, or
        one in another, there is no interval: low and high are NaN, and no check passes on them.
    """
    results = pandas_of(results)
    cells = results.groupby([*over, "gun"], sort=True)[column].agg(["sum", "size"]).unstack("gun", fill_value=0)
    names = list(cells["sum"].columns)
    if against not in names:
        raise ValueError(f"against must be one of {names}, not {against!r}")
    mine = names.index(against)
    totals, sizes = (cells[part].to_numpy(dtype=np.float64) for part in ("sum", "size"))

    def differences(times: Floats) -> Floats:
        """Return each gun's mean less that of `against`, the cells counted so many times."""
        means = (times @ totals) / np.maximum(times @ sizes, 1)
        return means - means[..., [mine]]

    labels = [cells.index.get_level_values(name) for name in over]
    difference, low, high = resampling.interval(differences, labels, rng, draws)
    mean = totals.sum(axis=0) / sizes.sum(axis=0)
    table = pd.DataFrame({"mean": mean, "difference": difference, "low": low, "high": high}, index=names)
    return table.loc[list(dict.fromkeys(results["gun"]))].rename_axis("gun")


def with_interval(row: pd.Series, column: str) -> str:
    """Return a row of `compared` as a difference with its interval, of hits in percentage points, else in nats."""
    scale, form = (100, "+.1f") if column == "hit" else (1, "+.3f")
    if np.isnan(row["difference"]):
        return "not judged"
    low, high = scale * row["low"], scale * row["high"]
    return f"{scale * row['difference']:{form}} ({resampling.between(low, high, form)})"


def summary(results: Table, against: str, seed: int, over: Sequence[str] = ("battle",)) -> pd.DataFrame:
    """Return in words how guns compare by cross_entropy, in nats, and by hit, in percent.

    Parameters
    ----------
    results : table
        As `compared` takes it, with both columns; a gun whose cross_entropy is NaN has empty entries there.
    against : str
        The gun that the others are compared with.
    seed : int
        Of the draws, the same for both columns.
    over : sequence of str
        As in `compared`.
    """
    results = pandas_of(results)
    by_loss, by_hits = (
        compared(results.dropna(subset=column), column, against, np.random.default_rng(seed), over=over)
        for column in ("cross_entropy", "hit")
    )
    columns = {
        "cross-entropy": by_loss["mean"].map("{:.3f}".format),
        "difference, nats": by_loss.apply(with_interval, axis=1, column="cross_entropy"),
        "hits, %": (100 * by_hits["mean"]).map("{:.1f}".format),
        "difference, points": by_hits.apply(with_interval, axis=1, column="hit"),
    }
    return pd.DataFrame(columns).reindex(by_hits.index).fillna("")
