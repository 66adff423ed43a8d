"""Distribution functions of the kernels, from their tails, so that nothing cancels however far out a place lies.

T(u) = P(U > u) for u >= 0, U drawn from the kernel of bandwidth 1; P(U < -u) is the same.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from kdelab.loss.kernels import Box, Cauchy, Epanechnikov, Gaussian, Huber, Kernel, Laplace, Logistic, Triangular
from kdelab.loss.validate import Floats

_HUBER = math.sqrt(2 * math.pi) * math.erf(math.sqrt(0.5)) + 2 * math.exp(-0.5)  # 1 / K(0)
_BELL = math.sqrt(math.pi / 2)


class Tail(NamedTuple):
    """log T(u), u >= 0, and its inverse: the u >= 0 at which T(u) = p, 0 < p <= 1/2; elementwise."""

    log: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]


def tail_of(kernel: Kernel) -> Tail:
    """Return the tail of a kernel's family; ValueError if it isn't known here."""
    if type(kernel) not in _TAILS:
        raise ValueError(f"kernel must be one of {', '.join(kind.__name__ for kind in _TAILS)}, not {kernel!r}")
    return _TAILS[type(kernel)]


def _log_room(u: Floats) -> Floats:
    """Return log(1 - u), -inf from 1 on: of compact kernels."""
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(1.0 - u, 0.0))


def _cauchy_inverse(p: Floats) -> Floats:
    return np.where(p < 0.25, 1 / np.tan(np.pi * p), np.tan(np.pi * (0.5 - p)))


def _huber_log(u: Floats) -> Floats:
    core = np.minimum(u, 1.0)
    return np.where(u < 1, np.log(0.5 - _BELL / _HUBER * special.erf(core * math.sqrt(0.5))), 0.5 - u - np.log(_HUBER))


def _huber_inverse(p: Floats) -> Floats:
    inner = np.minimum((0.5 - p) * (_HUBER / _BELL), math.erf(math.sqrt(0.5)))
    core = math.sqrt(2.0) * special.erfinv(inner)
    return np.where(p * _HUBER < math.exp(-0.5), 0.5 - np.log(p * _HUBER), core)


def _epanechnikov_inverse(p: Floats) -> Floats:
    # 2 sin(asin(1 - 2 p) / 3), without the cancellation of 1 - 2 p
    return 2 * np.sin(np.maximum(np.pi / 6 - 2 / 3 * np.arcsin(np.sqrt(p)), 0.0))


_TAILS: dict[type[Any], Tail] = {
    Laplace: Tail(lambda u: -u - math.log(2), lambda p: -np.log(2 * p)),
    Gaussian: Tail(lambda u: special.log_ndtr(-u), lambda p: -special.ndtri(p)),
    Cauchy: Tail(lambda u: np.log(np.arctan2(1.0, u) / np.pi), _cauchy_inverse),
    Logistic: Tail(lambda u: -u - np.log1p(np.exp(-u)), lambda p: np.log1p(-p) - np.log(p)),
    Huber: Tail(_huber_log, _huber_inverse),
    Box: Tail(lambda u: _log_room(u) - math.log(2), lambda p: 1 - 2 * p),
    Triangular: Tail(lambda u: 2 * _log_room(u) - math.log(2), lambda p: 1 - np.sqrt(2 * p)),
    Epanechnikov: Tail(lambda u: 2 * _log_room(u) + np.log(2 + u) - math.log(4), _epanechnikov_inverse),
}
NAMES = {kind.__name__.lower(): kind for kind in _TAILS}
"""The kernels that are known here, by their names in lower case."""
