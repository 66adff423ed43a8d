"""One gun trained on two losses, the thread's and the log of the integral, and the same gun unlearned.

The cells that notebook 15 decides from have, besides the columns of `kdelab.gun.compare.cells`, ``log_of_integral``: a
sum, too, in nats.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells, trials
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Integers
from kdelab.study.rivals import LogOfIntegral

THREAD, LOG, UNLEARNED = "thread's loss", "log of the integral", "unlearned"
JUDGED = {"hits": "hit", "loss": "cross_entropy", "log_of_integral": "log_of_integral"}
SEEDS = range(200, 210)
SHOTS = 2500
SETTINGS: dict[str, Any] = {
    "form": "linear",
    "kernel": Laplace(0.1),
    "neighbours": 50,
    "predictions": 600,
    "retrievals": 1,
    "validation": 0.0,
    "max_iter": 30,
}


def shots(waves: pd.DataFrame) -> Integers:
    """Return the rows that guns are judged on: real shots of late rounds, all or 2,500 of them."""
    return trials.shots(waves, np.random.default_rng(15), SHOTS)


def case_cells(
    waves: pd.DataFrame, seeds: Iterable[int], battles: Sequence[Any] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield cells of guns fitted on early rounds, judged on late shots: sums over a battle.

    Parameters
    ----------
    waves : DataFrame
        As `kdelab.load_waves` gives it.
    seeds : iterable of int
        Each picks the 600 predictions that both guns are trained on.
    battles : sequence, optional
        Which are judged; all by default. All are trained on.
    """
    early = Recall.of(waves[~trials.late_rounds(waves)].reset_index(drop=True))
    known, rows = Recall.of(waves), shots(waves)
    rows = rows if battles is None else rows[np.isin(known.battles[rows], battles)]
    for seed in seeds:
        yield _judged(NeighbourModel(**SETTINGS).unlearned(early), known, rows, learner=UNLEARNED, seed=seed)
        for name, loss in ((THREAD, None), (LOG, LogOfIntegral)):
            gun = NeighbourModel(**SETTINGS, loss=loss, random_state=seed).fit(early)
            yield _judged(gun, known, rows, learner=name, seed=seed)


def _judged(gun: NeighbourModel, waves: Recall, rows: Integers, **labels: Any) -> pd.DataFrame:
    clusters, logits, _ = gun.logits(waves, rows)
    values, _ = LogOfIntegral(clusters, SETTINGS["kernel"]).value_and_grad(logits)
    return cells.summed(gun.judge(waves, rows).assign(log_of_integral=values), ["battle"], JUDGED, **labels)
