"""The dial between chasing and giving up: one loss, one kernel, and only how loudly a case is heard changes.

A case that the unlearned gun has the loss L0 in counts exp(-alpha L0) times: alpha < 0 chases what is hard, 0 is the
loss as it is, alpha > 0 gives it up. The weights have the mean 1 and an upper bound, so that no case rules. As a
placebo the same weights are dealt to other cases.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kdelab.gun.compare import cells, sets, surfing, trials
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves.columns import number_column
from kdelab.learn.memory import ENOUGH
from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Cauchy, Gaussian, Laplace
from kdelab.loss.rules import GaussLegendre
from kdelab.loss.validate import Floats, Integers, scalar
from kdelab.study import rivals

ALPHAS = (-0.6, -0.3, 0.0, 0.3, 0.6, 1.0)
LOUDEST = 5.0  # times the mean: as loud as a case may become
JOBS = ("gun", "surfer")
EXAMS = {"samples": ("gun",), "surfers": JOBS, "surfers, new": JOBS, "confirm": JOBS}  # of each set, the jobs
SIMPLE = ("kdelab.StopAndGo", "kdelab.Oscillator")  # our own robots whose guns don't learn
SEEDS = range(10)
CHOICES = 2  # places that the surfer can reach
OURS = "alpha 0"

_BANDWIDTH = 0.1
SETTINGS: dict[str, Any] = {
    "form": "linear",
    "kernel": Laplace(_BANDWIDTH),
    "predictions": 3000,
    "shrinkage": 1.0,
    "retrievals": 1,
    "validation": 0.0,
    "max_iter": 40,
}


class Learner(NamedTuple):
    """A position of the dial, or another loss.

    Attributes
    ----------
    alpha : float
    placebo : bool
        Whether the weights are dealt to other cases.
    loss : callable or None
        As of `NeighbourModel`.
    """

    alpha: float = 0.0
    placebo: bool = False
    loss: Callable[..., Any] | None = None


def _with(kernel: Any, clusters: Clusters, _: Any) -> CrossEntropy:
    """Return the loss with a kernel of its own, whatever the gun's is."""
    return CrossEntropy(clusters, kernel)


_NODES = GaussLegendre(8)
LOSSES: dict[str, Callable[..., Any]] = {
    "squared error of the mean": rivals.MeanSquaredError,
    "W1": rivals.Wasserstein,
    "CRPS": rivals.CRPS,
    "1 - sqrt(p)": partial(rivals.Power, alpha=0.5, quadrature=_NODES),
    "1 - p": partial(rivals.Power, alpha=1.0, quadrature=_NODES),
    "cross-entropy, Gaussian": partial(_with, Gaussian(_BANDWIDTH)),
    "cross-entropy, Cauchy": partial(_with, Cauchy(_BANDWIDTH)),
}


def position(alpha: float, placebo: bool = False) -> str:
    """Return the name of a position of the dial: ``"alpha -0.3"``, ``"alpha 0.6, placebo"``."""
    return f"alpha {alpha:g}" + (", placebo" if placebo else "")


POSITIONS: dict[str, Learner] = {position(alpha): Learner(alpha) for alpha in ALPHAS}
POSITIONS |= {position(alpha, True): Learner(alpha, True) for alpha in ALPHAS if alpha}
LEARNERS = POSITIONS | {name: Learner(loss=loss) for name, loss in LOSSES.items()}


def loudness(losses: Floats, alpha: float, loudest: float = LOUDEST) -> Floats:
    """Return how much each case counts: exp(-alpha L0), at most `loudest` times the mean, which is 1.

    Parameters
    ----------
    losses : array (n,)
        L0, nats: the unlearned gun's loss of each case.
    alpha : float
        1 / nats, -10 to 10.
    loudest : float
        Above 1.

    Raises
    ------
    ValueError
        If a loss isn't finite or a number isn't allowed.
    """
    losses = np.asarray(losses, dtype=np.float64)
    if not np.isfinite(losses).all():
        raise ValueError("losses must be finite numbers")
    if abs(scalar("alpha", alpha)) > 10:
        raise ValueError(f"alpha: {alpha} given, allowed are -10 to 10")
    if scalar("loudest", loudest) <= 1:
        raise ValueError(f"loudest: {loudest} given, allowed is what is above 1")
    # Capped and then brought to the mean 1, the largest would be above the cap again. So the k largest are at it, and
    # the others share what is left, for the first k with which none of those is above.
    weights = np.exp(-alpha * (losses - (losses.min() if alpha > 0 else losses.max())))
    ordered = np.sort(weights)[::-1]
    others = np.cumsum(ordered[::-1])[::-1] + np.finfo(float).tiny  # the sum of all from the k-th largest on
    scale = (len(weights) - loudest * np.arange(len(weights))) / others
    return np.minimum(weights * scale[np.argmax(scale * ordered <= loudest)], loudest)


