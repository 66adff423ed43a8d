"""The triangular kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compact, Compiled, Kernel
from kdelab.loss.runtime import scalar


@scalar
def _height(kernel: Compiled, before: float, behind: float) -> float:
    return min(before, behind)


@scalar
def _steepness(kernel: Compiled, u: float, before: float, behind: float) -> float:
    return -1.0


class _Compiled(Compact):
    height, steepness = _height, _steepness


@dataclass(frozen=True)
class Triangular(Kernel):
    """K(u) = 1 - abs(u) where that is positive."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 0.0, 1.0)
    support: ClassVar[float] = 1.0
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return log(1 - u) inside, -inf outside."""
        inside = u < 1
        return xp.where(inside, xp.log1p(-xp.where(inside, u, 0.0)), -math.inf)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -1 / (1 - u) inside, 0 outside."""
        inside = u < 1
        return xp.where(inside, -1 / (1 - xp.where(inside, u, 0.0)), 0.0)
