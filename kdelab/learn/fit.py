"""Fitting: retrieve, train on what was found, retrieve anew with the learned weights."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize
from tqdm import tqdm

from kdelab.learn.checkpoint import Checkpoint, Round
from kdelab.learn.distance import Form
from kdelab.learn.memory import Memory, Neighbourhood
from kdelab.loss.validate import Floats, Integers, vector


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


class Task(NamedTuple):
    """What to learn from: features, memories, predictions with their weights, and the objective's factory."""

    features: Floats
    memory: Memory
    train: Integers
    held_out: Integers
    weights: Floats  # one a wave of the whole table
    objective: Callable[[Integers, Neighbourhood], Objective]
    yardstick: Callable[[Integers, Neighbourhood], Objective]


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
    if rounds and finished(rounds, settings):
        return rounds
    first = find(task, settings, task.train, start)
    batch = Batch(task, settings.form, task.train, first, task.objective)
    noise = batch.noise(start) if settings.shrinkage else 0.0
    if not rounds:
        value, _ = evaluate(batch, start)
        checkpoint.done(Round(0, tuple(start), value, value, held_out_loss(task, settings, start), 1))
    while not finished(rounds, settings):
        done = np.array(rounds[-1].theta)
        if settings.retrieve_anew and len(rounds) > 1:
            found = find(task, settings, task.train, done)
            batch = Batch(task, settings.form, task.train, found, task.objective)
        before, _ = evaluate(batch, done)
        theta, evaluations = descend(batch, settings, done, settings.shrinkage * noise, checkpoint)
        after, _ = evaluate(batch, theta)
        held_out = held_out_loss(task, settings, theta)
        checkpoint.done(Round(len(rounds), tuple(theta), before, after, held_out, evaluations))
    return rounds


def reached(checkpoint: Checkpoint) -> Floats | None:
    """Return the best parameters of a fit, whether it is finished or was cut short; None before there are any.

    Those of the best round; or of the last step, where no round of training is done or none is judged.
    """
    rounds = checkpoint.rounds
    if len(rounds) < 2 or np.isnan(rounds[-1].held_out):
        return checkpoint.theta
    return np.array(best(rounds).theta)


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
        form: Form,
        predictions: Integers,
        found: Neighbourhood,
        objective: Callable[[Integers, Neighbourhood], Objective],
    ) -> None:
        self.form = form
        self.logits = form.logits(task.features, predictions, found)
        self.objective = objective(predictions, found)
        weights = task.weights[predictions]
        self.weights = weights / weights.sum()

    def noise(self, theta: Floats) -> float:
        """Return the standard error of the mean loss, as if predictions were independent."""
        values, _ = self.objective.value_and_grad(self.logits.forward(self.form.parameters(theta)))
        deviation = values - self.weights @ values
        return float(np.sqrt(self.weights @ deviation**2 * (self.weights @ self.weights)))


def evaluate(batch: Batch, theta: Floats) -> tuple[float, Floats]:
    """Return the weighted mean loss and its gradient by the flat parameters."""
    values, gradient = batch.objective.value_and_grad(batch.logits.forward(batch.form.parameters(theta)))
    loss = float(batch.weights @ values)
    if not np.isfinite(loss):
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(
            f"loss: it is not finite for {bad} of {len(values)} predictions; a kernel without tails needs a background"
        )
    slopes = batch.logits.backward(vector("gradient", gradient), batch.weights)
    return loss, batch.form.pulled_back(slopes)


def held_out_loss(task: Task, settings: Settings, theta: Floats) -> float:
    """Return the mean loss of the held-out waves under the yardstick, or NaN if there are none."""
    if len(task.held_out) == 0:
        return float("nan")
    found = find(task, settings, task.held_out, theta)
    return evaluate(Batch(task, settings.form, task.held_out, found, task.yardstick), theta)[0]


def descend(
    batch: Batch, settings: Settings, theta: Floats, shrinkage: float, checkpoint: Checkpoint
) -> tuple[Floats, int]:
    """Return parameters of lower loss plus `shrinkage` times their spread (L-BFGS-B), and the number of evaluations."""

    def objective(theta: Floats) -> tuple[float, Floats]:
        loss, gradient = evaluate(batch, theta)
        spread, slope = settings.form.spread(theta)
        return loss + shrinkage * spread, gradient + shrinkage * slope

    title = f"retrieval {len(checkpoint.rounds)}"
    with tqdm(total=settings.max_iter, desc=title, disable=not settings.progress, leave=False) as bar:

        def after_step(theta: Floats) -> None:
            checkpoint.step(theta)
            bar.update()

        options: Any = {"maxiter": settings.max_iter, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
        result: Any = minimize(  # type: ignore[call-overload]
            lambda theta: checkpoint.answer(theta, objective),
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=settings.form.bounds,
            callback=after_step,
            options=options,
        )
    return np.asarray(result.x), int(result.nfev)
