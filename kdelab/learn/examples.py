"""What a fit learns from: samples, the clusters that are retrieved for them, and the mean loss of those.

Retrieved clusters may lie in several pieces, each wherever it is: a piece answers with sums that aren't rounded yet, so
that how samples are dealt to pieces doesn't show in a single bit.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

import numpy as np

from kdelab.learn.distance import LinearLogits, Parameters, PowerLogits, slopes
from kdelab.learn.form import Form
from kdelab.learn.memory import Memory, Neighbourhood
from kdelab.learn.sums import WORDS, exact_sums, rounded, total
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
        Or `kdelab.learn.others.Others`.
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

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.rows)

    def nearest(self, theta: Floats) -> Neighbourhood:
        """Return the neighbours that are found with some parameters."""
        return self.retriever.nearest(self.form.parameters(theta), self.rows)

    def prepared(self, found: Neighbourhood, weight: float) -> "Piece":
        """Return their clusters, prepared, as a piece of a batch whose samples have this weight in all."""
        logits = self.form.logits(self.retriever.features, self.rows, found)
        return Piece(self.form, logits, self.objective(self.rows, found), self.weights / weight)

    def batch(self, theta: Floats) -> "Batch":
        """Return the clusters that are retrieved with some parameters."""
        return Batch.of(self.form, self.prepared(self.nearest(theta), total(self.weights)))


class Piece(NamedTuple):
    """Some of a batch's clusters, prepared.

    Attributes
    ----------
    form : Form
    logits : LinearLogits or PowerLogits
    objective : Objective
    weights : array (n,)
        Those of all pieces add up to 1.
    """

    form: Form
    logits: LinearLogits | PowerLogits
    objective: Objective
    weights: Floats

    def evaluated(self, theta: Floats) -> "Sums":
        """Return the sums of losses and of slopes."""
        values, gradient = self.objective.value_and_grad(self.logits.forward(self.form.parameters(theta)))
        infinite = int((~np.isfinite(values)).sum())
        words = np.zeros((1, WORDS), dtype=np.int64)
        if not infinite:
            words = np.concatenate(
                [exact_sums(values[:, None], self.weights), self.logits.backward(gradient, self.weights)]
            )
        return Sums(words, len(values), infinite)

    def squares(self, theta: Floats, mean: float) -> "Sums":
        """Return the sums of squared deviations of losses from a mean, and of squared weights."""
        values, _ = self.objective.value_and_grad(self.logits.forward(self.form.parameters(theta)))
        table = np.column_stack([(values - mean) ** 2, self.weights])
        return Sums(exact_sums(table, self.weights), len(values), 0)


class Sums(NamedTuple):
    """What a piece contributes, unrounded.

    Attributes
    ----------
    words : array of int (sums, WORDS)
    predictions, infinite : int
        How many there are, and how many of them have a loss that isn't finite: then the words say nothing.
    """

    words: Integers
    predictions: int
    infinite: int


class Batch:
    """Retrieved clusters, prepared: the mean loss as a function of the flat parameters.

    Parameters
    ----------
    form : Form
    ask : callable
        ``ask(task, *given)`` yields ``task(piece, *given)`` of every piece, wherever that lies, in any order.
    """

    def __init__(self, form: Form, ask: Callable[..., Iterable[Sums]]) -> None:
        self.form, self._ask = form, ask

    @classmethod
    def of(cls, form: Form, piece: Piece) -> "Batch":
        """Return a batch of one piece."""
        return cls(form, lambda task, *given: [task(piece, *given)])

    def value_and_grad(self, theta: Floats) -> tuple[float, Floats]:
        """Return the weighted mean loss and its gradient; ValueError if that loss isn't finite."""
        sums = self._sums(Piece.evaluated, theta)
        by_parameters = slopes(self.form.parameters(theta), sums[1:])
        return float(sums[0]), self.form.pulled_back(theta, by_parameters)

    def noise(self, theta: Floats) -> float:
        """Return the standard error of the mean loss, as if predictions were independent."""
        mean, _ = self.value_and_grad(theta)
        squares, weights = self._sums(Piece.squares, theta, mean)
        return float(np.sqrt(squares * weights))

    def _sums(self, task: Callable[..., Sums], *given: Any) -> Floats:
        """Return the sums over all pieces, rounded once: how clusters are dealt to pieces doesn't show."""
        found = list(self._ask(task, *given))
        if bad := sum(each.infinite for each in found):
            raise ValueError(
                f"loss: it is not finite for {bad} of {sum(each.predictions for each in found)} predictions; a kernel "
                "without tails needs a background"
            )
        return rounded(np.sum([each.words for each in found], axis=0))
