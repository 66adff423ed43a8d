"""Does training pay?  The gun with learned weights against the same gun with one tuned scale, on real shots alone.

The cells that notebook 13 decides from. A table of them has, besides
the columns of `kdelab.gun.compare.cells`, ``exam``, ``memory``, ``robot`` (who was shot at) and ``part``: rounds 0 and
1, in which there is little to remember, or the later ones.

- *robots never seen*: trained on the other robots, each robot left out in turn
- *robots seen*: trained on the robots that are shot at, in other battles or in earlier rounds
- *targets that adapt*: trained on robots that don't (*never seen*), or on early rounds of the same battles
- *own shots, kc.mega.BeepBoop*: those that it really fired, at robots left out; learner ``"really"`` is it itself
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from kdelab.gun.compare import cells, sets, trials
from kdelab.gun.judging import cross_entropy, judged
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves.columns import numbers_in
from kdelab.gun.waves.store import load_waves
from kdelab.learn.form import UNLEARNED_SCALE
from kdelab.learn.memory import ENOUGH
from kdelab.loss.kernels import Laplace
from kdelab.loss.validate import Floats, Integers

UNSEEN, SEEN, OWN = "robots never seen", "robots seen", "own shots"
ADAPT_UNSEEN, ADAPT_SEEN = "targets that adapt, never seen", "targets that adapt, early rounds seen"
WITHIN, EARLIER = "within the round", "earlier rounds"
BEGINNING, LATER = "rounds 0 and 1", "later rounds"
SCALE, LINEAR, POWERS, REALLY = "one scale", "linear", "powers", "really"
SHOOTERS = ("kc.mega.BeepBoop", "voidious.Diamond")
A_BATTLE = 300  # waves of a surfers' battle that may be trained on: two of them are very long
SEEDS = range(10)
SETTINGS: dict[str, Any] = {
    "kernel": Laplace(0.1),
    "neighbours": 100,
    "predictions": 3000,
    "shrinkage": 1.0,
    "retrievals": 2,
    "validation": 0.0,
    "max_iter": 40,
    "within_round": True,
}


class Learner(NamedTuple):
    """What is learned, and whether from targets that were dealt to other waves: all but the scale, which is tuned.

    Attributes
    ----------
    form : str
        As of `NeighbourModel`.
    dealt : bool
    """

    form: str
    dealt: bool = False


LEARNERS = {SCALE: Learner("scale"), LINEAR: Learner("linear"), POWERS: Learner("power")}
DEALT = f"{POWERS}, targets dealt"
PLACEBO = {DEALT: Learner("power", True)}


class Exam(NamedTuple):
    """Shots to judge guns on.

    Attributes
    ----------
    name : str
    waves : DataFrame
    rows : array of int
    labels : dict
        More columns of its cells: ``{"set": "samples"}``.
    """

    name: str
    waves: pd.DataFrame
    rows: Integers
    labels: dict[str, Any]


def real_shots(
    name: str, waves: pd.DataFrame, late: bool = False, at: Iterable[str] | None = None, **labels: Any
) -> Exam:
    """Return an exam of all real shots, or of those of late rounds alone, or at some robots alone."""
    asked = numbers_in(waves, "real") > 0
    if late:
        asked &= trials.late_rounds(waves)
    if at is not None:
        asked &= waves["enemy"].isin(list(at)).to_numpy()
    return Exam(name, waves, np.flatnonzero(asked), labels)


def own_shots(waves: pd.DataFrame, shooter: str, **labels: Any) -> Exam:
    """Return an exam of the decided shots that a robot really fired."""
    decided = (numbers_in(waves, "real") > 0) & np.isin(numbers_in(waves, "hit"), [0.0, 1.0])
    mine = decided & (waves["shooter"] == shooter).to_numpy()
    return Exam(f"{OWN}, {shooter}", waves, np.flatnonzero(mine), labels)


def deal(waves: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the waves with their targets dealt to other waves of the same battle and shooter."""
    dealt = waves.copy()
    for rows in waves.groupby(["battle", "shooter"], observed=True).indices.values():
        dealt.loc[waves.index[rows], ["lower", "upper"]] = waves[["lower", "upper"]].to_numpy()[rng.permutation(rows)]
    return dealt


