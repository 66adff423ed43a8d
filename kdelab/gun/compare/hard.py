"""Guns trained on hard cases, on others, and on both: what a case teaches that has no point within the kernel's size.

Hard is a case none of whose neighbours' points lies within a bandwidth of its target, the neighbours being those that
the unlearned gun retrieves. All guns are trained on early rounds and judged on late ones. Two controls stand beside
the gun that saw nothing but hard cases and the one that saw as many others: their training cases' targets *dealt* to
other cases of the same battle, so that there is nothing to be learned; and their learned weights *moved* to other
features, so that neighbours change as much, and for no reason.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells, trials
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.learn.memory import ENOUGH
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Integers
from kdelab.study import hard

POOL = 600  # cases of a battle, early and late each, at most: no long battle rules
OTHERS = 100  # cases of a battle that aren't hard and are judged on, at most: there are more than enough
MIXED = 4000  # predictions of the guns that are trained on cases as they come
FEW = 1000  # predictions of the others, at most; and at most half of the hard ones, so that each seed has its own
SETTINGS: dict[str, Any] = {
    "form": "linear",
    "kernel": Laplace(0.1),
    "neighbours": 10,
    "shrinkage": 3.0,
    "retrievals": 1,
    "validation": 0.0,
    "max_iter": 40,
}
NEIGHBOURS = (5, 10, 20)
DECIDED_AT = 10  # neighbours
SEEDS = range(10)
LEARNERS = (
    "unlearned",
    "mixed",
    "without",
    "only hard",
    "as few others",
    "only hard, dealt",
    "as few others, dealt",
    "only hard, moved",
    "as few others, moved",
)


class Cases(NamedTuple):
    """Cases of a table that were picked, and which of them are hard.

    Attributes
    ----------
    recall : Recall
        The table in which their neighbours are looked up.
    rows : array of int (n,)
    hard : array of bool (n,)
    """

    recall: Recall
    rows: Integers
    hard: np.ndarray

    @classmethod
    def picked(
        cls, recall: Recall, able: Integers, unlearned: NeighbourModel, battles: Sequence[Any] | None = None
    ) -> "Cases":
        """Return at most `POOL` of some rows of each battle, picked at random; or only those of some battles."""
        rows = at_most(POOL, able, recall.battles)
        rows = rows if battles is None else rows[np.isin(recall.battles[rows], battles)]
        clusters, _, _ = unlearned.logits(recall, rows)
        return cls(recall, rows, hard.nearest(clusters) > SETTINGS["kernel"].bandwidth)

    def judged(self) -> tuple["Cases", pd.DataFrame, pd.DataFrame]:
        """Return what guns are judged on: all hard cases, and some others of each battle.

        Returns
        -------
        Cases
        DataFrame
            A row a case: battle and part, "hard" or "other".
        DataFrame
            battle, part and cases: how many there are, judged or not.
        """
        whose = self.recall.battles[self.rows]
        kept = self.hard | np.isin(self.rows, at_most(OTHERS, self.rows[~self.hard], self.recall.battles))
        frame = pd.DataFrame({"battle": whose, "part": np.where(self.hard, "hard", "other")})
        cases = frame.value_counts().rename("cases").reset_index()
        few = Cases(self.recall, self.rows[kept], self.hard[kept])
        return few, frame[kept].reset_index(drop=True), cases


def at_most(number: int, rows: Integers, battles: np.ndarray) -> Integers:
    """Return so many of each battle's rows of a table, picked at random, whatever other rows are asked for."""
    ordered = rows[np.argsort(np.random.default_rng(0).permutation(len(battles))[rows])]
    rank = pd.Series(ordered).groupby(battles[ordered]).cumcount().to_numpy()
    return np.sort(ordered[rank < number])


class Dealt:
    """The cross-entropy with the targets of other cases of the same battle: nothing is left to be learned.

    Parameters
    ----------
    battles : array (n,)
        Of the cases that are trained on, in the order of their clusters.
    rng : numpy.random.Generator
    """

    def __init__(self, battles: np.ndarray, rng: np.random.Generator) -> None:
        self.whose = np.arange(len(battles))
        for battle in pd.unique(battles):
            mine = np.flatnonzero(battles == battle)
            self.whose[mine] = rng.permutation(mine)

    def __call__(self, clusters: Clusters, kernel: Any) -> CrossEntropy:
        """Return the loss of clusters that were given one another's targets."""
        lower, upper = clusters.lower[self.whose], clusters.upper[self.whose]
        return CrossEntropy(Clusters(clusters.points, clusters.offsets, lower, upper), kernel)


