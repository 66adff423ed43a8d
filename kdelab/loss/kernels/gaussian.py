"""The Gaussian kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compiled, Exponential, Kernel
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats


@scalar
def _exponent(kernel: Compiled, u: float) -> float:
    return 0.5 * u * u


@scalar
def _rise(kernel: Compiled, u: float, more: float) -> float:
    return more * (u + 0.5 * more)


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -u


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


@dataclass(frozen=True)
class Gaussian(Kernel):
    """K(u) = exp(-u^2 / 2) / sqrt(2 pi): lighter tails than Laplace; far points sort themselves ever more sharply."""

    bend: ClassVar[float] = math.inf
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u^2 / 2 - log sqrt(2 pi)."""
        return -0.5 * u * u - 0.5 * math.log(2 * math.pi)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -u."""
        return -u

    def overlap(self, d: Floats) -> Floats:
        """Return the density of a Gaussian of bandwidth sqrt(2) h."""
        return np.exp(Gaussian(self.bandwidth * math.sqrt(2)).log(d))