def late_shots(waves: pd.DataFrame, recall: Recall) -> Integers:
    """Return the rows of late rounds' real shots that have something in memory."""
    real = number_column(waves, "real") > 0
    return np.flatnonzero(trials.late_rounds(waves) & real & (recall.memory.stored >= ENOUGH))


def trained(
    waves: pd.DataFrame,
    seeds: Iterable[int],
    learners: Mapping[str, Learner] = POSITIONS,
    settings: Mapping[str, Any] = SETTINGS,
) -> Iterator[tuple[str, int, NeighbourModel]]:
    """Yield learners, each trained on the early rounds with each seed: name, seed, model."""
    early = Recall(waves[~trials.late_rounds(waves)].reset_index(drop=True))
    able = np.flatnonzero(early.memory.stored >= ENOUGH)
    unlearned = NeighbourModel(**settings).unlearned(early)
    losses = unlearned.losses(early, able)
    for seed in seeds:
        dealt = np.random.default_rng(seed).permutation(len(able))
        for name, learner in learners.items():
            loud = loudness(losses, learner.alpha)
            weights = np.zeros(len(early))
            weights[able] = loud[dealt] if learner.placebo else loud
            model = NeighbourModel(loss=learner.loss, random_state=seed, **settings)
            yield name, seed, model.fit(early, sample_weight=weights)


def gun_cells(waves: pd.DataFrame, seeds: Iterable[int], **named: Any) -> Iterator[pd.DataFrame]:
    """Yield cells of guns on late real shots: shots, hits and loss a battle; `named` as of `trained`."""
    recall = Recall(waves)
    rows = late_shots(waves, recall)
    for name, seed, gun in trained(waves, seeds, **named):
        yield cells.summed(gun.judge(recall, rows), ["battle"], learner=name, seed=seed)


def surfer_cells(waves: pd.DataFrame, seeds: Iterable[int], **named: Any) -> Iterator[pd.DataFrame]:
    """Yield cells of surfers on late real shots: shots and hits taken a battle; `named` as of `trained`.

    What a surfer learns is where its enemy's real shots go; each then moves to the safer of two random places, the same
    for all learners.
    """
    turned = surfing.as_surfer(waves)
    recall = Recall(turned)
    rows = late_shots(turned, recall)
    shots = pd.DataFrame({"battle": recall.battles[rows]})
    for name, seed, surfer in trained(turned, seeds, **named):
        taken = surfing.hits_taken(surfer, turned, rows, np.random.default_rng(seed), CHOICES)
        yield cells.summed(shots.assign(hit=taken), ["battle"], learner=name, seed=seed)


def exam(name: str, job: str) -> pd.DataFrame:
    """Return the waves of a set that a job is judged on: for a surfer those of robots whose own guns learn.

    Raises
    ------
    ValueError
        If there is no such set or job, or nobody in the set has a gun that learns.
    """
    waves = sets.battles_of(name)
    if job == "gun":
        return waves
    if job != "surfer":
        raise ValueError(f"job: {job!r} given, allowed are {', '.join(JOBS)}")
    learns = ~waves["shooter"].astype(str).str.startswith("sample").to_numpy() & ~waves["shooter"].isin(SIMPLE)
    if not learns.any():
        raise ValueError(f"name: nobody in {name!r} has a gun that learns")
    return waves[learns].reset_index(drop=True)


def of_sets(names: Iterable[str], seeds: Iterable[int] = SEEDS) -> Iterator[pd.DataFrame]:
    """Yield all cells of some sets of `EXAMS`, with columns ``set`` and ``job``."""
    seeds = list(seeds)
    for name in names:
        for job in EXAMS[name]:
            for part in (gun_cells if job == "gun" else surfer_cells)(exam(name, job), seeds, learners=LEARNERS):
                yield part.assign(set=name, job=job)
