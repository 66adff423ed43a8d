"""Fitting: retrieve, train on what was found, retrieve anew with the learned weights.

The state on disk is one small JSON file, rewritten beside and renamed with every step of the optimiser, so that a
killed fit goes on from the last good step.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from kdelab.gun.distances import Distances, Form
from kdelab.gun.files import replacing
from kdelab.gun.retrieval import Memory, Neighbourhood
from kdelab.loss.validate import Floats, Integers


class Objective(Protocol):
    """What can be trained on: prepared for some clusters, it judges their logits."""

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and the gradient of their sum (total,)."""
        ...


class Settings(NamedTuple):
    """How long and how to fit."""

    form: Form
    neighbours: int
    share: int
    retrievals: int
    retrieve_anew: bool
    max_iter: int
    patience: int | None
    shrinkage: float
    progress: bool


class Round(NamedTuple):
    """How things stood after one round of retrieval and training; round 0 is before any.

    Attributes
    ----------
    retrieval : int
    theta : tuple of float
        The flat parameters.
    before, after : float
        The training loss on this round's clusters, before and after training on them.
    held_out : float
        The loss on the held-out rounds, each wave's neighbours found with these parameters; NaN without any.
    evaluations : int
        How often the loss was evaluated.
    """

    retrieval: int
    theta: tuple[float, ...]
    before: float
    after: float
    held_out: float
    evaluations: int


class Task(NamedTuple):
    """What to learn from: features, memories, predictions with their weights, and the objective's factory."""

    features: Floats
    memory: Memory
    train: Integers
    held_out: Integers
    weights: Floats  # one a wave of the whole table
    objective: Callable[[Integers, Neighbourhood], Objective]
    yardstick: Callable[[Integers, Neighbourhood], Objective]


class Checkpoint:
    """A fit's state on disk, or nowhere where there is no path.

    Parameters
    ----------
    path : str, Path or None
    fingerprint : str
        Identifies data and settings: a state of another fit is refused.

    Raises
    ------
    ValueError
        If the file there is no state of this fit.
    """

    def __init__(self, path: str | Path | None, fingerprint: str) -> None:
        self.path = None if path is None else Path(path)
        self.fingerprint = fingerprint
        self.rounds: list[Round] = []
        self.theta: Floats | None = None
        if self.path is not None and self.path.exists():
            self._read(self.path)

    def _read(self, path: Path) -> None:
        try:
            state = json.loads(path.read_text())
            rounds = [Round(**{**entry, "theta": tuple(entry["theta"])}) for entry in state["rounds"]]
            theta, fingerprint = np.array(state["theta"], dtype=np.float64), state["fingerprint"]
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise ValueError(f"checkpoint={str(path)!r} is not the state of a fit: {error!r}") from error
        if fingerprint != self.fingerprint:
            raise ValueError(
                f"checkpoint={str(path)!r} belongs to a fit with other data or settings; remove it or name another file"
            )
        self.rounds, self.theta = rounds, theta

    def write(self, theta: Floats) -> None:
        """Put the rounds so far and the present parameters on disk."""
        self.theta = theta.copy()
        if self.path is None:
            return
        state = {
            "fingerprint": self.fingerprint,
            "theta": [float(value) for value in theta],
            "rounds": [entry._asdict() for entry in self.rounds],
        }
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(state))


def fit(task: Task, settings: Settings, start: Floats, checkpoint: Checkpoint) -> list[Round]:
    """Return how things stood at the start and after every round of retrieval.

    Parameters
    ----------
    task : Task
    settings : Settings
    start : array
        The flat parameters to begin with.
    checkpoint : Checkpoint
        Where a fit that was cut short goes on; it also holds the rounds so far if this one is.

    Raises
    ------
    ValueError
        If the loss is not finite at some point of training.
    """
    rounds = checkpoint.rounds
    first = find(task, settings, task.train, start)
    batch = Batch(task, task.train, first, task.objective)
    noise = batch.noise(settings.form, start) if settings.shrinkage else 0.0
    if not rounds:
        value, _ = evaluate(batch, settings.form, start)
        rounds.append(Round(0, tuple(start), value, value, held_out_loss(task, settings, start), 1))
        checkpoint.write(start)
    theta = start if checkpoint.theta is None else checkpoint.theta
    while not finished(rounds, settings):
        done = np.array(rounds[-1].theta)
        if settings.retrieve_anew and len(rounds) > 1:
            batch = Batch(task, task.train, find(task, settings, task.train, done), task.objective)
        before, _ = evaluate(batch, settings.form, done)
        theta, evaluations = descend(batch, settings, theta, settings.shrinkage * noise, checkpoint, len(rounds))
        after, _ = evaluate(batch, settings.form, theta)
        rounds.append(
            Round(len(rounds), tuple(theta), before, after, held_out_loss(task, settings, theta), evaluations)
        )
        checkpoint.write(theta)
    return rounds


