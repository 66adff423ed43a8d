"""Huber's kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compiled, Exponential, Kernel
from kdelab.loss.runtime import scalar

_LOG_NORM = math.log(math.sqrt(2 * math.pi) * math.erf(math.sqrt(0.5)) + 2 * math.exp(-0.5))


@scalar
def _exponent(kernel: Compiled, u: float) -> float:
    return 0.5 * u * u if u < 1.0 else u - 0.5


@scalar
def _rise(kernel: Compiled, u: float, more: float) -> float:
    if u >= 1.0 and u + more >= 1.0:
        return more
    if u < 1.0 and u + more < 1.0:
        return more * (u + 0.5 * more)
    to_edge = 1.0 - u
    rest = more - to_edge
    return to_edge * (u + 0.5 * to_edge) + rest if u < 1.0 else to_edge + rest * (1.0 + 0.5 * rest)


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -min(u, 1.0)


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


@dataclass(frozen=True)
class Huber(Kernel):
    """K(u) = c exp(-u^2 / 2) where abs(u) <= 1, c exp(1/2 - abs(u)) beyond: a Gaussian with Laplace's tails.

    The density whose log likelihood is Huber's loss (Huber 1964): the influence of a far point is level.
    """

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    strip: ClassVar[float] = math.pi / 2
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u^2 / 2 up to 1, 1/2 - u beyond, less log(sqrt(2 pi) erf(1 / sqrt 2) + 2 / sqrt e)."""
        core = xp.minimum(u, 1.0)
        return 0.5 * core * core - core * u - _LOG_NORM

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -min(u, 1)."""
        return -xp.minimum(u, 1.0)
