"""The gun: neighbours by a learned distance, a density from their weights, an aim from the density."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from kdelab.gun.export import java, table
from kdelab.gun.export.table import SETTINGS, State
from kdelab.gun.parameters import check_parameters, names_of
from kdelab.gun.predicting import Predicting
from kdelab.gun.recall import memory_of, scaled
from kdelab.gun.waves.check import checked, late, ranges_of, weights_of
from kdelab.gun.waves.columns import name_column, number_column
from kdelab.gun.waves.whole import counted
from kdelab.learn import fit as fitting
from kdelab.learn.checkpoint import Round, opened
from kdelab.learn.distance import Form, Parameters
from kdelab.learn.identity import digest, identity
from kdelab.learn.memory import ENOUGH, SHARE, UNLEARNED_SCALE, Memory
from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.ragged import shuffled
from kdelab.loss.validate import Floats, Integers, count

_LAPLACE = Laplace(0.1)


class NeighbourModel(Predicting, BaseEstimator):
    """A gun that predicts guess factors from the waves most like the present one, with learned weights.

    Each feature x, scaled to [0, 1], becomes w (1e-4 + b + x)^a; logits are minus `scale_` times the Manhattan
    distance; a softmax over the retrieved neighbours weights a kernel density at the middles of their intervals.

    Parameters
    ----------
    kernel : Kernel or "interval"
        "interval" makes each neighbour's own interval a box, as BeepBoop's gun does; it needs a background.
    loss : callable, optional
        ``loss(clusters, kernel)`` gives an object with ``value_and_grad(logits)`` to train on; the cross-entropy by
        default.  What is held out is always judged by the cross-entropy.
    form : "scale", "linear" or "power"
        What is learned: one common scale, a weight w a feature (a = 1), or w, b and a.
    neighbours, share : int
        A neighbourhood holds at most `neighbours` waves and at most one in `share` of those in memory (BeepBoop: 5).
    features : sequence of str, optional
        Columns; by default the fourteen of `kdelab.gun.waves.features`.  One's own are scaled by what the table spans.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into the density.
    aim : "density" or "intervals"
        `predict` aims where the density has most mass within the bot's width, or where the weights' intervals pile up
        highest, as BeepBoop does.
    retrievals : int
        How often, at most, neighbours are retrieved and trained on.
    retrieve_anew : bool
        Whether with the learned weights each time; False trains on the first clusters again (notebook 09's control).
    max_iter : int
        Steps of L-BFGS-B after each retrieval.
    predictions : int, optional
        At most so many waves are trained on, picked at random; all by default.
    validation : float
        The share of rounds, the late ones of each battle, held out to choose the best round; 0 keeps the last one.
    patience : int, optional
        Stop when held-out loss has not improved for so many retrievals; never by default.
    shrinkage : float
        Pulls towards a gun with all features alike: the spread of the parameters (`kdelab.learn.distance.Form.spread`)
        times `shrinkage` times the standard error of the mean loss is added to what is minimised.  1 suits recordings
        of a few robots, whose waves are far from independent; 0 trusts every wave.
    random_state : int
        Picks the predictions.
    progress : bool
        Whether to show a progress bar.

    Attributes
    ----------
    weights_, exponents_, offsets_ : array (features,)
        w (mean 1), a and b.
    scale_ : float
        Of the distance: logit = -scale_ * distance.
    ranges_ : dict
        (low, high) that scales each feature to [0, 1].
    history_ : list of kdelab.learn.checkpoint.Round
        How things stood before and after each retrieval.
    predictions_ : array of int
        The rows of the table that were trained on.
    rounds_ : DataFrame or None
        How many waves of each battle, shooter and round were fitted on; None if the gun was read from a file.
    feature_names_in_, n_features_in_
        As in scikit-learn.

    Notes
    -----
    A wave's memory is looked up in the table that is passed, so pass whole rounds and name the waves asked about:
    ``predict(waves, rows=mask)``, not ``predict(waves[mask])``.  Of scikit-learn's splitters those by battle are right:
    ``cross_val_score(gun, waves, groups=waves["battle"], cv=GroupKFold())``.  `kdelab.gun.waves.whole` warns of others.

    Examples
    --------
    >>> waves = kdelab.load_waves()
    >>> gun = kdelab.NeighbourModel().unlearned(waves)
    >>> gun.predict(waves, rows=[5000, 6000]).round(2)
    array([ 0.4 , -0.17])
    """

    def __init__(
        self,
        kernel: Kernel | Literal["interval"] = _LAPLACE,
        loss: Callable[..., Any] | None = None,
        form: str = "linear",
        neighbours: int = 100,
        share: int = SHARE,
        features: Sequence[str] | None = None,
        background: float = 0.0,
        aim: str = "density",
        retrievals: int = 3,
        retrieve_anew: bool = True,
        max_iter: int = 100,
        predictions: int | None = None,
        validation: float = 0.2,
        patience: int | None = 1,
        shrinkage: float = 0.0,
        random_state: int = 0,
        progress: bool = False,
    ) -> None:
        self.kernel = kernel
        self.loss = loss
        self.form = form
        self.neighbours = neighbours
        self.share = share
        self.features = features
        self.background = background
        self.aim = aim
        self.retrievals = retrievals
        self.retrieve_anew = retrieve_anew
        self.max_iter = max_iter
        self.predictions = predictions
        self.validation = validation
        self.patience = patience
        self.shrinkage = shrinkage
        self.random_state = random_state
        self.progress = progress

    def fit(
        self,
        waves: pd.DataFrame,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | Path | None = None,
    ) -> "NeighbourModel":
        """Learn the weights from recorded waves.

        Parameters
        ----------
        waves : DataFrame
            Columns battle, shooter, round, lower, upper and the features.
        y : None
            Not used; scikit-learn's convention.
        sample_weight : array_like (waves,), optional
            How much each wave counts as a prediction (real against virtual ones, say); with 0 it is only remembered.
        checkpoint : path, optional
            A file that always holds the last good state, whole.  If it exists, fitting goes on from there, and comes to
            the same result, to the last bit, as without a break.

        Returns
        -------
        NeighbourModel
            Itself.  If interrupted (Ctrl-C) it holds the best state so far, that of the file if this call came to none,
            and the interrupt goes on.

        Raises
        ------
        ValueError
            If a parameter or the table isn't what it must be (all faults of the table in one message), if no wave has
            50 waves in memory, or the checkpoint belongs to another fit, is damaged, or in use by another process.

        Warns
        -----
        UserWarning
            If rows seem to have been cut out of the table: `kdelab.gun.waves.whole`.
        """
        check_parameters(self)
        names = names_of(self.features)
        checked(waves, names)
        weights = weights_of(sample_weight, len(waves))
        ranges = ranges_of(waves, names)
        memory = memory_of(waves)
        train, held_out = self._split(waves, memory, weights)
        self.predictions_ = train
        task = fitting.Task(
            scaled(waves, ranges),
            memory,
            train,
            held_out,
            weights,
            lambda wanted, found: self._objective(waves, wanted, found, self.loss),
            lambda wanted, found: self._objective(waves, wanted, found, None),
        )
        form = Form(self.form, len(names))
        settings = fitting.Settings(
            form,
            self.neighbours,
            self.share,
            self.retrievals,
            self.retrieve_anew,
            self.max_iter,
            self.patience,
            self.shrinkage,
            self.progress,
        )
        start = form.flat(unlearned(len(names)))
        with opened(checkpoint, {} if checkpoint is None else self._fingerprint(waves, weights)) as state:
            try:
                fitting.fit(task, settings, start, state)
            finally:
                if (theta := fitting.reached(state)) is not None:
                    self.history_: list[Round] = list(state.rounds)
                    self.rounds_ = counted(waves)
                    self._set(ranges, form.parameters(theta))
        return self

    def at(self, retrieval: int) -> "NeighbourModel":
        """Return a fitted copy with the weights as they stood after a retrieval; 0 is the unlearned start."""
        check_is_fitted(self)
        if count("retrieval", retrieval, least=0) >= len(self.history_):
            raise ValueError(f"retrieval: {retrieval} given, the history has 0 to {len(self.history_) - 1}")
        copy = type(self)(**self.get_params())
        copy._set(self.ranges_, Form(self.form, len(self.ranges_)).parameters(np.array(self.history_[retrieval].theta)))
        copy.history_, copy.rounds_ = self.history_[: retrieval + 1], self.rounds_
        return copy

    def unlearned(self, waves: pd.DataFrame) -> "NeighbourModel":
        """Set the weights that fitting starts from, without learning any: all features alike; return itself."""
        check_parameters(self)
        checked(waves, names_of(self.features))
        self._set(ranges_of(waves, names_of(self.features)), unlearned(len(names_of(self.features))))
        self.history_ = []
        self.rounds_ = counted(waves)
        return self

    def _set(self, ranges: dict[str, tuple[float, float]], parameters: Parameters) -> None:
        self.ranges_ = dict(ranges)
        self.feature_names_in_ = np.array(list(ranges), dtype=object)
        self.n_features_in_ = len(ranges)
        self.scale_ = float(parameters.weights.mean()) or 1.0
        self.weights_ = parameters.weights / self.scale_
        self.exponents_, self.offsets_ = parameters.exponents, parameters.offsets

    def _split(self, waves: pd.DataFrame, memory: Memory, weights: Floats) -> tuple[Integers, Integers]:
        able = (memory.stored >= max(ENOUGH, self.share)) & (weights > 0)
        last_rounds = late(waves, self.validation)
        train, held_out = np.flatnonzero(able & ~last_rounds), np.flatnonzero(able & last_rounds)
        if len(train) == 0:
            raise ValueError(
                f"waves: none of the {len(waves)} can be trained on: it takes {ENOUGH} waves of earlier rounds of "
                f"the same battle in memory, and a round that is not held out (validation={self.validation})"
            )
        rng = np.random.default_rng(self.random_state)
        most = self.predictions or len(waves)
        first_train, first_held_out = (np.sort(rows[shuffled(rng, len(rows))[:most]]) for rows in (train, held_out))
        return first_train, first_held_out

    def to_json(self) -> str:
        """Return everything that predicting takes, as JSON; `from_json` gives the same gun back, to the last bit."""
        check_is_fitted(self)
        return table.to_json(self._state())

    def to_java(self, name: str = "LearnedWeights") -> str:
        """Return a Java class with the rows {w, b, a} of BeepBoop's form; `from_java` gives the same gun back.

        Parameters
        ----------
        name : str
            Of the class, with its package where it has one: "my.bot.LearnedWeights".

        Raises
        ------
        ValueError
            If Java allows no such name.
        """
        check_is_fitted(self)
        return java.to_java(self._state(), name)

    @classmethod
    def from_json(cls, text: str) -> "NeighbourModel":
        """Return the fitted gun that `to_json` wrote; ValueError if the text is something else."""
        return cls._restored(table.from_json(text))

    @classmethod
    def from_java(cls, source: str) -> "NeighbourModel":
        """Return the fitted gun that `to_java` wrote; ValueError if the source is something else."""
        return cls._restored(java.from_java(source))

    def _state(self) -> State:
        return State(
            {name: getattr(self, name) for name in SETTINGS},
            self.ranges_,
            self.scale_,
            self.weights_,
            self.offsets_,
            self.exponents_,
        )

    @classmethod
    def _restored(cls, state: State) -> "NeighbourModel":
        model = cls(**state.parameters)
        check_parameters(model)
        model._set(state.ranges, Parameters(state.weights, state.exponents, state.offsets))
        model.weights_, model.scale_ = state.weights, state.scale  # as they were, not divided once more
        model.history_ = []
        return model

    def _fingerprint(self, waves: pd.DataFrame, weights: Floats) -> dict[str, str]:
        """Return what tells this fit from any other: settings, data and weights."""
        settings = self.get_params() | {"features": names_of(self.features)}
        made_of = {name: identity(name, value) for name, value in settings.items() if name not in ("progress", "aim")}
        memory = [name_column(waves, name) for name in ("battle", "shooter")]
        numbers = [number_column(waves, name) for name in ("round", "lower", "upper", *names_of(self.features))]
        data = digest(*(column.tobytes() for column in [*memory, *numbers]))
        return made_of | {"waves": data, "sample_weight": digest(weights.tobytes())}


def unlearned(features: int) -> Parameters:
    """Return the weights that fitting starts from: every feature counts alike."""
    return Parameters(np.full(features, UNLEARNED_SCALE), np.ones(features), np.zeros(features))
