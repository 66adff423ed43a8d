"""What users give the regressor, checked: settings, targets, groups."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d

from kdelab.learn.form import SHAPES
from kdelab.learn.regressor.tails import NAMES
from kdelab.loss.validate import Floats, Integers, count, fraction, positive, scalar

STATISTICS = ("mean", "median", "mode")
_FEWEST = {"neighbours": 1, "retrievals": 0, "max_iter": 1, "predictions": 1}


def check_settings(model: Any) -> None:
    """Raise a ValueError that names the first parameter of a regressor that isn't what it may be."""
    choices: dict[str, Collection[str]] = {"kernel": NAMES, "form": SHAPES, "statistic": STATISTICS}
    for name, allowed in choices.items():
        one_of(name, getattr(model, name), allowed)
    for name, fewest in _FEWEST.items():
        if not (name == "predictions" and model.predictions is None):
            count(name, getattr(model, name), least=fewest)
    if model.bandwidth is not None:
        positive("bandwidth", model.bandwidth)
    fraction("background", model.background)
    try:
        check_random_state(model.random_state)
    except ValueError as error:
        raise ValueError(f"random_state: {error}") from error
    if scalar("shrinkage", model.shrinkage) < 0:
        raise ValueError(f"shrinkage must be at least 0, not {model.shrinkage}")


def one_of(name: str, given: Any, allowed: Collection[str]) -> str:
    """Return what is given if it is allowed, else raise a ValueError that names it."""
    if not (isinstance(given, str) and given in allowed):
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, not {given!r}")
    return given


def ends_of(y: NDArray[Any]) -> tuple[Floats, Floats]:
    """Return lower and upper ends of targets, (n,) each; ValueError if some are the wrong way round."""
    if y.ndim == 2 and y.shape[1] == 2:
        lower, upper = y.astype(np.float64).T
        if (lower > upper).any():
            first = int(np.argmax(lower > upper))
            raise ValueError(f"y must not have lower ends above upper ones, but y[{first}] is {y[first]}")
        return lower, upper
    if y.ndim == 2 and y.shape[1] > 2:
        raise ValueError(f"y must be points (n,) or intervals (n, 2), not of shape {y.shape}")
    points = column_or_1d(y, dtype=np.float64, warn=True)
    return points, points


def groups_of(groups: ArrayLike | None, X: Floats) -> Integers | None:
    """Return the group of each row, counted from 0 in the order of their labels."""
    if groups is None:
        return None
    labels = column_or_1d(check_array(groups, ensure_2d=False, dtype=None, input_name="groups"))
    check_consistent_length(X, labels)
    try:
        return np.unique(labels, return_inverse=True)[1]
    except TypeError as error:
        raise ValueError(f"groups must be labels that can be told apart by their order, but {error}") from error
