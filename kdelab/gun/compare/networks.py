"""Does a network beat fourteen weights?  What learners make of the same neighbours, on real shots.

The cells that notebook 17 decides from: columns and exams are those of `kdelab.gun.compare.learned`. All learners see
the same neighbours, retrieved once by the plain distance, all features alike, for training as for shots; what they
learn is how to weight them. Training a network takes PyTorch, reading cells doesn't.

- *robots never seen*: trained on the other robots of "samples", each left out in turn; other robots are judged by
  learners trained on all of it
- *robots seen*: trained on all of "samples", judged by shots at its robots in other battles
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from kdelab.gun.aim import most_mass
from kdelab.gun.compare import cells, learned, sets
from kdelab.gun.compare.learned import LINEAR, POWERS, SCALE, SEEN, UNSEEN, Exam
from kdelab.gun.judging import judged
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves.columns import numbers_in
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.store import load_waves
from kdelab.learn.distance import Parameters
from kdelab.learn.form import Form
from kdelab.learn.memory import SHARE, Neighbourhood
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.rules import Midpoint
from kdelab.loss.validate import Floats, Integers

NETWORK = "network"
DEALT = f"{NETWORK}, targets dealt"
BINS = (1, 4, 16, 64)
SEEDS = range(400, 405)
SETS = ("samples", "confirm", sets.FRESH)
NEIGHBOURS = 100

Weigh = Callable[[Floats, Integers, Neighbourhood], Floats]
"""Takes a table of features, rows and their neighbours, and returns the neighbours' logits."""


class Training(NamedTuple):
    """The network's size, and how it is trained: by Adam, with a step that falls to 0 in a line.

    Attributes
    ----------
    hidden, width : int
        Of the layer between, and of the embedding.
    epochs : int
    batch : int
        Predictions a step, with all of their neighbours.
    step : float
    """

    hidden: int = 64
    width: int = 16
    epochs: int = 20
    batch: int = 256
    step: float = 0.01


SETTINGS: dict[str, Any] = {
    "kernel": Laplace(0.1),
    "predictions": 6000,
    "shrinkage": 1.0,
    "max_iter": 40,
    "training": Training(),
}


class Learner(NamedTuple):
    """What is learned, and from which loss.

    Attributes
    ----------
    form : str
        As of `NeighbourModel`, or "network".
    bins : int
        So many midpoint bins a target in training; 0: the exact loss.
    dealt : bool
        Whether from targets that were dealt to other waves: all but a scale of the logits, which is tuned.
    """

    form: str
    bins: int = 0
    dealt: bool = False


def binned(name: str, bins: int) -> str:
    """Return what a learner is called that was trained on bins."""
    return f"{name}, {bins} bin{'s' * (bins > 1)}"


LEARNERS = {SCALE: Learner("scale"), LINEAR: Learner("linear"), POWERS: Learner("power"), NETWORK: Learner(NETWORK)}
BINNED = {binned(name, bins): LEARNERS[name]._replace(bins=bins) for name in (LINEAR, NETWORK) for bins in BINS}
PLACEBO = {DEALT: Learner(NETWORK, dealt=True)}


class Found(NamedTuple):
    """Some waves of a table, and their neighbours by the plain distance.

    Attributes
    ----------
    recall : Recall
    rows : array of int (n,)
    neighbours : Neighbourhood
    """

    recall: Recall
    rows: Integers
    neighbours: Neighbourhood

    @classmethod
    def of(cls, recall: Recall, rows: Integers) -> "Found":
        """Retrieve them."""
        return cls(recall, rows, recall.memory.nearest(recall.scaled(RANGES), rows, NEIGHBOURS))

    def clusters(self) -> Clusters:
        """Return their clusters."""
        return self.recall.clusters(self.rows, self.neighbours)

    def logits(self, weigh: Weigh) -> Floats:
        """Return what a learner makes of the neighbours."""
        return weigh(self.recall.scaled(RANGES), self.rows, self.neighbours)


def trained(
    waves: pd.DataFrame, seeds: Iterable[int], learners: Mapping[str, Learner], settings: Mapping[str, Any] = SETTINGS
) -> Iterator[tuple[str, int, Weigh]]:
    """Yield learners trained with each seed: name, seed, and how it weighs neighbours.

    Parameters
    ----------
    waves : DataFrame
    seeds : iterable of int
        Each picks the predictions, the same for all learners.
    learners : mapping of str to Learner
    settings : mapping
        Of `NeighbourModel`; "training" is the network's.
    """
    honest = Recall(waves, within_round=True)
    for seed in seeds:
        rows = _gun("linear", settings, seed, max_iter=1).fit(honest).predictions_
        found = Found.of(honest, rows)
        for name, learner in learners.items():
            known = honest
            if learner.dealt:
                known = Recall(learned.deal(waves, np.random.default_rng(seed)), within_round=True)
            weigh = _network if learner.form == NETWORK else _weights
            one = weigh(found._replace(recall=known), learner, seed, settings)
            yield name, seed, tuned(one, found, settings["kernel"]) if learner.dealt else one


