"""The logistic kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compiled, Exponential, Kernel
from kdelab.loss.runtime import scalar


@scalar
def _exponent(kernel: Compiled, u: float) -> float:
    return u + 2.0 * (math.log1p(math.exp(-u)) - math.log(2.0))


@scalar
def _rise(kernel: Compiled, u: float, more: float) -> float:
    # log((1 + e^-(v + d)) / (1 + e^-v)) = log1p(expm1(-d) e^-v / (1 + e^-v)), v the nearer of both places, d >= 0
    decay = math.exp(-(u + min(more, 0.0)))
    core = math.log1p(math.expm1(-abs(more)) * (decay / (1.0 + decay)))
    return more + 2.0 * math.copysign(core, -more)


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -math.tanh(0.5 * u)


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


@dataclass(frozen=True)
class Logistic(Kernel):
    """K(u) = 1 / (4 cosh^2(u / 2)): Laplace's tails on a smooth core, so that it neither gives up nor chases."""

    bend: ClassVar[float] = 4.0
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u - 2 log(1 + e^-u)."""
        return -u - 2 * xp.log1p(xp.exp(-u))

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -tanh(u / 2)."""
        return -xp.tanh(0.5 * u)
