"""The learner for everybody: conditional densities by softmax-weighted neighbours with learned feature weights."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.parallel import joblib  # it comes with scikit-learn
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from kdelab.learn.checkpoint import Checkpoint, opened
from kdelab.learn.examples import Examples, Retriever
from kdelab.learn.fit import Schedule, fit, reached
from kdelab.learn.form import Form
from kdelab.learn.metric import Metric
from kdelab.learn.others import Others
from kdelab.learn.regressor.bandwidth import LEAST, Losses
from kdelab.learn.regressor.fitted import Fitted
from kdelab.learn.regressor.given import STATISTICS, check_settings, ends_of, groups_of, one_of
from kdelab.learn.regressor.mixture import Mixture
from kdelab.learn.regressor.samples import Samples, Span
from kdelab.learn.regressor.tails import NAMES
from kdelab.loss.runtime import at_most
from kdelab.loss.validate import Floats, Integers, count, places, scalar


class KernelDensityRegressor(RegressorMixin, BaseEstimator):
    """The density of y given x, from neighbours whose distance is learned.

    p(y | x) = sum_j S_j K_h(y - y_j), S = softmax(z), z_j = log w_j - sum_f v_f abs(x_f - x_jf): over the neighbours j
    of x among the samples, which count by their own weights w_j and by how near they are. The weights v, a feature
    each, are those of least leave-one-out cross-entropy: each sample is predicted from the others.

    Parameters
    ----------
    kernel : str
        K: "laplace", "gaussian", "cauchy", "logistic", "huber", "box", "triangular" or "epanechnikov". The last three
        end after a bandwidth, so that they need a background, or a bandwidth wide enough for every sample.
    bandwidth : float, optional
        h, in the unit of y; by default the one of least leave-one-out loss, found anew whenever neighbours are.
    form : "linear", "power" or "scale"
        What is learned: a weight a feature; weight, exponent and shift (`kdelab.learn.distance`); one weight for all.
    neighbours : int
        At most so many a prediction.
    background : float
        The weight, in [0, 1), of a uniform density mixed in, on the span of the targets learned from.
    statistic : "mean", "median" or "mode"
        What `predict` returns of the density.
    retrievals : int
        How often, at most, neighbours are retrieved and weights trained on them; 0 leaves all features alike.
    max_iter : int
        Steps of L-BFGS-B after each retrieval.
    predictions : int, optional
        At most so many samples are predicted in training, picked at random; all by default. All are neighbours.
    shrinkage : float
        Pulls towards all features alike, by the standard error of the mean loss times this; 0 trusts every sample.
    random_state : int, RandomState or None
        Picks the predictions, and draws in `sample`.
    n_jobs : int, optional
        Threads: 1 by default, -1 for all. No digit depends on it.

    Attributes
    ----------
    feature_importances_ : array (features,)
        How far each feature moves logits over its range; they sum to 1.
    bandwidth_ : float
        h.
    history_ : list of kdelab.learn.checkpoint.Retrieval
        How things stood at the start and after each retrieval, in nats per unit of y; `held_out` is the leave-one-out
        loss with neighbours found by the weights reached.
    n_iter_ : int
        How often the loss was evaluated, all retrievals together.
    metric_ : kdelab.learn.metric.Metric
        The learned distance, of the best retrieval.
    n_features_in_, feature_names_in_
        As in scikit-learn.

    Notes
    -----
    Features are scaled to [0, 1] by what the samples span, and clipped to it later on.

    A sample of weight 0 is removed, and one of weight 2 is two equal samples: it counts twice as a neighbour and in the
    mean loss. So rows equal in X, y and group are one sample, of their weights' sum: a copy isn't another sample, it
    would predict itself. Where y is so coarse that real samples agree in everything, give intervals, or
    ``groups=np.arange(n)``, which says that they are different ones.

    Examples
    --------
    >>> X = np.linspace(0, 1, 200)[:, None]
    >>> y = np.sin(6 * X[:, 0]) + np.random.default_rng(0).normal(0, 0.1, 200)
    >>> model = kdelab.KernelDensityRegressor(kernel="gaussian").fit(X, y)
    >>> model.predict([[0.25], [0.75]]).round(1)
    array([ 1., -1.])
    >>> model.predict_interval([[0.25]], coverage=0.9).round(1)
    array([[0.8, 1.2]])
    """

    def __init__(  # noqa: PLR0913  (scikit-learn's parameters are arguments)
        self,
        kernel: str = "laplace",
        bandwidth: float | None = None,
        form: str = "linear",
        neighbours: int = 100,
        background: float = 0.0,
        statistic: str = "mean",
        retrievals: int = 3,
        max_iter: int = 100,
        predictions: int | None = None,
        shrinkage: float = 1.0,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.kernel = kernel
        self.bandwidth = bandwidth
        self.form = form
        self.neighbours = neighbours
        self.background = background
        self.statistic = statistic
        self.retrievals = retrievals
        self.max_iter = max_iter
        self.predictions = predictions
        self.shrinkage = shrinkage
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> "KernelDensityRegressor":
        """Learn the weights, and the bandwidth, from samples.

        Parameters
        ----------
        X : array_like or table (n, features)
        y : array_like (n,) or (n, 2)
            Points; or intervals, lower and upper end: the loss is that of the whole interval, a neighbour's point the
            middle of its own.
        sample_weight : array_like (n,), optional
            How many samples each stands for; 0 removes it.
        groups : array_like (n,), optional
            Samples of one group aren't predicted from one another; by default each is predicted from all others.

        Returns
        -------
        KernelDensityRegressor
            Itself.

        Raises
        ------
        ValueError
            If a parameter or the data aren't what they must be, or there are no two samples, or groups, that differ.
        """
        check_settings(self)
        X, targets = validate_data(self, X, y, multi_output=True, y_numeric=True, dtype=np.float64)
        lower, upper = ends_of(targets)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        group, there = groups_of(groups, X), weights > 0
        X, lower, upper = X[there], lower[there], upper[there]
        x_span, y_span = Span.of(X), Span.of(np.append(lower, upper))
        scaled = x_span.scaled(X), y_span.centred(lower), y_span.centred(upper)
        samples = Samples.merged(*scaled, weights[there], None if group is None else group[there])
        threads, rows = joblib.effective_n_jobs(self.n_jobs), self._picked(len(samples.features))
        bandwidth = None if self.bandwidth is None else self.bandwidth / y_span.unit
        losses = Losses(samples, NAMES[self.kernel], self.background, bandwidth)
        retriever = Retriever(samples.features, Others(samples.group, threads), self.neighbours, 1)
        form = Form.named(self.form, X.shape[1])
        examples = Examples(retriever, form, rows, samples.weights[rows], losses)
        schedule = Schedule(self.retrievals, max_iter=self.max_iter, patience=1)
        with at_most(threads), opened(None, {}) as state:
            examples.batch(form.start).value_and_grad(form.start)  # refused before anything is made of it
            fit(examples, examples, schedule, self.shrinkage, state)
            theta = np.asarray(reached(state))
            examples.batch(theta)  # for the bandwidth that suits them
        self.metric_ = self._metric(x_span, form, theta)
        density = NAMES[self.kernel](losses.bandwidth), self.background
        self._fitted = Fitted.of((x_span, y_span), self.metric_, samples, self.neighbours, density)
        self._tell(samples, losses.bandwidth, state)
        return self

    def predict(self, X: Any, statistic: str | None = None) -> Floats:
        """Return a number for each row: what is most of interest in its density.

        Parameters
        ----------
        X : array_like or table (rows, features)
        statistic : "mean", "median" or "mode", optional
            By default the constructor's. A Cauchy mixture has no mean: there it is the weighted mean of the points.

        Returns
        -------
        array (rows,)
        """
        chosen = one_of("statistic", self.statistic if statistic is None else statistic, STATISTICS)
        of = {"mean": Mixture.mean, "median": lambda mixture: mixture.quantile(0.5), "mode": Mixture.mode}[chosen]
        return self._in_units(X, of)

    def predict_density(self, X: Any, y: ArrayLike) -> Floats:
        """Return p(y | x).

        Parameters
        ----------
        X : array_like or table (rows, features)
        y : array_like (m,) or (rows, m)
            The same places for all rows, or places for each.

        Returns
        -------
        array (rows, m)
            Per unit of y.
        """
        X = self._known(X)
        at = self._fitted.y.centred(places(y, len(X), "y"))
        logs = self._each(X, lambda mixture, part: mixture.log_density(at[part]))
        return np.exp(logs - np.log(self._fitted.y.unit))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Return the interval that y lies in with a probability, and beyond either end with half of the rest.

        Parameters
        ----------
        X : array_like or table (rows, features)
        coverage : float
            Between 0 and 1.

        Returns
        -------
        array (rows, 2)
            Lower and upper ends.
        """
        if not 0 < scalar("coverage", coverage) < 1:
            raise ValueError(f"coverage must be greater than 0 and less than 1, not {coverage!r}")
        return self._in_units(X, lambda mixture: mixture.interval((1 - coverage) / 2))

    def sample(self, X: Any, n: int = 1, random_state: Any = None) -> Floats:
        """Return draws from the density of each row.

        Parameters
        ----------
        X : array_like or table (rows, features)
        n : int
            How many a row.
        random_state : int, RandomState or None
            By default the constructor's.

        Returns
        -------
        array (rows, n)
        """
        rng = check_random_state(self.random_state if random_state is None else random_state)
        number = count("n", n)
        return self._in_units(X, lambda mixture: mixture.sample(rng, number))

    def score(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the mean log density of y, in nats per unit of y: of intervals, minus the cross-entropy.

        Parameters
        ----------
        X : array_like or table (rows, features)
        y : array_like (rows,) or (rows, 2)
            Points or intervals, as in `fit`.
        sample_weight : array_like (rows,), optional

        Returns
        -------
        float
            Higher is better; minus infinity where a density is 0.
        """
        check_is_fitted(self, "bandwidth_")
        X, targets = validate_data(self, X, y, reset=False, multi_output=True, y_numeric=True, dtype=np.float64)
        lower, upper = map(self._fitted.y.centred, ends_of(targets))
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        losses = self._each(X, lambda mixture, part: mixture.losses(lower[part], upper[part]))
        there = weights > 0  # an infinite loss of no weight is none
        return -float(np.average(losses[there], weights=weights[there]) + np.log(self._fitted.y.unit))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # the score is no R^2, of which 0.5 is asked
        return tags

    def _picked(self, n: int) -> Integers:
        """Return the rows that are predicted in training."""
        rows = np.arange(n)
        if self.predictions is None or self.predictions >= n:
            return rows
        return np.sort(check_random_state(self.random_state).permutation(rows)[: self.predictions])

    def _metric(self, span: Span, form: Form, theta: Floats) -> Metric:
        """Return the learned distance, by the names of features where they have some."""
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(form.features)])
        ends = zip(span.low.tolist(), (span.low + span.width).tolist(), strict=True)
        return Metric.of(dict(zip(map(str, names), ends, strict=True)), form.parameters(theta))

    def _tell(self, samples: Samples, bandwidth: float, state: Checkpoint) -> None:
        """Set what is said of a fit, in the unit of y."""
        unit = self._fitted.y.unit
        nats = float(np.log(unit))
        self.history_ = [
            entry._replace(before=entry.before + nats, after=entry.after + nats, held_out=entry.held_out + nats)
            for entry in state.history
        ]
        self.n_iter_ = sum(entry.evaluations for entry in state.history)
        ends = np.outer([0.0, 1.0], samples.features.max(axis=0))  # 0 both where a feature is constant
        moved = np.diff(self.metric_.parameters.positions(ends), axis=0)[0]
        self.feature_importances_ = moved / (moved.sum() or 1.0)
        self.bandwidth_ = bandwidth * unit
        if self.bandwidth is None and bandwidth < 2 * LEAST:
            warnings.warn(
                f"y: targets agree so closely that the bandwidth learned is the least there is, {self.bandwidth_:.3g}; "
                "where y was rounded, give the intervals that it was rounded from, or a bandwidth",
                UserWarning,
                stacklevel=3,
            )

    def _known(self, X: Any) -> Floats:
        """Return rows of features, checked."""
        check_is_fitted(self, "bandwidth_")
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def _each(self, X: Floats, function: Callable[[Mixture, slice], Floats]) -> Floats:
        return self._fitted.each(X, joblib.effective_n_jobs(self.n_jobs), function)

    def _in_units(self, X: Any, function: Callable[[Mixture], Floats]) -> Floats:
        """Return what a function says of the densities of all rows, in the unit of y."""
        X = self._known(X)
        return self._fitted.y.back(self._each(X, lambda mixture, _: function(mixture)))