def _gun(form: str, settings: Mapping[str, Any], seed: int, **changes: Any) -> NeighbourModel:
    once = {"neighbours": NEIGHBOURS, "retrievals": 1, "validation": 0.0, "within_round": True, "random_state": seed}
    named = {name: value for name, value in settings.items() if name != "training"}
    return NeighbourModel(form=form, **(once | named | changes))


def _weights(found: Found, learner: Learner, seed: int, settings: Mapping[str, Any]) -> Weigh:
    loss = partial(CrossEntropy, quadrature=Midpoint(learner.bins)) if learner.bins else None
    gun = _gun(learner.form, settings, seed, loss=loss).fit(found.recall)
    form = Form.named(learner.form, len(RANGES))
    parameters = Parameters(gun.scale_ * gun.weights_, gun.exponents_, gun.offsets_)

    def weigh(features: Floats, rows: Integers, neighbours: Neighbourhood) -> Floats:
        return form.logits(features, rows, neighbours).forward(parameters).copy()

    return weigh


def _network(found: Found, learner: Learner, seed: int, settings: Mapping[str, Any]) -> Weigh:
    from kdelab.gun.compare import embedding  # it takes PyTorch

    batch = found.recall.scaled(RANGES), found.rows, found.neighbours, found.clusters()
    return embedding.trained(*batch, settings["kernel"], seed, settings["training"], learner.bins).logits


def tuned(weigh: Weigh, found: Found, kernel: Kernel) -> Weigh:
    """Return a learner with its logits times the one factor at which the loss is least on true targets."""
    loss, logits = CrossEntropy(found.clusters(), kernel), found.logits(weigh)
    best = minimize_scalar(lambda power: loss.value(logits * 2.0**power).mean(), bounds=(-6, 6), method="bounded")
    return lambda *given: weigh(*given) * 2.0**best.x


class Examined:
    """An exam, with the neighbours of its shots found once for all learners.

    Parameters
    ----------
    exam : Exam
    kernel : Kernel
    """

    def __init__(self, exam: Exam, kernel: Kernel) -> None:
        self.exam, self.kernel = exam, kernel
        recall = Recall(exam.waves, within_round=True)
        known = recall.memory.stored[exam.rows] >= SHARE
        self.found, unknown = Found.of(recall, exam.rows[known]), exam.rows[~known]
        self.blind = judged(recall, unknown, np.zeros(len(unknown)), np.full(len(unknown), np.log(2.0)))
        self.clusters, self.widths = self.found.clusters(), recall.bot_width(self.found.rows)
        self.loss = CrossEntropy(self.clusters, kernel)

    def cells(self, name: str, seed: int, weigh: Weigh) -> pd.DataFrame:
        """Return a learner's cells; head-on and uniform where nothing is known."""
        logits, (recall, rows, _) = self.found.logits(weigh), self.found
        aims = most_mass(self.clusters, self.clusters.softmax(logits), self.kernel, self.widths)
        table = pd.concat([judged(recall, rows, aims, self.loss.value(logits)), self.blind]).sort_values("row")
        asked = self.exam.waves.iloc[table["row"]]
        part = np.where(numbers_in(asked, "round") < 2, learned.BEGINNING, learned.LATER)
        table = table.assign(robot=asked["enemy"].astype(str).to_numpy(), part=part)
        labels = self.exam.labels | {"exam": self.exam.name, "memory": learned.WITHIN, "learner": name, "seed": seed}
        return cells.summed(table.assign(battle=table["battle"].astype(str)), ["battle", "robot", "part"], **labels)


def exams(
    recorded: Mapping[str, pd.DataFrame], known: Iterable[str], left_out: str | None
) -> Iterator[tuple[Exam, Mapping[str, Learner]]]:
    """Yield what learners are asked that were trained without a robot, or on all, and which.

    Parameters
    ----------
    recorded : mapping of str to DataFrame
        Sets by name.
    known : iterable of str
        Robots of the training set.
    left_out : str, optional
        Of these; none by default.
    """
    for name, waves in recorded.items():
        there = set(waves["enemy"].astype(str))
        at = partial(learned.real_shots, waves=waves, set=name)
        if left_out is not None:
            if left_out in there:
                yield at(UNSEEN, at=[left_out]), LEARNERS
        elif name != "samples":
            yield at(UNSEEN, at=there - set(known)), LEARNERS
            yield at(SEEN, at=known), LEARNERS | BINNED
            yield at(UNSEEN), PLACEBO


def of_sets(
    names: Iterable[str], seeds: Iterable[int] = SEEDS, settings: Mapping[str, Any] = SETTINGS
) -> Iterator[pd.DataFrame]:
    """Yield all cells of some of `SETS`; learners are trained once for all of them."""
    seeds, training = list(seeds), load_waves("samples")
    recorded = {name: sets.battles_of(name) for name in names}
    enemy = training["enemy"].astype(str)
    known = np.unique(enemy)
    for robot in (None, *known):
        asked = [
            (Examined(exam, settings["kernel"]), who) for exam, who in exams(recorded, known, robot) if len(exam.rows)
        ]
        learners = {name: one for _, who in asked for name, one in who.items()}
        others = training if robot is None else training[enemy != robot].reset_index(drop=True)
        for name, seed, weigh in trained(others, seeds, learners, settings) if asked else ():
            for exam, who in asked:
                if name in who:
                    yield exam.cells(name, seed, weigh)
