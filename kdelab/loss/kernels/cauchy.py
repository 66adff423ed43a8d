"""The Cauchy kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.arithmetic import plus
from kdelab.loss.kernels.base import Algebraic, Compiled, Kernel
from kdelab.loss.runtime import scalar
from kdelab.loss.validate import Floats


@scalar
def _ratio(kernel: Compiled, u: float) -> float:
    return 1.0 / (1.0 + u * u)


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -2.0 * u / (1.0 + u * u)


@scalar
def _fill_rows(
    kernel: Compiled, places: Floats, d: Floats, w: Floats, middle: float, half: float, fresh: bool, work: Floats,
    rows: Floats, logs: Floats, sums: Floats,
) -> None:  # fmt: skip
    for q in range(places.size):
        row, y, total = rows[q], middle + half * places[q], 0.0
        for j in range(d.size):
            u = d[j] - y
            row[j] = w[j] / (1.0 + u * u)
            total = plus(total, row[j])
        logs[q], sums[q] = 0.0, total


class _Compiled(Algebraic):
    ratio, slope, fill_rows = _ratio, _slope, _fill_rows


@dataclass(frozen=True)
class Cauchy(Kernel):
    """K(u) = 1 / (pi (1 + u^2)): heavier tails than Laplace, so far points look ever more alike."""

    log_concave: ClassVar[bool] = False
    bend: ClassVar[float] = 1.0
    strip: ClassVar[float] = 1.0
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -log(1 + u^2) - log pi, without squaring large u."""
        large = xp.maximum(u, 1.0)
        return -xp.where(
            u > 1, 2 * xp.log(large) + xp.log1p(1 / large**2), xp.log1p(xp.minimum(u, 1.0) ** 2)
        ) - math.log(math.pi)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -2 u / (1 + u^2)."""
        return -2 / (u + 1 / xp.maximum(u, np.finfo(float).tiny))

    def overlap(self, d: Floats) -> Floats:
        """Return the density of a Cauchy kernel of bandwidth 2 h."""
        return np.exp(Cauchy(2 * self.bandwidth).log(d))
