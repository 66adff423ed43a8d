"""The Epanechnikov kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compact, Compiled, Kernel
from kdelab.loss.runtime import scalar


@scalar
def _height(kernel: Compiled, before: float, behind: float) -> float:
    return before * behind


@scalar
def _steepness(kernel: Compiled, u: float, before: float, behind: float) -> float:
    return -2.0 * u


class _Compiled(Compact):
    height, steepness = _height, _steepness


@dataclass(frozen=True)
class Epanechnikov(Kernel):
    """K(u) = 3/4 (1 - u^2) where that is positive."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    support: ClassVar[float] = 1.0
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return log(3/4 (1 - u)(1 + u)) inside, -inf outside."""
        inside = u < 1
        within = xp.where(inside, u, 0.0)
        return xp.where(inside, math.log(0.75) + xp.log1p(-within) + xp.log1p(within), -math.inf)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -2 u / (1 - u^2) inside, 0 outside."""
        inside = u < 1
        within = xp.where(inside, u, 0.0)
        return xp.where(inside, -2 * within / ((1 - within) * (1 + within)), 0.0)
