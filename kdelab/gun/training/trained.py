"""A gun from a log: early rounds train, later ones choose form and kernel, the last ones judge what came out.

Nothing is chosen by what it hits in the rounds that judge, so what is said of those is what may be expected of the next
ones at the same robots.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.base import clone
from tqdm import tqdm

from kdelab.gun.compare.learned import SETTINGS, shots
from kdelab.gun.model import FIELD, NeighbourModel
from kdelab.gun.parameters import OWN
from kdelab.gun.recall import Recall
from kdelab.gun.training.exam import CHOOSE, JUDGE, TRAIN, judging_rows, parted
from kdelab.gun.training.worth import LEARNED, TUNED, UNLEARNED, parts_told, results_told, tries_told
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.frames import Table, pandas_of
from kdelab.learn.memory import SHARE
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import count, fraction

FORMS = {"linear": LEARNED, "power": LEARNED, "scale": TUNED}
KERNELS: tuple[dict[str, Any], ...] = (
    {"kernel": Laplace(0.05)},
    {"kernel": Laplace(0.1)},
    {"kernel": Laplace(0.2)},
    {"kernel": Laplace(0.4)},
    {"kernel": OWN, "background": 0.05, "aim": "intervals"},
)
CHOOSING = 6000  # waves, at most, that form and kernel are chosen on


class Trained(NamedTuple):
    """A gun that was learned from a log, and what it is worth.

    Attributes
    ----------
    gun, tuned, unlearned : NeighbourModel
        With learned weights, with one tuned scale, and with weights of 1 (and a scale of 4), which learned nothing.
    tries : DataFrame
        What was tried for the first two on the rounds that choose: gun, form, kernel, hit, cross_entropy.
    results : DataFrame
        A row a gun and wave of the rounds that judge: gun, row, battle, round, hit, cross_entropy.
    report : str
        All of it in words.
    """

    gun: NeighbourModel
    tuned: NeighbourModel
    unlearned: NeighbourModel
    tries: pd.DataFrame
    results: pd.DataFrame
    report: str


def trained(
    waves: Table,
    features: Sequence[str] | None = None,
    ranges: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
    predictions: int = SETTINGS["predictions"],
    held_out: float = 0.25,
    progress: bool = False,
) -> Trained:
    """Return a gun learned from a table of waves, and what it is worth against one tuned scale and weights of 1.

    Each battle's last rounds, a share `held_out`, judge; as many before them choose the form and the kernel of the
    learned gun, and with the same care the kernel of the tuned one, by hits; both are then trained on all rounds but
    those that judge.  Where battles have fewer than four rounds, whole battles are put aside instead.

    Parameters
    ----------
    waves : table
        Any that `kdelab.gun.waves.frames.Table` names.
    features, ranges
        As of `NeighbourModel`.
    seed : int
        Picks what is trained on, and draws the intervals.
    predictions : int
        At most so many waves are trained on.
    held_out : float
        Between 0 and 0.5.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    ValueError
        If an argument or the table isn't what it must be, or there are too few rounds to train, choose and judge.
    """
    if not 0 < fraction("held_out", held_out) < 0.5:
        raise ValueError(f"held_out must lie between 0 and 0.5, not {held_out}: as many rounds choose, and some train")
    count("seed", seed, least=0)
    waves = pandas_of(waves)
    within = {"turn", "passed"} <= set(waves.columns)
    recall = Recall(waves, within_round=within)
    parts, units = parted(waves, held_out)
    choosing = np.flatnonzero((parts == CHOOSE) & (recall.memory.stored >= SHARE))
    choosing = np.sort(np.random.default_rng(seed).permutation(choosing)[:CHOOSING])
    if len(choosing) == 0 or not {TRAIN, JUDGE} <= set(parts.tolist()):
        raise ValueError(f"waves: {units} are too few to train, choose and judge: record longer battles, or more")
    judges = judging_rows(waves, parts)
    settings = SETTINGS | {
        "features": None if features is None else list(features),
        "ranges": ranges,
        "aim": "density" if _has_widths(waves, ranges) else "intervals",
        "within_round": within,
        "predictions": predictions,
        "random_state": seed,
    }
    tries, guns = [], {}
    with tqdm(total=len(FORMS) * len(KERNELS) + 3, disable=not progress, desc="training", leave=False) as bar:
        for form, name in FORMS.items():
            for kernel in KERNELS:
                gun = NeighbourModel(**settings | {"form": form} | kernel).fit(recall, sample_weight=parts == TRAIN)
                met = shots(gun, recall, choosing)[["hit", "cross_entropy"]].mean()
                tries.append({"gun": name, "form": form, "kernel": gun.kernel, **met, "model": gun})
                bar.update()
        table = pd.DataFrame(tries)
        for name in (LEARNED, TUNED):
            mine = table[table["gun"] == name]
            best = mine["model"].iloc[int(mine["hit"].argmax())]
            guns[name] = clone(best).fit(recall, sample_weight=parts != JUDGE)
            bar.update()
        guns[UNLEARNED] = NeighbourModel(**settings | {"form": "scale"}).unlearned(recall)
        results = pd.concat([shots(gun, recall, judges).assign(gun=name) for name, gun in guns.items()])
        bar.update()
    results = results.assign(round=waves["round"].to_numpy()[results["row"]]).reset_index(drop=True)
    report = [parts_told(waves, parts, units), *tries_told(table), *results_told(results, waves, seed)]
    tries_of = table.drop(columns="model")
    return Trained(guns[LEARNED], guns[TUNED], guns[UNLEARNED], tries_of, results, "\n".join(report))


def _has_widths(waves: pd.DataFrame, ranges: Mapping[str, tuple[float, float]] | None) -> bool:
    """Whether a robot's width in guess factors can be known."""
    in_pixels = (ranges or {}).get("distance", RANGES["distance"])[1] >= FIELD
    return {"distance", "escape_angle"} <= set(waves.columns) and in_pixels
