"""Fitting: retrieve, train on what was found, retrieve anew with the learned weights."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.optimize import minimize

from kdelab.extras import tqdm
from kdelab.learn.checkpoint import Checkpoint, Retrieval
from kdelab.learn.distance import Parameters
from kdelab.learn.form import Form
from kdelab.learn.memory import Memory, Neighbourhood
from kdelab.loss.validate import Floats, Integers


class Objective(Protocol):
    """What can be trained on: prepared for some clusters, it judges their logits."""

    def value_and_grad(self, logits: Floats) -> tuple[Floats, Floats]:
        """Return losses (n,) and the gradient of their sum (total,)."""
        ...


class Retriever(NamedTuple):
    """Finds neighbours among samples, by any parameters.

    Attributes
    ----------
    features : array (samples, features)
        Scaled to [0, 1].
    memory : Memory
    neighbours, share : int
        A neighbourhood holds at most `neighbours` samples and at most one in `share` of those in memory.
    """

    features: Floats
    memory: Memory
    neighbours: int
    share: int

    def nearest(self, parameters: Parameters, rows: Integers) -> Neighbourhood:
        """Return the neighbours of some samples."""
        positions = parameters.positions(self.features)
        return self.memory.nearest(positions, rows, self.neighbours, self.share)


class Examples(NamedTuple):
    """Samples to learn from, or to be judged on.

    Attributes
    ----------
    retriever : Retriever
    form : Form
        Of what is learned.
    rows : array of int (n,)
        Which samples; there may be none.
    weights : array (n,)
        How much each counts.
    objective : callable
        ``objective(rows, found)`` prepares the loss for their clusters.
    """

    retriever: Retriever
    form: Form
    rows: Integers
    weights: Floats
    objective: Callable[[Integers, Neighbourhood], Objective]

    def batch(self, theta: Floats) -> "Batch":
        """Return the clusters that are retrieved with some parameters."""
        return Batch(self, self.retriever.nearest(self.form.parameters(theta), self.rows))


class Batch:
    """Retrieved clusters, prepared: the mean loss as a function of the flat parameters."""

    def __init__(self, examples: Examples, found: Neighbourhood) -> None:
        self.form = examples.form
        self.logits = self.form.logits(examples.retriever.features, examples.rows, found)
        self.objective = examples.objective(examples.rows, found)
        self.weights = examples.weights / examples.weights.sum()

    def value_and_grad(self, theta: Floats) -> tuple[float, Floats]:
        """Return the weighted mean loss and its gradient; ValueError if that loss isn't finite."""
        values, gradient = self.objective.value_and_grad(self.logits.forward(self.form.parameters(theta)))
        loss = float(self.weights @ values)
        if not np.isfinite(loss):
            bad = int((~np.isfinite(values)).sum())
            raise ValueError(
                f"loss: it is not finite for {bad} of {len(values)} predictions; a kernel without tails needs a "
                "background"
            )
        return loss, self.form.pulled_back(theta, self.logits.backward(gradient, self.weights))

    def noise(self, theta: Floats) -> float:
        """Return the standard error of the mean loss, as if predictions were independent."""
        values, _ = self.objective.value_and_grad(self.logits.forward(self.form.parameters(theta)))
        deviation = values - self.weights @ values
        return float(np.sqrt(self.weights @ deviation**2 * (self.weights @ self.weights)))


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


def fit(
    train: Examples, held_out: Examples, schedule: Schedule, shrinkage: float, checkpoint: Checkpoint
) -> list[Retrieval]:
    """Return how things stood at the start and after every retrieval.

    Parameters
    ----------
    train, held_out : Examples
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


def mean_loss(examples: Examples, theta: Floats) -> float:
    """Return the mean loss with neighbours found by the same parameters, or NaN if there are no examples."""
    return examples.batch(theta).value_and_grad(theta)[0] if len(examples.rows) else float("nan")


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