def best(rounds: list[Round]) -> Round:
    """Return the round with the least held-out loss, or the last one where nothing was held out."""
    if np.isnan(rounds[-1].held_out):
        return rounds[-1]
    return min(rounds, key=lambda entry: entry.held_out)


def finished(rounds: list[Round], settings: Settings) -> bool:
    """Whether all retrievals are done, or held-out loss has not improved for `patience` of them."""
    if len(rounds) > settings.retrievals:
        return True
    if settings.patience is None or np.isnan(rounds[-1].held_out):
        return False
    return rounds[-1].retrieval - best(rounds).retrieval >= settings.patience


def find(task: Task, settings: Settings, wanted: Integers, theta: Floats) -> Neighbourhood:
    """Return the neighbours under the given parameters."""
    parameters = settings.form.parameters(theta)
    positions = parameters.transformed(task.features) * parameters.weights
    return task.memory.nearest(positions, wanted, settings.neighbours, settings.share)


class Batch:
    """Retrieved clusters, prepared: the mean loss as a function of the parameters."""

    def __init__(
        self,
        task: Task,
        predictions: Integers,
        found: Neighbourhood,
        objective: Callable[[Integers, Neighbourhood], Objective],
    ) -> None:
        self.distances = Distances(task.features, predictions, found)
        self.objective = objective(predictions, found)
        weights = task.weights[predictions]
        self.weights = weights / weights.sum()
        self.spread = np.repeat(self.weights, np.diff(found.offsets))

    def noise(self, form: Form, theta: Floats) -> float:
        """Return the standard error of the mean loss, as if predictions were independent."""
        values, _ = self.objective.value_and_grad(self.distances.logits(form.parameters(theta)))
        deviation = values - self.weights @ values
        return float(np.sqrt(self.weights @ deviation**2 * (self.weights @ self.weights)))


def evaluate(batch: Batch, form: Form, theta: Floats) -> tuple[float, Floats]:
    """Return the weighted mean loss and its gradient by the flat parameters."""
    parameters = form.parameters(theta)
    values, gradient = batch.objective.value_and_grad(batch.distances.logits(parameters))
    loss = float(batch.weights @ values)
    if not np.isfinite(loss):
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"loss: it is not finite for {bad} of {len(values)} predictions; a kernel without tails needs a background"
        )
    slope = batch.distances.slopes(parameters, gradient * batch.spread, curved=form.name == "power")
    return loss, form.pulled_back(slope)


def held_out_loss(task: Task, settings: Settings, theta: Floats) -> float:
    """Return the mean loss of the held-out waves under the yardstick, or NaN if there are none."""
    if len(task.held_out) == 0:
        return float("nan")
    found = find(task, settings, task.held_out, theta)
    return evaluate(Batch(task, task.held_out, found, task.yardstick), settings.form, theta)[0]


def descend(
    batch: Batch, settings: Settings, theta: Floats, shrinkage: float, checkpoint: Checkpoint, number: int
) -> tuple[Floats, int]:
    """Return parameters of lower loss plus `shrinkage` times their spread (L-BFGS-B), and the number of evaluations."""

    def objective(theta: Floats) -> tuple[float, Floats]:
        loss, gradient = evaluate(batch, settings.form, theta)
        spread, slope = settings.form.spread(theta)
        return loss + shrinkage * spread, gradient + shrinkage * slope

    with tqdm(total=settings.max_iter, desc=f"retrieval {number}", disable=not settings.progress, leave=False) as bar:

        def after_step(theta: Floats) -> None:
            checkpoint.write(theta)
            bar.update()

        options: Any = {"maxiter": settings.max_iter, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
        result: Any = minimize(  # type: ignore[call-overload]
            objective,
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=settings.form.bounds,
            callback=after_step,
            options=options,
        )
    return np.asarray(result.x), int(result.nfev)
