"""Fitting: retrieve, train on what was found, retrieve anew with the learned weights."""

from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize

from kdelab.extras import tqdm
from kdelab.learn.checkpoint import Checkpoint, Retrieval
from kdelab.learn.examples import Batch
from kdelab.learn.form import Form
from kdelab.loss.validate import Floats


class Schedule(NamedTuple):
    """How long is trained.

    Attributes
    ----------
    retrievals : int
        How often, at most, neighbours are retrieved and trained on.
    retrieve_anew : bool
        Whether with the learned parameters each time; False trains on the first clusters again.
    max_iter : int
        Steps of L-BFGS-B after each retrieval.
    patience : int or None
        Stop when held-out loss has not improved for so many retrievals.
    progress : bool
        Whether to show a bar.
    """

    retrievals: int
    retrieve_anew: bool = True
    max_iter: int = 100
    patience: int | None = None
    progress: bool = False

    def is_over(self, history: list[Retrieval]) -> bool:
        """Whether all retrievals are done, or held-out loss has not improved for `patience` of them."""
        if len(history) > self.retrievals:
            return True
        if self.patience is None or np.isnan(history[-1].held_out):
            return False
        return history[-1].retrieval - best(history).retrieval >= self.patience


class Learnable(Protocol):
    """What is fitted: `Examples`, or examples that lie elsewhere."""

    @property
    def form(self) -> Form:
        """Of what is learned."""
        ...

    @property
    def size(self) -> int:
        """How many samples there are."""
        ...

    def batch(self, theta: Floats) -> Batch:
        """Return the clusters that are retrieved with some parameters."""
        ...


def fit(
    train: Learnable, held_out: Learnable, schedule: Schedule, shrinkage: float, checkpoint: Checkpoint
) -> list[Retrieval]:
    """Return how things stood at the start and after every retrieval.

    Parameters
    ----------
    train, held_out : Examples, or what is like them
        What is learned from, and what tells which retrieval was best.
    schedule : Schedule
    shrinkage : float
        Times the standard error of the mean loss, times the parameters' unevenness: what is added to the loss.
    checkpoint : Checkpoint
        Where a fit that was cut short goes on; it also holds the history so far if this one is.

    Raises
    ------
    ValueError
        If the loss is not finite at some point of training.
    """
    history, start = checkpoint.history, train.form.start
    if history and schedule.is_over(history):
        return history
    batch = train.batch(start)
    pull = shrinkage * batch.noise(start) if shrinkage else 0.0
    if not history:
        value, _ = batch.value_and_grad(start)
        checkpoint.done(Retrieval(0, tuple(start), value, value, mean_loss(held_out, start), 1))
    while not schedule.is_over(history):
        done = np.array(history[-1].theta)
        if schedule.retrieve_anew and len(history) > 1:
            del batch  # two of them may be more than fits
            batch = train.batch(done)
        before, _ = batch.value_and_grad(done)
        theta, evaluations = descend(batch, schedule, done, pull, checkpoint)
        after, _ = batch.value_and_grad(theta)
        checkpoint.done(Retrieval(len(history), tuple(theta), before, after, mean_loss(held_out, theta), evaluations))
    return history


def reached(checkpoint: Checkpoint) -> Floats | None:
    """Return the best parameters of a fit, whether it is finished or was cut short; None before there are any.

    Those of the best retrieval; or of the last step, where none is trained on or none is judged.
    """
    history = checkpoint.history
    if len(history) < 2 or np.isnan(history[-1].held_out):
        return checkpoint.theta
    return np.array(best(history).theta)


def best(history: list[Retrieval]) -> Retrieval:
    """Return the retrieval with the least held-out loss, or the last one where nothing was held out."""
    if np.isnan(history[-1].held_out):
        return history[-1]
    return min(history, key=lambda entry: entry.held_out)


def mean_loss(examples: Learnable, theta: Floats) -> float:
    """Return the mean loss with neighbours found by the same parameters, or NaN if there are no examples."""
    return examples.batch(theta).value_and_grad(theta)[0] if examples.size else float("nan")


def descend(batch: Batch, schedule: Schedule, theta: Floats, pull: float, checkpoint: Checkpoint) -> tuple[Floats, int]:
    """Return parameters of lower loss plus `pull` times their unevenness (L-BFGS-B), and the number of evaluations."""

    def objective(theta: Floats) -> tuple[float, Floats]:
        loss, gradient = batch.value_and_grad(theta)
        unevenness, slope = batch.form.unevenness(theta)
        return loss + pull * unevenness, gradient + pull * slope

    title = f"retrieval {len(checkpoint.history)}"
    with tqdm(total=schedule.max_iter, desc=title, disable=not schedule.progress, leave=False) as bar:

        def after_step(theta: Floats) -> None:
            checkpoint.step(theta)
            bar.update()

        options: Any = {"maxiter": schedule.max_iter, "maxcor": 20, "ftol": 1e-9, "gtol": 1e-6}
        result: Any = minimize(  # type: ignore[call-overload]
            lambda theta: checkpoint.answer(theta, objective),
            theta,
            jac=True,
            method="L-BFGS-B",
            bounds=batch.form.bounds,
            callback=after_step,
            options=options,
        )
    return np.asarray(result.x), int(result.nfev)
