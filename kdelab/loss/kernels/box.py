"""The box kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compact, Compiled, Kernel
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats


@scalar
def _height(kernel: Compiled, before: float, behind: float) -> float:
    return 1.0


@scalar
def _steepness(kernel: Compiled, u: float, before: float, behind: float) -> float:
    return 0.0


class _Compiled(Compact):
    height, steepness = _height, _steepness


@dataclass(frozen=True)
class Box(Kernel):
    """K(u) = 1/2 where abs(u) <= 1, ends included: the thread's 0/1 kernel, up to its scale."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    support: ClassVar[float] = 1.0
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -log 2 inside, -inf outside."""
        return xp.where(u <= 1, 0.0 * u - math.log(2), -math.inf)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return 0."""
        return xp.zeros_like(u)

    def overlap(self, d: Floats) -> Floats:
        """Return the density of a triangular kernel of bandwidth 2 h."""
        return np.maximum(1 - np.abs(d) / (2 * self.bandwidth), 0.0) / (2 * self.bandwidth)
