"""What a trained gun is worth, in numbers and in the words of an author who knows guess factors and no statistics."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.compare import trials
from kdelab.gun.compare.cells import Contrast
from kdelab.gun.parameters import OWN
from kdelab.gun.training.exam import CHOOSE, JUDGE, TRAIN
from kdelab.gun.waves.columns import numbers_in
from kdelab.loss.validate import Integers
from kdelab.study import resampling

LEARNED, TUNED, UNLEARNED = "learned weights", "one tuned scale", "weights of 1"


def gained(results: pd.DataFrame, of: str, against: str, seed: int) -> tuple[Contrast, str]:
    """Return how many hits in 100 one gun gains on another on the same waves, and over what the interval is.

    A 95 % bootstrap over battles, or over rounds where there are fewer than eight battles.
    """
    battles = results["battle"].nunique() >= resampling.FEWEST
    units = ["battle"] if battles else ["battle", "round"]
    labelled = results.assign(unit=results.groupby(units, observed=True).ngroup())
    table = trials.compared(labelled, "hit", against, np.random.default_rng(seed), over=("unit",))
    difference, low, high = table.loc[[of], ["difference", "low", "high"]].to_numpy(dtype=np.float64)[0].tolist()
    contrast = Contrast(difference, low, high, labelled["unit"].nunique())
    return contrast.times(100), "battles" if battles else "rounds"


def verdict(gain: Contrast) -> str:
    """Return what a gain shows: more hits, fewer, or nothing."""
    if gain.low > 0:
        return "more hits"
    return "fewer hits" if gain.high < 0 else "no difference shown"


def parts_told(waves: pd.DataFrame, parts: Integers, units: str) -> str:
    """Return how many waves and rounds train, choose and judge."""
    rounds = waves[["battle", "round"]].assign(part=parts).drop_duplicates()["part"].value_counts()
    counts = pd.Series(parts).value_counts()
    said = [
        f"{counts.get(part, 0):,} waves of {rounds.get(part, 0):,} rounds {what}"
        for part, what in ((TRAIN, "train"), (CHOOSE, "choose"), (JUDGE, "judge, the last ones"))
    ]
    return f"{units[0].upper()}{units[1:]}: {', '.join(said)}."


def tries_told(tries: pd.DataFrame) -> Iterator[str]:
    """Yield what was chosen for each gun."""
    for name in (LEARNED, TUNED):
        mine = tries[tries["gun"] == name]
        best, form = mine.iloc[int(mine["hit"].argmax())], ""
        if mine["form"].nunique() > 1:
            form = f"form {best['form']!r}, "
        yield (
            f"Chosen for {name}: {form}kernel {_kernel_told(best['kernel'])}, the best of {len(mine)} tries in the "
            f"rounds that choose ({100 * best['hit']:.1f} of 100 waves hit; the worst: {100 * mine['hit'].min():.1f})."
        )


def results_told(results: pd.DataFrame, waves: pd.DataFrame, seed: int) -> Iterator[str]:
    """Yield what each gun hits in the rounds that judge, and what learning gains."""
    rows = results.loc[results["gun"] == LEARNED, "row"].to_numpy()
    rounds = len(results[["battle", "round"]].drop_duplicates())
    really = numbers_in(waves, "hit")[rows] if "hit" in waves.columns else np.full(len(rows), np.nan)
    shot = bool(np.isfinite(really).all())
    what = "shots really fired" if shot else "waves, real shots and virtual ones alike"
    yield f"Judged on {len(rows):,} {what}, in {rounds:,} rounds of {results['battle'].nunique()} battles. Hits in 100:"
    for name in (LEARNED, TUNED, UNLEARNED):
        mine = results[results["gun"] == name]
        line = f"  {name:<16} {100 * mine['hit'].mean():5.1f}"
        if name != LEARNED:
            gain, over = gained(results, LEARNED, name, seed)
            line += f"   learned weights: {gain.text('+.1f')}, {verdict(gain)}"
        yield line
    if shot:
        yield f"  {'your robot then':<16} {100 * really.mean():5.1f}"
    gain, over = gained(results, LEARNED, TUNED, seed)
    yield (
        f"In brackets: 95 % intervals, over {gain.units} {over}."
        if np.isfinite(gain.low)
        else f"No interval: {gain.units} {over} are too few, {resampling.FEWEST} are needed."
    )
    yield "A hit is an aim between lower and upper: the enemy could not react to it, as it can in a battle."
    yield _sentence(gain)


def _sentence(gain: Contrast) -> str:
    """Return the sentence that an author wants."""
    match verdict(gain):
        case "more hits":
            return f"Learned weights hit {gain.difference:.1f} more of 100 shots than one tuned scale."
        case "fewer hits":
            return f"Learned weights hit {-gain.difference:.1f} fewer of 100 shots than one tuned scale: take that one."
        case _:
            return "No difference shown between learned weights and one tuned scale: more battles may show one."


def _kernel_told(kernel: Any) -> str:
    return "of each neighbour's own interval" if kernel == OWN else repr(kernel)
