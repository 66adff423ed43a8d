"""The gun: neighbours by a learned distance, a density from their weights, an aim from the density."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from kdelab.gun.aim import densest, most_mass
from kdelab.gun.export import java, table
from kdelab.gun.in_parts import InParts
from kdelab.gun.judging import cross_entropy, judged
from kdelab.gun.learner import candidates, data_told, examples, picked, schedule_of, settings_told
from kdelab.gun.parameters import bounds_of, check_parameters, names_of
from kdelab.gun.recall import Recall
from kdelab.gun.waves.check import ranges_of, weights_of
from kdelab.gun.waves.features import RANGES
from kdelab.gun.waves.frames import Table, like
from kdelab.gun.waves.whole import warn_of_forgotten
from kdelab.learn.checkpoint import Checkpoint, Retrieval, opened
from kdelab.learn.examples import Retriever
from kdelab.learn.fit import fit, reached
from kdelab.learn.form import Form
from kdelab.learn.identity import digest
from kdelab.learn.memory import SHARE, Neighbourhood
from kdelab.learn.metric import Metric
from kdelab.learn.parts import Place
from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.validate import Floats, Integers, count, numbers
from kdelab.study.hard import nearest

_LAPLACE = Laplace(0.1)
FIELD = 400.0  # pixels: Robocode has no smaller field, so a range of distances that ends before that isn't in pixels


class NeighbourModel(BaseEstimator):
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
        What is learned: one common scale, a weight w a feature (a = 1), or w, b and a: best in notebook 13.
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
        The share of rounds, the late ones of each battle, held out to choose the best retrieval; 0 keeps the last one.
    patience : int, optional
        Stop when held-out loss has not improved for so many retrievals; never by default.
    shrinkage : float
        Pulls towards a gun with all features alike: the parameters' unevenness (`kdelab.learn.form.Form.unevenness`)
        times `shrinkage` times the standard error of the mean loss is added to what is minimised.  1 suits recordings
        of a few robots, whose waves are far from independent; 0 trusts every wave.
    random_state : int
        Picks the predictions.
    progress : bool
        Whether to show a progress bar.
    ranges : mapping of str to (float, float), optional
        (low, high) that a feature's values lie in, where that isn't the documented range or, of one's own, what the
        table spans: ``{"power": (0, 1)}`` for a column of that name in other units.
    within_round : bool
        Whether a shooter remembers, besides earlier rounds, the waves of the same round that had passed when the
        present one left, as live guns do: columns turn and passed, `kdelab.Recall`.  False: earlier rounds alone.

    Attributes
    ----------
    weights_, exponents_, offsets_ : array (features,)
        w (mean 1), a and b.
    scale_ : float
        Of the distance: ``logit = -scale_ * distance``.
    ranges_ : dict
        (low, high) that scales each feature to [0, 1].
    history_ : list of kdelab.learn.checkpoint.Retrieval
        How things stood before and after each retrieval.
    predictions_ : array of int
        The rows of the table that were trained on; a gun fitted in parts has none.
    rounds_ : DataFrame or None
        How many waves of each battle, shooter and round were fitted on; None if the gun was read from a file.
    feature_names_in_, n_features_in_
        As in scikit-learn.

    Notes
    -----
    Where methods take waves they take a table, of pandas, polars, pyarrow or DuckDB (`kdelab.gun.waves.frames.Table`),
    or a `kdelab.Recall` of one, with the gun's own `within_round`: that is prepared once and asked many times.
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

    rounds_: pd.DataFrame | None = None

    def __init__(  # noqa: PLR0913  (scikit-learn's parameters are arguments)
        self,
        kernel: Kernel | Literal["interval"] = _LAPLACE,
        loss: Callable[..., Any] | None = None,
        form: str = "power",
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
        within_round: bool = False,
        ranges: Mapping[str, tuple[float, float]] | None = None,
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
        self.within_round = within_round
        self.ranges = ranges

    def fit(
        self,
        waves: Table | Recall,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        checkpoint: str | Path | None = None,
    ) -> "NeighbourModel":
        """Learn the weights from recorded waves.

        Parameters
        ----------
        waves : table or Recall
            Columns battle, shooter, round, lower, upper and the features; turn and passed if `within_round`.
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
        names, known = names_of(self.features), bounds_of(self.ranges, self.features)
        recall = Recall.of(waves, names, known, self.within_round)
        weights = weights_of(sample_weight, len(recall))
        ranges = ranges_of(recall.waves, names, known)
        train, held_out = candidates(self, recall, weights)
        first, second = picked(self, len(train), len(held_out), len(recall))
        self.predictions_ = train[first]
        told = {} if checkpoint is None else self._fingerprint(recall, weights)
        taught = examples(self, recall, ranges, weights, self.predictions_, held_out[second])
        with self._learning(checkpoint, told, ranges, recall.counted) as state:
            fit(*taught, schedule_of(self), self.shrinkage, state)
        return self

    def _fit_in_parts(
        self, folder: str | Path, place: Place, checkpoint: str | Path | None, sample_weight: str | None
    ) -> "NeighbourModel":
        """Learn from a folder of Parquet parts, as `kdelab.distributed.fit` says."""
        check_parameters(self)
        if hasattr(self, "predictions_"):
            del self.predictions_  # of another table
        parts = InParts(self, folder, place, sample_weight)
        with self._learning(checkpoint, parts.told if checkpoint is not None else {}, parts.ranges, None) as state:
            fit(*parts.examples, schedule_of(self), self.shrinkage, state)
        return self

    @contextmanager
    def _learning(
        self,
        checkpoint: str | Path | None,
        told: dict[str, str],
        ranges: dict[str, tuple[float, float]],
        rounds: pd.DataFrame | None,
    ) -> Iterator[Checkpoint]:
        """Give the state of a fit, and keep what it has come to, however it ends."""
        with opened(checkpoint, told) as state:
            try:
                yield state
            finally:
                if (theta := reached(state)) is not None:
                    parameters = Form.named(self.form, len(ranges)).parameters(theta)
                    self._keep(Metric.of(ranges, parameters), list(state.history), rounds)

    def at(self, retrieval: int) -> "NeighbourModel":
        """Return a fitted copy with the weights as they stood after a retrieval; 0 is the unlearned start."""
        check_is_fitted(self)
        if count("retrieval", retrieval, least=0) >= len(self.history_):
            raise ValueError(f"retrieval: {retrieval} given, the history has 0 to {len(self.history_) - 1}")
        theta = np.array(self.history_[retrieval].theta)
        metric = Metric.of(self.ranges_, Form.named(self.form, len(self.ranges_)).parameters(theta))
        return type(self)(**self.get_params())._keep(metric, self.history_[: retrieval + 1], self.rounds_)

    def unlearned(self, waves: Table | Recall) -> "NeighbourModel":
        """Set the weights that fitting starts from, without learning any: all features alike; return itself."""
        check_parameters(self)
        names, known = names_of(self.features), bounds_of(self.ranges, self.features)
        recall = Recall.of(waves, names, known, self.within_round)
        form = Form.named(self.form, len(names))
        metric = Metric.of(ranges_of(recall.waves, names, known), form.parameters(form.start))
        return self._keep(metric, [], recall.counted)

    def predict(
        self, waves: Table | Recall, rows: ArrayLike | None = None, bot_width: ArrayLike | None = None
    ) -> Floats:
        """Return the guess factor to aim at for each wave.

        Parameters
        ----------
        waves : table or Recall
            The table that holds both the waves and what their shooters remember.
        rows : array_like of bool or int, optional
            Which waves to predict; all by default.
        bot_width : float or array_like, optional
            In guess factors; by default 36 pixels at each wave's distance.  0 asks for the peak of the density.

        Returns
        -------
        array (rows,)
            0, head-on, where there are too few waves in memory for a neighbour.

        Warns
        -----
        UserWarning
            If the table seems to lack waves that the shooter remembered: `kdelab.gun.waves.whole`.
        """
        recall, wanted, known = self._asked(waves, rows)
        aims = np.zeros(len(wanted))
        if known.any():
            found = self._found(recall, wanted[known])
            widths = self._widths(recall, wanted, bot_width)[known] if self.aim == "density" else aims[known]
            aims[known] = self._aims(recall, wanted[known], found, widths)
        return aims

    def judge(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Table:
        """Return all that is known afterwards about waves that have a memory, in one go.

        Returns
        -------
        table
            Of the kind that was given, a row a wave: row, battle, aim, hit, cross_entropy (nats) and nearest, the
            distance from the target's edge to the closest neighbour's point, 0 where one lies inside.
        """
        recall, wanted, known = self._asked(waves, rows)
        wanted = wanted[known]
        found = self._found(recall, wanted)
        widths = self._widths(recall, wanted, None) if self.aim == "density" else np.zeros(len(wanted))
        aims, losses = self._aims(recall, wanted, found, widths), self._losses(recall, wanted, found)
        known_now = judged(recall, wanted, aims, losses)
        return like(recall.kind, known_now.assign(nearest=nearest(recall.clusters(wanted, found))))

    def density(self, waves: Table | Recall, x: ArrayLike, rows: ArrayLike | None = None) -> Floats:
        """Return the density at guess factors x, (m,) for all waves or (rows, m) for each: (rows, m).

        Where there are too few waves in memory it is uniform on [-1, 1].
        """
        recall, wanted, known = self._asked(waves, rows)
        places = np.atleast_2d(numbers("x", x))
        if places.ndim > 2 or places.shape[0] not in (1, len(wanted)):
            raise ValueError(f"x has shape {np.shape(x)}; allowed are (m,) and {(len(wanted), 'm')}")
        places = np.broadcast_to(places, (len(wanted), places.shape[1]))
        density = np.where(np.abs(places) <= 1, 0.5, 0.0)
        if known.any():
            found = self._found(recall, wanted[known])
            objective = cross_entropy(recall, wanted[known], found, self.kernel, self.background)
            density[known] = objective.density(-found.distances, places[known])
        return density

    def logits(self, waves: Table | Recall, rows: ArrayLike | None = None) -> tuple[Clusters, Floats, Neighbourhood]:
        """Return clusters, logits and neighbours of waves that have a memory: what the loss sees."""
        recall, wanted, known = self._asked(waves, rows)
        found = self._found(recall, wanted[known])
        return recall.clusters(wanted[known], found), -found.distances, found

    def losses(self, waves: Table | Recall, rows: ArrayLike | None = None) -> Floats:
        """Return the cross-entropy of each wave, in nats, (rows,); a uniform density's log 2 where nothing is known."""
        recall, wanted, known = self._asked(waves, rows)
        losses = np.full(len(wanted), np.log(2.0))
        if known.any():
            losses[known] = self._losses(recall, wanted[known], self._found(recall, wanted[known]))
        return losses

    def score(
        self,
        waves: Table | Recall,
        y: None = None,
        sample_weight: ArrayLike | None = None,
        rows: ArrayLike | None = None,
    ) -> float:
        """Return minus the mean cross-entropy of waves that have a memory: higher is better, in nats."""
        recall, wanted, weights = self._weighed(waves, rows, sample_weight)
        losses = self._losses(recall, wanted, self._found(recall, wanted))
        return -float(np.average(losses, weights=weights))

    def hit_rate(
        self, waves: Table | Recall, sample_weight: ArrayLike | None = None, rows: ArrayLike | None = None
    ) -> float:
        """Return the share of waves that have a memory and whose interval contains the aim."""
        recall, wanted, weights = self._weighed(waves, rows, sample_weight)
        return float(np.average(recall.hit(self.predict(recall, wanted), wanted), weights=weights))

    def to_json(self) -> str:
        """Return everything that predicting takes, as JSON; `from_json` gives the same gun back, to the last bit."""
        return table.to_json(*self._exported())

    def to_java(self, name: str = "LearnedWeights", units: Literal["scaled", "raw"] = "scaled") -> str:
        """Return a Java class with the rows {w, b, a} of BeepBoop's form; `from_java` gives the same gun back.

        Parameters
        ----------
        name : str
            Of the class, with its package where it has one: "my.bot.LearnedWeights".
        units : "scaled" or "raw"
            Whether rows take features scaled to [0, 1], as w (1e-4 + b + x)^a, or in the units of the table of waves,
            as BeepBoop's do: w (b + x)^a.

        Raises
        ------
        ValueError
            If Java allows no such name, there are no such units, or raw rows can't hold a feature's range.
        """
        return java.to_java(*self._exported(), name, units)

    @classmethod
    def from_json(cls, text: str) -> "NeighbourModel":
        """Return the fitted gun that `to_json` wrote; ValueError if the text is something else."""
        return cls._restored(*table.from_json(text))

    @classmethod
    def from_java(cls, source: str) -> "NeighbourModel":
        """Return the fitted gun that `to_java` wrote; ValueError if the source is something else."""
        return cls._restored(*java.from_java(source))

    def _exported(self) -> tuple[dict[str, Any], Metric]:
        check_is_fitted(self)
        return {name: getattr(self, name) for name in table.SETTINGS}, self._metric

    @classmethod
    def _restored(cls, settings: dict[str, Any], metric: Metric) -> "NeighbourModel":
        model = cls(**settings)
        check_parameters(model)
        return model._keep(metric, [], None)

    @property
    def _metric(self) -> Metric:
        return Metric(self.ranges_, self.scale_, self.weights_, self.exponents_, self.offsets_)

    def _keep(self, metric: Metric, history: list[Retrieval], rounds: pd.DataFrame | None) -> "NeighbourModel":
        """Set what fitting leaves behind; return itself."""
        self.ranges_, self.scale_, self.weights_, self.exponents_, self.offsets_ = metric
        self.feature_names_in_ = np.array(list(metric.ranges), dtype=object)
        self.n_features_in_ = len(metric.ranges)
        self.history_, self.rounds_ = history, rounds
        return self

    def _fingerprint(self, recall: Recall, weights: Floats) -> dict[str, str]:
        """Return what tells this fit from any other: settings, data and weights."""
        data = data_told(recall, names_of(self.features))
        return settings_told(self) | {"waves": data, "sample_weight": digest(weights.tobytes())}

    def _asked(self, waves: Table | Recall, rows: ArrayLike | None) -> tuple[Recall, Integers, np.ndarray]:
        """Return the table prepared, the rows asked for, and which of them have a neighbour."""
        check_is_fitted(self)
        recall = Recall.of(waves, list(self.ranges_), {}, self.within_round)
        asked = recall.rows(rows)
        if self.rounds_ is not None:
            warn_of_forgotten(self.rounds_, recall.counted, recall.rounds.iloc[asked])
        return recall, asked, recall.memory.stored[asked] >= self.share

    def _weighed(
        self, waves: Table | Recall, rows: ArrayLike | None, sample_weight: ArrayLike | None
    ) -> tuple[Recall, Integers, Floats]:
        """Return the table prepared, the rows asked for that have a neighbour, and their weights."""
        recall, asked, known = self._asked(waves, rows)
        weights = weights_of(sample_weight, len(recall))[asked[known]]
        if not weights.any():
            raise ValueError(f"waves: none of the {len(asked)} asked for has {self.share} waves in memory, and weight")
        return recall, asked[known], weights

    def _retriever(self, recall: Recall, ranges: dict[str, tuple[float, float]]) -> Retriever:
        return Retriever(recall.scaled(ranges), recall.memory, self.neighbours, self.share)

    def _found(self, recall: Recall, wanted: Integers) -> Neighbourhood:
        """Return the neighbours; their logits are minus the distances."""
        return self._retriever(recall, self.ranges_).nearest(self._metric.parameters, wanted)

    def _losses(self, recall: Recall, wanted: Integers, found: Neighbourhood) -> Floats:
        return cross_entropy(recall, wanted, found, self.kernel, self.background).value(-found.distances)

    def _aims(self, recall: Recall, wanted: Integers, found: Neighbourhood, widths: Floats) -> Floats:
        clusters = recall.clusters(wanted, found)
        weights = clusters.softmax(-found.distances)
        if self.aim == "intervals":
            return densest(weights, *recall.intervals(found.rows), found.offsets)
        if not isinstance(self.kernel, Kernel):
            raise ValueError('aim: with kernel="interval", aim must be "intervals"')
        return most_mass(clusters, weights, self.kernel, widths)

    def _widths(self, recall: Recall, wanted: Integers, given: ArrayLike | None) -> Floats:
        """Return the bot's width as the user gives it, or else at each wave's distance."""
        if given is not None:
            widths = numbers("bot_width", given)
            if widths.shape not in ((), (1,), (len(wanted),)):
                raise ValueError(f"bot_width has shape {widths.shape}; allowed are one number and {(len(wanted),)}")
            if not (np.isfinite(widths) & (widths >= 0)).all():
                raise ValueError("bot_width must be finite and at least 0 guess factors")
            return np.broadcast_to(widths, (len(wanted),))
        if self.ranges_.get("distance", RANGES["distance"])[1] < FIELD:
            raise ValueError(
                f"bot_width must be given where distance isn't in pixels: its range is {self.ranges_['distance']}"
            )
        missing = [name for name in ("distance", "escape_angle") if name not in recall.waves.columns]
        if missing:
            raise ValueError(f"bot_width must be given where waves lacks the columns {', '.join(missing)}")
        return recall.bot_width(wanted)
