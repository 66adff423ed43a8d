"""Settings of a gun, and whether they are what they may be."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from kdelab.gun.waves.check import flag
from kdelab.gun.waves.features import FEATURES, RANGES
from kdelab.learn.form import Form
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import count, fraction, scalar, vector

OWN = "interval"  # the kernel that is the neighbour's own interval, as a box
AIMS = ("density", "intervals")
MOST = 2**31 - 1  # of anything that is counted: what Java's int holds


def names_of(features: Any) -> list[str]:
    """Return the features' columns; by default those of `kdelab.gun.waves.features`.

    Raises
    ------
    ValueError
        If they are no names, none, or not each once.
    """
    if features is None:
        return list(FEATURES)
    names = [] if isinstance(features, str) or not np.iterable(features) else list(features)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ValueError(f"features must be columns, each once and at least one, not {features!r}")
    return names


def bounds_of(ranges: Any, features: Any) -> dict[str, tuple[float, float]]:
    """Return the range of each feature that has one: the documented ones, and in their place those that are given.

    Raises
    ------
    ValueError
        If what is given maps no names of features to (low, high), finite and rising.
    """
    if ranges is None:
        return dict(RANGES)
    if not isinstance(ranges, Mapping):
        raise ValueError(f"ranges must map features to (low, high), {{'power': (0, 1)}} say, not {ranges!r}")
    if strange := [name for name in ranges if name not in names_of(features)]:
        raise ValueError(f"ranges names {strange}; the features are {', '.join(names_of(features))}")
    given = {}
    for name, pair in ranges.items():
        ends = vector(f"ranges[{name!r}]", pair, 2, "low and high")
        low, high = ends.tolist()
        if not low < high:
            raise ValueError(f"ranges[{name!r}] must rise from low to high, not {pair!r}")
        if not math.isfinite(high - low):
            raise ValueError(f"ranges[{name!r}] spans more than a float can hold, {pair!r}")
        given[name] = low, high
    return RANGES | given


def check_parameters(model: Any) -> None:
    """Raise a ValueError that names the first parameter of a `NeighbourModel` that isn't what it may be."""
    if not (isinstance(model.kernel, Kernel) or (isinstance(model.kernel, str) and model.kernel == OWN)):
        raise ValueError(f'kernel must be a kdelab kernel, Laplace(0.1) say, or "{OWN}", not {model.kernel!r}')
    if model.loss is not None and not callable(model.loss):
        raise ValueError(f"loss must be called with (clusters, kernel), CrossEntropy say, not {model.loss!r}")
    Form.named(model.form, len(names_of(model.features)))
    bounds_of(model.ranges, model.features)
    for name in ("neighbours", "share", "retrievals", "max_iter", "predictions", "patience"):
        given = getattr(model, name)
        if not (given is None and name in ("predictions", "patience")) and count(name, given) > MOST:
            raise ValueError(f"{name} must be at most {MOST}, not {given}")
    count("random_state", model.random_state, least=0)
    fraction("validation", model.validation)
    if scalar("shrinkage", model.shrinkage) < 0:
        raise ValueError(f"shrinkage must be at least 0, not {model.shrinkage}")
    if fraction("background", model.background) == 0 and getattr(model.kernel, "support", 1.0) < np.inf:
        raise ValueError(f"background must be greater than 0 with {model.kernel!r}, or the loss would be infinite")
    if model.aim not in AIMS:
        raise ValueError(f"aim: {model.aim!r} given, allowed are {', '.join(AIMS)}")
    for name in ("retrieve_anew", "within_round"):
        flag(name, getattr(model, name))