def moved(gun: NeighbourModel, rng: np.random.Generator) -> NeighbourModel:
    """Return a gun whose learned weights belong to other features."""
    other = NeighbourModel.from_json(gun.to_json())
    other.weights_ = rng.permutation(gun.weights_)
    return other


def early_and_late(
    waves: pd.DataFrame, settings: Mapping[str, Any] = SETTINGS, battles: Sequence[Any] | None = None
) -> tuple[Cases, Cases]:
    """Return the cases to train on, of all battles, and those to judge on, of some."""
    is_late = trials.late_rounds(waves)
    early, whole = Recall(waves[~is_late].reset_index(drop=True)), Recall(waves)
    unlearned = NeighbourModel(**settings).unlearned(early)
    able = np.flatnonzero(early.memory.stored >= ENOUGH)
    late = np.flatnonzero(is_late & (whole.memory.stored >= ENOUGH))
    return Cases.picked(early, able, unlearned), Cases.picked(whole, late, unlearned, battles)


def samples(early: Cases, rng: np.random.Generator) -> dict[str, Integers]:
    """Return which cases each gun is trained on; *without* has those of *mixed*, its hard ones replaced by others."""
    rows, others = early.rows, early.rows[~early.hard]
    few = min(FEW, int(early.hard.sum()) // 2)
    mixed = rng.permutation(len(rows))[:MIXED]
    dropped = early.hard[mixed]
    spare = rng.permutation(np.setdiff1d(others, rows[mixed]))[: dropped.sum()]
    return {
        "mixed": rows[mixed],
        "without": np.concatenate([rows[mixed][~dropped], spare]),
        "only hard": rng.choice(rows[early.hard], few, replace=False),
        "as few others": rng.choice(others, few, replace=False),
    }


def trained(
    early: Cases,
    seeds: Iterable[int],
    learners: Sequence[str] = LEARNERS,
    settings: Mapping[str, Any] = SETTINGS,
) -> Iterator[tuple[str, int, NeighbourModel]]:
    """Yield guns, each trained on early cases with each seed: name, seed, gun."""
    for seed in seeds:
        picked = samples(early, np.random.default_rng(seed))
        guns: dict[str, NeighbourModel] = {}
        for name in learners:
            kind, _, control = name.partition(", ")
            if kind == "unlearned":
                guns[name] = NeighbourModel(**settings).unlearned(early.recall)
            elif control == "moved":
                first = guns.get(kind) or _fitted(early, picked[kind], settings)
                guns[name] = moved(first, np.random.default_rng(seed))
            else:
                loss = None
                if control == "dealt":
                    loss = Dealt(early.recall.battles[np.sort(picked[kind])], np.random.default_rng(seed))
                guns[name] = _fitted(early, picked[kind], settings, loss)
            yield name, seed, guns[name]


def _fitted(
    early: Cases, rows: Integers, settings: Mapping[str, Any], loss: Callable[..., Any] | None = None
) -> NeighbourModel:
    counts = np.bincount(rows, minlength=len(early.recall))  # 0: remembered only
    return NeighbourModel(loss=loss, **settings).fit(early.recall, sample_weight=counts)


def case_cells(
    waves: pd.DataFrame,
    seeds: Iterable[int],
    neighbours: Iterable[int] = NEIGHBOURS,
    learners: Sequence[str] = LEARNERS,
    battles: Sequence[Any] | None = None,
) -> Iterator[pd.DataFrame]:
    """Yield cells: shots and loss of late cases a battle and ``part``, "hard" or "other".

    Of the others only some are judged, the ``shots``; ``cases`` says how many of each there are.

    Parameters
    ----------
    waves : DataFrame
        As `kdelab.load_waves` gives it.
    seeds : iterable of int
    neighbours : iterable of int
        The most neighbours a prediction, each a matter of its own.
    learners : sequence of str
        Of `LEARNERS`.
    battles : sequence, optional
        Which are judged; all by default. All are trained on.
    """
    seeds = list(seeds)
    for most in neighbours:
        settings = SETTINGS | {"neighbours": most}
        early, late = early_and_late(waves, settings, battles)
        judged, frame, cases = late.judged()
        for name, seed, gun in trained(early, seeds, learners, settings):
            table = frame.assign(cross_entropy=gun.losses(late.recall, judged.rows))
            summed = cells.summed(table, ["battle", "part"], learner=name, seed=seed, neighbours=most)
            yield summed.merge(cases, on=["battle", "part"])
