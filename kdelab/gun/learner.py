"""What a gun learns from: a table of waves, or a part of one, as examples for `kdelab.learn.fit`.

Here a gun is anything with the parameters of a `kdelab.NeighbourModel`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kdelab.gun.judging import cross_entropy
from kdelab.gun.parameters import names_of
from kdelab.gun.recall import Ranges, Recall, Targets
from kdelab.gun.waves.check import late
from kdelab.gun.waves.columns import name_column, passed_column
from kdelab.learn.examples import Examples, Retriever
from kdelab.learn.fit import Schedule
from kdelab.learn.form import Form
from kdelab.learn.identity import digest, identity
from kdelab.learn.memory import ENOUGH, Neighbourhood
from kdelab.loss.ragged import shuffled
from kdelab.loss.validate import Floats, Integers


@dataclass(frozen=True)
class WaveLoss:
    """Prepares the loss of waves' clusters.

    Attributes
    ----------
    targets : Targets
    kernel : Kernel or "interval"
    loss : callable or None
        ``loss(clusters, kernel)``; None is the cross-entropy with a background.
    background : float
    """

    targets: Targets
    kernel: Any
    loss: Callable[..., Any] | None
    background: float

    def __call__(self, rows: Integers, found: Neighbourhood) -> Any:
        """Return the loss of some rows' clusters."""
        if self.loss is None:
            return cross_entropy(self.targets, rows, found, self.kernel, self.background)
        return self.loss(self.targets.clusters(rows, found), self.kernel)


def candidates(model: Any, recall: Recall, weights: Floats) -> tuple[Integers, Integers]:
    """Return the rows that a gun may be trained on, and those of late rounds that may be held out."""
    able = (recall.memory.stored >= max(ENOUGH, model.share)) & (weights > 0)
    last_rounds = late(recall.waves, model.validation)
    return np.flatnonzero(able & ~last_rounds), np.flatnonzero(able & last_rounds)


def picked(model: Any, train: int, held_out: int, waves: int) -> tuple[Integers, Integers]:
    """Return which of so many candidates are taken, ascending, at most `predictions` of each kind.

    Raises
    ------
    ValueError
        If there is none to train on.
    """
    if train == 0:
        raise ValueError(
            f"waves: none of the {waves} can be trained on: it takes {ENOUGH} waves of the same battle in "
            f"memory, and a round that is not held out (validation={model.validation})"
        )
    rng, most = np.random.default_rng(model.random_state), model.predictions or waves
    first, second = (np.sort(shuffled(rng, n)[:most]) for n in (train, held_out))
    return first, second


def examples(
    model: Any, recall: Recall, ranges: Ranges, weights: Floats, train: Integers, held_out: Integers
) -> tuple[Examples, Examples]:
    """Return what a gun is trained on, by its own loss, and what is held out, judged by the cross-entropy."""
    retriever = Retriever(recall.scaled(ranges), recall.memory, model.neighbours, model.share)
    form = Form.named(model.form, len(ranges))
    trained_on = WaveLoss(recall.targets, model.kernel, model.loss, model.background)
    return (
        Examples(retriever, form, train, weights[train], trained_on),
        Examples(retriever, form, held_out, weights[held_out], replace(trained_on, loss=None)),
    )


def schedule_of(model: Any) -> Schedule:
    """Return how long is trained."""
    return Schedule(model.retrievals, model.retrieve_anew, model.max_iter, model.patience, model.progress)


def settings_told(model: Any) -> dict[str, str]:
    """Return what tells the settings of a fit from any other's."""
    settings = model.get_params() | {"features": names_of(model.features)}
    if not settings["within_round"]:
        del settings["within_round"]  # as files were written before there was a choice
    if settings["ranges"] is None:
        del settings["ranges"]  # likewise
    return {name: identity(name, value) for name, value in settings.items() if name not in ("progress", "aim")}


def data_told(recall: Recall, features: list[str]) -> str:
    """Return what tells the data of a fit from any other's."""
    columns: list[np.ndarray] = [name_column(recall.waves, name) for name in ("battle", "shooter")]
    columns += [recall.numbers(name) for name in ("round", "lower", "upper", *features)]
    if recall.within_round:
        columns += [recall.numbers("turn"), passed_column(recall.waves)]
    return digest(*(column.tobytes() for column in columns))
