"""What densities are learned of: three tables that scikit-learn brings, and two made up whose truth is known."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.validate import Floats


class Problem(NamedTuple):
    """Data, and what the true density says of them where it is known."""

    name: str
    X: Floats
    y: Floats
    truth: Floats | None = None


def problems(n: int = 1000) -> list[Problem]:
    """Return three that scikit-learn brings, and two made up: a skewed one, and one of two modes.

    The progression of diabetes; a wine's alcohol from twelve other measurements; a tumour's worst area from ten means;
    log-normal noise, as wide as the third feature says; and two ridges that the first one parts.
    """
    from sklearn import datasets

    diabetes, wine, cancer = (load() for load in (
        datasets.load_diabetes, datasets.load_wine, datasets.load_breast_cancer
    ))  # fmt: skip
    area = list(cancer.feature_names).index("worst area")
    rng = np.random.default_rng(0)
    X = rng.random((n, 5))
    centre, sigma = 1.5 * np.sin(5 * X[:, 0]) + X[:, 1], 0.1 + 0.5 * X[:, 2]
    logs = centre + sigma * rng.standard_normal(n)
    skewed = -0.5 * ((logs - centre) / sigma) ** 2 - np.log(sigma * np.sqrt(2 * np.pi)) - logs
    middle = np.where(rng.random(n) < 0.5, 1, -1) * (0.5 + X[:, 0])
    y = middle + 0.15 * rng.standard_normal(n)
    bells = [-0.5 * ((y - sign * (0.5 + X[:, 0])) / 0.15) ** 2 for sign in (1, -1)]
    two = np.logaddexp(*bells) - np.log(2 * 0.15 * np.sqrt(2 * np.pi))
    return [
        Problem("diabetes", diabetes.data, diabetes.target),
        Problem("wine", wine.data[:, 1:], wine.data[:, 0]),
        Problem("breast cancer", cancer.data[:, :10], cancer.data[:, area]),
        Problem("log-normal", X, np.exp(logs), skewed),
        Problem("two modes", X, y, two),
    ]
