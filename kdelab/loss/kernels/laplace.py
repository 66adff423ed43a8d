"""The Laplace kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compiled, Exponential, Kernel
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats


@scalar
def _exponent(kernel: Compiled, u: float) -> float:
    return u


@scalar
def _rise(kernel: Compiled, u: float, more: float) -> float:
    return more


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -1.0


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


@dataclass(frozen=True)
class Laplace(Kernel):
    """K(u) = exp(-abs(u)) / 2, the thread's own example: the only kernel whose gradient forgets how far away it is."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)
    strip: ClassVar[float] = math.pi / 2
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u - log 2."""
        return -u - math.log(2)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -1."""
        return xp.full_like(u, -1.0)

    def overlap(self, d: Floats) -> Floats:
        """Return exp(-u) (1 + u) / (4 h), u = abs(d) / h."""
        u = np.abs(d) / self.bandwidth
        return np.exp(-u) * (1 + u) / (4 * self.bandwidth)
