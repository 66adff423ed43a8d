"""What other guns of Robocode do and ours doesn't, tried in replay before anything of it goes into a robot.

Cells (`kdelab.gun.compare.cells`) of the gun as the robot has it, and of the same gun with one thing changed: settings,
for which it is trained again, or what is made of the neighbours that it finds.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.aim import most_mass
from kdelab.gun.compare import cells, trials
from kdelab.gun.judging import judged
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves.columns import number_column
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Floats, Integers

BASE = "as the robot has it"
SETTINGS: dict[str, Any] = {"kernel": Laplace(0.1), "predictions": 3000, "shrinkage": 1.0}
CHANGED: dict[str, dict[str, Any]] = {
    BASE: {},
    "earlier rounds alone": {"within_round": False},
    "50 neighbours": {"neighbours": 50},
    "200 neighbours": {"neighbours": 200},
    "up to half of the memory": {"share": 2},
    "at most a tenth of the memory": {"share": 10},
    "bandwidth 0.05": {"kernel": Laplace(0.05)},
    "bandwidth 0.2": {"kernel": Laplace(0.2)},
}
FADES = {f"memory fades, {rate:g} a round": rate for rate in (0.03, 0.1, 0.3)}
GROWS = {f"weights grow like memory^{power:g}": power for power in (0.1, 0.3)}
WIDTHS = {f"bandwidth {share:g} robots": share for share in (0.3, 0.5, 0.7)}
LEARNERS = (*CHANGED, *FADES, *GROWS, *WIDTHS)
SEEDS = range(300, 302)
ROUND = 700.0  # turns, about
USUAL = 1000.0  # waves in memory


def case_cells(waves: pd.DataFrame, seeds: Iterable[int]) -> Iterator[pd.DataFrame]:
    """Yield cells of guns fitted on early rounds and judged on the real shots of late ones."""
    late = trials.late_rounds(waves)
    early = waves[~late].reset_index(drop=True)
    rows = np.flatnonzero(late & (number_column(waves, "real") > 0))
    tables = {within: (Recall(early, within), Recall(waves, within)) for within in (True, False)}
    for seed in seeds:
        for name, changes in CHANGED.items():
            settings = SETTINGS | {"within_round": True, "random_state": seed} | changes
            known, exam = tables[settings["within_round"]]
            gun = NeighbourModel(**settings).fit(known)
            yield cells.summed(gun.judge(exam, rows), ["battle"], learner=name, seed=seed)
            if name == BASE:
                for other, table in refined(gun, exam, rows):
                    yield cells.summed(table, ["battle"], learner=other, seed=seed)


def refined(gun: NeighbourModel, exam: Recall, rows: Integers) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield what the gun would have done with its neighbours weighted, or its kernel sized, in other ways."""
    clusters, logits, found = gun.logits(exam, rows)
    kept = rows[exam.memory.stored[rows] >= gun.share]
    stored = exam.memory.stored[kept]
    for name, rate in FADES.items():
        yield name, _judged(exam, kept, clusters, logits - rate * age(exam, kept, found))
    for name, power in GROWS.items():
        yield name, _judged(exam, kept, clusters, logits * np.repeat((stored / USUAL) ** power, clusters.sizes))
    for name, share in WIDTHS.items():
        yield name, _judged(exam, kept, clusters, logits, share)


def age(exam: Recall, rows: Integers, found: Neighbourhood) -> Floats:
    """Return how many rounds ago each neighbour was met, (total,)."""
    met = exam.numbers("round") + exam.numbers("turn") / ROUND
    return np.repeat(met[rows], np.diff(found.offsets)) - met[found.rows]


def _judged(
    exam: Recall, rows: Integers, clusters: Clusters, logits: Floats, robots: float | None = None
) -> pd.DataFrame:
    """Return judged shots; the bandwidth is 0.1, or so many robots' widths at each wave's distance.

    Such a bandwidth is one of 0.1 on an axis stretched by 0.1 / bandwidth, whose density is that much lower.
    """
    kernel: Laplace = SETTINGS["kernel"]
    width, weights = exam.bot_width(rows), clusters.softmax(logits)
    if robots is None:
        aims, losses = most_mass(clusters, weights, kernel, width), CrossEntropy(clusters, kernel).value(logits)
        return judged(exam, rows, aims, losses)
    stretch = kernel.bandwidth / (robots * width)
    per_point = np.repeat(stretch, clusters.sizes)
    axis = Clusters(clusters.points * per_point, clusters.offsets, clusters.lower * stretch, clusters.upper * stretch)
    losses = CrossEntropy(axis, kernel).value(logits) - np.log(stretch)
    aims = np.array([_aim(clusters, weights, i, width[i], robots) for i in range(len(rows))])
    return judged(exam, rows, aims, losses)


def _aim(clusters: Clusters, weights: Floats, i: int, width: float, robots: float) -> float:
    """Return the aim of one cluster by a kernel of its own."""
    own = slice(clusters.offsets[i], clusters.offsets[i + 1])
    one = Clusters.from_lists([clusters.points[own]], clusters.lower[i : i + 1], clusters.upper[i : i + 1])
    return float(most_mass(one, weights[own], Laplace(robots * width), np.array([width]))[0])
