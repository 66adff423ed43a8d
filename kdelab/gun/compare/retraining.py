"""Hard cases that turn easy, and easy ones that turn hard, when neighbours are looked up by learned weights.

Hard is a case none of whose neighbours' points lies within a bandwidth of its target. Which late cases are hard
*before* says the unlearned distance. Any other distance turns some of them easy, for they can only turn one way. So two
placebos stand beside the learned weights: the same weights dealt to other features, and those stretched, too, until as
many neighbours are new as under the learned ones.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from kdelab.gun.compare.hard import Cases, Dealt, early_and_late, moved
from kdelab.gun.model import NeighbourModel
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Floats, Integers
from kdelab.study import hard

NEIGHBOURS = (5, 10, 20, 50)
DECIDED_AT = 10  # neighbours
SEEDS = range(10)
DRAWS = 3  # of each placebo
TRAINED_ON = 4000  # predictions
SETTINGS: dict[str, Any] = {
    "form": "linear",
    "kernel": Laplace(0.1),
    "shrinkage": 3.0,
    "retrievals": 3,
    "patience": None,
    "validation": 0.0,
    "max_iter": 40,
}
LEARNERS = (
    "unlearned",
    "once",
    "thrice",
    "thrice, placebo",
    "thrice, as far",
    "dealt",
    "dealt, placebo",
    "dealt, as far",
)
FARTHEST, SEARCHED, STEPS = 8.0, 300, 6  # of the search for how far to stretch: the most, cases, halvings


def trained(
    early: Cases, seeds: Iterable[int], settings: Mapping[str, Any], dealt: bool = True
) -> Iterator[tuple[str, int, NeighbourModel]]:
    """Yield guns trained on early cases: after one retrieval, after all, and on targets dealt within battles."""
    for seed in seeds:
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.permutation(early.rows)[:TRAINED_ON])
        weights = np.bincount(rows, minlength=len(early.recall))  # 0: remembered only
        gun = NeighbourModel(**settings).fit(early.recall, sample_weight=weights)
        yield "once", seed, gun.at(1)
        yield "thrice", seed, gun
        if dealt:
            loss = Dealt(early.recall.battles[rows], rng)
            yield "dealt", seed, NeighbourModel(loss=loss, **settings).fit(early.recall, sample_weight=weights)


class Before:
    """Late cases as the unlearned gun finds them: all that are hard, and some others.

    Parameters
    ----------
    late : Cases
    unlearned : NeighbourModel
    """

    def __init__(self, late: Cases, unlearned: NeighbourModel) -> None:
        few, self.frame, self.cases = late.judged()
        self.recall, self.rows, self.hard = few
        some = np.random.default_rng(0).permutation(self.rows[self.hard])[:SEARCHED]
        self.searched = np.sort(some)
        self.first = {True: self._pairs(unlearned, self.searched), False: self._pairs(unlearned, self.rows)}

    def judged(self, gun: NeighbourModel) -> pd.DataFrame:
        """Return a row a case: whether it turned, its loss, and the share of its neighbours that are new."""
        clusters, logits, found = gun.logits(self.recall, self.rows)
        turned = (hard.nearest(clusters) > SETTINGS["kernel"].bandwidth) != self.hard
        new = ~np.isin(self._keys(self.rows, found.offsets, found.rows), self.first[False])
        loss = CrossEntropy(clusters, SETTINGS["kernel"]).value(logits)
        return self.frame.assign(turned=turned, loss=loss, new=clusters.sum(new.astype(float)) / clusters.sizes)

    def new(self, gun: NeighbourModel) -> float:
        """Return the share of neighbours of some hard cases that are new under a gun."""
        return float((~np.isin(self._pairs(gun, self.searched), self.first[True])).mean())

    def as_far(self, gun: NeighbourModel, like: NeighbourModel) -> NeighbourModel:
        """Return a gun, its weights taken to the power at which as many neighbours are new as under another one."""
        wanted, low, high = self.new(like), 0.0, FARTHEST
        for _ in range(STEPS if len(self.searched) else 0):
            middle = np.sqrt(max(low, 1 / FARTHEST) * high)
            low, high = (middle, high) if self.new(stretched(gun, middle)) < wanted else (low, middle)
        return stretched(gun, np.sqrt(max(low, 1 / FARTHEST) * high))

    def cells(self, guns: Sequence[NeighbourModel], **labels: Any) -> pd.DataFrame:
        """Return cells, the mean over some guns: shots, turned, loss and new a battle and part, and all cases there."""
        by = ["battle", "part"]
        sums = [self.judged(gun).groupby(by).sum() for gun in guns]
        mean = sum(sums[1:], sums[0]) / len(guns)
        shots = self.frame.groupby(by).size().rename("shots")
        table = pd.concat([shots, mean], axis=1).reset_index()
        return table.merge(self.cases, on=by).assign(**labels)

    def _pairs(self, gun: NeighbourModel, rows: Integers) -> Integers:
        _, _, found = gun.logits(self.recall, rows)
        return self._keys(rows, found.offsets, found.rows)

    def _keys(self, rows: Integers, offsets: Integers, neighbours: Integers) -> Integers:
        """Return a number for each pair of case and neighbour."""
        return np.asarray(np.repeat(rows, np.diff(offsets)) * len(self.recall) + neighbours)


def stretched(gun: NeighbourModel, power: float) -> NeighbourModel:
    """Return a gun whose changes of log weight are so many times as large; the weights' mean stays."""
    other = NeighbourModel.from_json(gun.to_json())
    weights: Floats = gun.weights_**power
    other.weights_ = weights / (weights.mean() or 1.0)  # targets that teach nothing may leave no distance at all
    return other


def case_cells(
    waves: pd.DataFrame,
    seeds: Iterable[int],
    neighbours: Iterable[int] = NEIGHBOURS,
    battles: Sequence[Any] | None = None,
    controls: bool = True,
) -> Iterator[pd.DataFrame]:
    """Yield cells: how many of the late cases that were "hard" or "other" before (``part``) turned, a battle.

    Besides ``shots``, the cases looked at, and ``turned`` there are ``loss``, ``new``, the sum of the shares of
    neighbours that are new, and ``cases``: how many there are, looked at or not.

    Parameters
    ----------
    waves : DataFrame
        As `kdelab.load_waves` gives it.
    seeds : iterable of int
    neighbours : iterable of int
        The most neighbours a prediction; guns are trained and cases looked up anew for each.
    battles : sequence, optional
        Which are judged; all by default. All are trained on.
    controls : bool
        Whether with placebos, and with guns that are trained on other cases' targets.
    """
    seeds = list(seeds)
    for most in neighbours:
        settings = SETTINGS | {"neighbours": most}
        early, late = early_and_late(waves, settings, battles)
        unlearned = NeighbourModel(**settings).unlearned(early.recall)
        before = Before(late, unlearned)
        for seed in seeds:
            yield before.cells([unlearned], learner="unlearned", seed=seed, neighbours=most)
        for name, seed, gun in trained(early, seeds, settings, controls):
            yield before.cells([gun], learner=name, seed=seed, neighbours=most)
            if controls and name != "once":
                rng = np.random.default_rng(seed)
                dealt = [moved(gun, rng) for _ in range(DRAWS)]
                far = [before.as_far(other, gun) for other in dealt]
                yield before.cells(dealt, learner=f"{name}, placebo", seed=seed, neighbours=most)
                yield before.cells(far, learner=f"{name}, as far", seed=seed, neighbours=most)
