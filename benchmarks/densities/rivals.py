"""The methods: fitted to features and targets, each gives densities and intervals."""

from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, Protocol

import numpy as np

import kdelab
from kdelab.learn.regressor.bandwidth import least
from kdelab.learn.regressor.mixture import Mixture
from kdelab.loss.validate import Floats

COVERAGE = 0.9


class Density(Protocol):
    """A fitted model of densities."""

    def log_density(self, X: Floats, y: Floats) -> Floats:
        """Return log p(y | x) of each row, (n,)."""
        ...

    def interval(self, X: Floats) -> Floats:
        """Return the ends of each row's 90 % interval, (n, 2)."""
        ...


class Ours:
    """The regressor."""

    def __init__(self, X: Floats, y: Floats, **settings: Any) -> None:
        self.model = kdelab.KernelDensityRegressor(**settings).fit(X, y)

    def log_density(self, X: Floats, y: Floats) -> Floats:
        """Return log p(y | x), (n,)."""
        return np.log(self.model.predict_density(X, y[:, None])[:, 0])

    def interval(self, X: Floats) -> Floats:
        """Return the intervals, (n, 2)."""
        return np.asarray(self.model.predict_interval(X, COVERAGE))


class Weighted:
    """A Laplace kernel density of all training targets, with weights that a subclass gives, (rows, n), as logarithms.

    Its bandwidth is that of least loss where each training sample is weighted as if it weren't there.
    """

    def __init__(self, y: Floats, without: Floats) -> None:
        self.low, self.width = y.min(), np.ptp(y)
        self.points = 2 * (y - self.low) / self.width - 1
        self.h = least(lambda h: self._loss(without, h, self.points), 0.25)

    def weights(self, X: Floats) -> Floats:
        """Return log weights of all training samples for some rows, -inf where there is none."""
        raise NotImplementedError

    def log_density(self, X: Floats, y: Floats) -> Floats:
        """Return log p(y | x), (n,)."""
        at = 2 * (y - self.low) / self.width - 1
        return self._mixture(self.weights(X), self.h).log_density(at[:, None])[:, 0] - np.log(self.width / 2)

    def interval(self, X: Floats) -> Floats:
        """Return the intervals, (n, 2)."""
        ends = self._mixture(self.weights(X), self.h).interval((1 - COVERAGE) / 2)
        return self.low + (1 + ends) * self.width / 2

    def _mixture(self, logs: Floats, h: float) -> Mixture:
        nowhere, there = np.zeros(len(logs)), logs > -np.inf
        clusters = kdelab.Clusters.from_padded(np.tile(self.points, (len(logs), 1)), nowhere, nowhere, there)
        return Mixture(clusters, logs[there], kdelab.Laplace(h))

    def _loss(self, logs: Floats, h: float, at: Floats) -> float:
        return -float(self._mixture(logs, h).log_density(at[:, None]).mean())


class Plain(Weighted):
    """Nadaraya and Watson's density: a Gaussian of one width for all features, standardised; no weights are learned."""

    def __init__(self, X: Floats, y: Floats) -> None:
        self.mean, self.deviation = X.mean(axis=0), X.std(axis=0)
        self.X = (X - self.mean) / self.deviation
        found = []
        for self.b in np.geomspace(0.1, 3.0, 12):
            logs = self._logs(self.X)
            np.fill_diagonal(logs, -np.inf)
            super().__init__(y, logs)
            found.append((self._loss(logs, self.h, self.points), self.b, self.h))
        _, self.b, self.h = min(found)

    def weights(self, X: Floats) -> Floats:
        """Return log weights, (rows, n)."""
        return self._logs((X - self.mean) / self.deviation)

    def _logs(self, X: Floats) -> Floats:
        squares = (X**2).sum(axis=1)[:, None] + (self.X**2).sum(axis=1) - 2 * X @ self.X.T
        return -np.maximum(squares, 0) / (2 * self.b**2)


class Forest(Weighted):
    """A quantile forest: its own quantiles for intervals; for densities, the targets weighted by shared leaves."""

    def __init__(self, X: Floats, y: Floats) -> None:
        from quantile_forest import RandomForestQuantileRegressor

        self.forest = RandomForestQuantileRegressor(n_estimators=200, min_samples_leaf=5, random_state=0).fit(X, y)
        self.leaves, n = self.forest.apply(X), len(X)
        self.bags = np.array([np.bincount(drawn, minlength=n) for drawn in self.forest.estimators_samples_])
        super().__init__(y, self._logs(self.leaves, out_of_bag=True))

    def weights(self, X: Floats) -> Floats:
        """Return log weights, (rows, n)."""
        return self._logs(self.forest.apply(X), out_of_bag=False)

    def interval(self, X: Floats) -> Floats:
        """Return the intervals, (n, 2)."""
        return np.asarray(self.forest.predict(X, quantiles=[(1 - COVERAGE) / 2, (1 + COVERAGE) / 2]))

    def _logs(self, leaves: Floats, out_of_bag: bool) -> Floats:
        total = np.zeros((len(leaves), len(self.leaves)))
        for here, there, bag in zip(leaves.T, self.leaves.T, self.bags, strict=True):
            shared = (here[:, None] == there) * bag
            part = shared / shared.sum(axis=1, keepdims=True)
            total += part * (bag == 0)[:, None] if out_of_bag else part
        with np.errstate(divide="ignore"):
            return np.log(total)


class Boosted:
    """NGBoost: natural gradient boosting of a normal distribution, stopped when a tenth that it holds out says so.

    As it comes, 500 steps, it learns these tables by heart.
    """

    def __init__(self, X: Floats, y: Floats) -> None:
        from ngboost import NGBRegressor

        stopping: Any = {"early_stopping_rounds": 50, "validation_fraction": 0.1}
        with redirect_stdout(None):  # it talks
            self.model = NGBRegressor(random_state=0, verbose=False, **stopping).fit(X, y)

    def log_density(self, X: Floats, y: Floats) -> Floats:
        """Return log p(y | x), (n,)."""
        return np.asarray(self._found(X).logpdf(y))

    def interval(self, X: Floats) -> Floats:
        """Return the intervals, (n, 2)."""
        found = self._found(X)
        return np.stack([found.ppf((1 - COVERAGE) / 2), found.ppf((1 + COVERAGE) / 2)], axis=1)

    def _found(self, X: Floats) -> Any:
        return self.model.pred_dist(X, max_iter=self.model.best_val_loss_itr + 1)


METHODS: dict[str, Callable[[Floats, Floats], Density]] = {
    "ours": Ours,
    'ours, form="power"': lambda X, y: Ours(X, y, form="power"),
    'ours, form="scale"': lambda X, y: Ours(X, y, form="scale"),
    "plain KDE": Plain,
    "NGBoost": Boosted,
    "quantile forest": Forest,
}