def trained(
    waves: pd.DataFrame,
    seeds: Iterable[int],
    learners: Mapping[str, Learner] = LEARNERS,
    settings: Mapping[str, Any] = SETTINGS,
    a_battle: int | None = None,
) -> Iterator[tuple[str, int, NeighbourModel]]:
    """Yield learners trained with each seed: name, seed, gun.

    Parameters
    ----------
    waves : DataFrame
    seeds : iterable of int
    learners : mapping of str to Learner
    settings : mapping
        Of `NeighbourModel`.
    a_battle : int, optional
        Of each battle at most so many waves may be trained on, so that no long one rules; all by default.
    """
    within = settings["within_round"]
    honest = Recall(waves, within)
    for seed in seeds:
        mixed = deal(waves, np.random.default_rng(seed)) if any(one.dealt for one in learners.values()) else waves
        others = Recall(mixed, within) if mixed is not waves else honest
        weights = None if a_battle is None else _first(waves["battle"], a_battle, np.random.default_rng(seed))
        for name, learner in learners.items():
            gun = NeighbourModel(form=learner.form, random_state=seed, **settings)
            gun.fit(others if learner.dealt else honest, sample_weight=weights)
            yield name, seed, tuned(gun, honest) if learner.dealt else gun


def tuned(gun: NeighbourModel, waves: Recall) -> NeighbourModel:
    """Set the one scale at which a fitted gun's loss is least on the waves that it was trained on; return it."""
    gun.scale_ = UNLEARNED_SCALE  # whatever it was, 0 too: neighbours are told apart again
    _, logits, found = gun.logits(waves, gun.predictions_)
    loss = cross_entropy(waves, gun.predictions_, found, gun.kernel, gun.background)
    best = minimize_scalar(lambda power: loss.value(logits * 2.0**power).mean(), bounds=(-6, 6), method="bounded")
    gun.scale_ *= 2.0**best.x
    return gun


def _first(labels: pd.Series, most: int, rng: np.random.Generator) -> Floats:
    """Return 1 for at most so many rows of each label, picked at random, and 0 for the rest."""
    picked = pd.Series(rng.permutation(len(labels)), index=labels.index).groupby(labels, observed=True).rank() <= most
    return np.asarray(picked, dtype=np.float64)


def shots(gun: NeighbourModel, recall: Recall, rows: Integers) -> pd.DataFrame:
    """Return a row a shot, as `NeighbourModel.judge` does; head-on and uniform where nothing is known."""
    known = gun.judge(recall, rows)
    unknown = np.setdiff1d(rows, known["row"])
    blind = judged(recall, unknown, np.zeros(len(unknown)), np.full(len(unknown), np.log(2.0)))
    return pd.concat([known, blind], ignore_index=True).sort_values("row", ignore_index=True)


class _Examined:
    """An exam and its memories, prepared once."""

    def __init__(self, exam: Exam) -> None:
        self.exam = exam
        self.recalls = {name: Recall(exam.waves, name == WITHIN) for name in (WITHIN, EARLIER)}
        part = np.where(numbers_in(exam.waves, "round") < 2, BEGINNING, LATER)
        labels = {"battle": exam.waves["battle"].astype(str), "robot": exam.waves["enemy"].astype(str), "part": part}
        self.labels = pd.DataFrame(labels).reset_index(drop=True)

    def robots(self) -> list[str]:
        return sorted(self.labels["robot"].iloc[self.exam.rows].unique())

    def at(self, robots: Iterable[str]) -> Integers:
        return self.exam.rows[self.labels["robot"].iloc[self.exam.rows].isin(list(robots)).to_numpy()]

    def cells(self, rows: Integers, name: str, seed: int, gun: NeighbourModel) -> Iterator[pd.DataFrame]:
        if len(rows) == 0:
            return
        for memory, recall in self.recalls.items():
            table = shots(gun.set_params(within_round=memory == WITHIN), recall, rows)
            yield self._summed(table, memory=memory, learner=name, seed=seed)

    def really(self, seeds: Iterable[int]) -> Iterator[pd.DataFrame]:
        """Yield what was really hit, once a seed, so that it can be contrasted with what was trained."""
        rows = self.exam.rows
        hit = numbers_in(self.exam.waves, "hit")[rows] > 0
        table = pd.DataFrame({"row": rows, "hit": hit, "cross_entropy": np.nan})
        for seed in seeds:
            for memory in self.recalls:
                yield self._summed(table, memory=memory, learner=REALLY, seed=seed).assign(loss=np.nan)

    def _summed(self, table: pd.DataFrame, **labels: Any) -> pd.DataFrame:
        named = self.labels.iloc[table["row"]].reset_index(drop=True)
        joined = named.assign(hit=table["hit"].to_numpy(), cross_entropy=table["cross_entropy"].to_numpy())
        labels |= {"exam": self.exam.name, **self.exam.labels}
        return cells.summed(joined, ["battle", "robot", "part"], **labels)


def unseen_cells(
    training: pd.DataFrame, exams: Iterable[Exam], seeds: Iterable[int], **named: Any
) -> Iterator[pd.DataFrame]:
    """Yield cells of guns at robots that they weren't trained on; `named` as of `trained`.

    Each robot of `training` is left out in turn, and then shots at it are judged; guns trained on all of `training` are
    judged by shots at the others.
    """
    prepared = [_Examined(exam) for exam in exams]
    known = np.unique(training["enemy"].astype(str))
    asked = sorted(set().union(*(one.robots() for one in prepared)))
    strangers = [robot for robot in asked if robot not in known]
    left_out = [[robot] for robot in asked if robot in known and len(known) > 1] + ([strangers] if strangers else [])
    for robots in left_out:
        others = training[~training["enemy"].isin(robots)].reset_index(drop=True)
        for name, seed, gun in trained(others, seeds, **named):
            for one in prepared:
                yield from one.cells(one.at(robots), name, seed, gun)


def seen_cells(
    training: pd.DataFrame, exams: Iterable[Exam], seeds: Iterable[int], **named: Any
) -> Iterator[pd.DataFrame]:
    """Yield cells of guns trained on all of `training`; `named` as of `trained`."""
    prepared = [_Examined(exam) for exam in exams]
    for name, seed, gun in trained(training, seeds, **named) if prepared else ():
        for one in prepared:
            yield from one.cells(one.exam.rows, name, seed, gun)


def early_rounds(waves: pd.DataFrame) -> pd.DataFrame:
    """Return the rounds of each battle that aren't late."""
    return waves[~trials.late_rounds(waves)].reset_index(drop=True)


def explored_cells(waves: pd.DataFrame, seeds: Iterable[int], **named: Any) -> Iterator[pd.DataFrame]:
    """Yield cells of one recording: its robots left out in turn, and its late rounds after training on early ones.

    Robots that were hardly met, so that no wave at them has enough in memory, aren't left out.
    """
    seeds = list(seeds)
    stored = Recall(waves, named.get("settings", SETTINGS)["within_round"]).memory.stored
    met = waves["enemy"].isin(waves["enemy"][stored >= ENOUGH].unique())
    known = waves[met].reset_index(drop=True)
    if len(known):
        yield from unseen_cells(known, [real_shots(UNSEEN, known)], seeds, **named)
    yield from seen_cells(early_rounds(waves), [real_shots(SEEN, waves, late=True)], seeds, **named)


def _adaptive(waves: pd.DataFrame) -> np.ndarray:
    return ~waves["enemy"].astype(str).str.startswith("sample.").to_numpy()


def of_sets(names: Iterable[str], seeds: Iterable[int] = SEEDS) -> Iterator[pd.DataFrame]:
    """Yield all cells of some sets of `sets.SETS`; guns are trained once for all of them."""
    seeds, training = list(seeds), load_waves("samples")
    recorded = {name: sets.battles_of(name) for name in names}
    known = np.unique(training["enemy"].astype(str))
    left_out: list[Exam] = []
    after_all: list[Exam] = []
    placebo: list[Exam] = []
    early: list[tuple[pd.DataFrame, Exam, int | None]] = []
    for name, waves in recorded.items():
        if not name.startswith("surfers"):
            everything = real_shots(UNSEEN, waves, set=name)
            left_out.append(everything)
            placebo.append(everything)
            if name == "samples":
                early.append((waves, real_shots(SEEN, waves, late=True, set=name), None))
            else:
                after_all.append(real_shots(SEEN, waves, at=known, set=name))
            continue
        adapting = _adaptive(waves)
        duels, others = (waves[which].reset_index(drop=True) for which in (adapting, ~adapting))
        after_all.append(real_shots(ADAPT_UNSEEN, duels, late=True, set=name))
        early.append((duels, after_all[-1]._replace(name=ADAPT_SEEN), A_BATTLE))
        if len(others):
            own = [own_shots(others, shooter, set=name) for shooter in SHOOTERS]
            left_out += own
            for exam in own:
                yield from _Examined(exam).really(seeds)
    yield from seen_cells(training, after_all, seeds)
    yield from seen_cells(training, placebo, seeds, learners=PLACEBO)
    for waves, exam, a_battle in early:
        yield from seen_cells(early_rounds(waves), [exam], seeds, a_battle=a_battle)
    yield from unseen_cells(training, left_out, seeds)
