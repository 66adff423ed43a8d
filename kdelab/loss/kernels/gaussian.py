"""The Gaussian kernel."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.arithmetic import exp, plus
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


GAPS = (4, 4, 4, 3, 2, 2, 1)
"""From a panel's middle to its end, the gaps between the nodes of its lattice; the same on both sides."""

_GAPS, _STEPS, _WIDEST = np.array(GAPS), sum(GAPS), max(GAPS)
_STEEP = 15.0  # a point that far off has no weight left; without a bound it would be 0 times infinity


@scalar
def _fill_rows(
    kernel: Compiled, places: Floats, d: Floats, w: Floats, middle: float, half: float, fresh: bool, work: Floats,
    rows: Floats, logs: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Do what `engines.smooth.rows.fill_rows` says, for an exponential a point and panel, and one more a point.

    At the node y behind the middle M, exp(-(d - M - y)^2 / 2) = exp(-(d - M)^2 / 2) exp(d y) exp(-M y - y^2 / 2): at
    y = m steps the middle factor is a power of its value at one step, and the last is common to all points.
    """
    k, step, n = d.size, half / _STEPS, len(_GAPS)
    up, down = work[:_WIDEST], work[_WIDEST : 2 * _WIDEST]
    for q in range(2 * n + 1):
        y = half * places[q]
        logs[q] = -(middle + 0.5 * y) * y
    if fresh:
        up_1, down_1 = up[0], down[0]
        for j in range(k):
            fall = exp(-min(abs(d[j]) * step, _STEEP))
            rise = 1.0 / fall
            up_1[j] = rise if d[j] > 0.0 else fall
            down_1[j] = fall if d[j] > 0.0 else rise
        for m in range(1, _WIDEST):
            up_m, down_m, up_before, down_before = up[m], down[m], up[m - 1], down[m - 1]
            for j in range(k):
                up_m[j] = up_before[j] * up_1[j]
            for j in range(k):
                down_m[j] = down_before[j] * down_1[j]
    first, total = rows[n], 0.0
    for j in range(k):
        u = d[j] - middle
        first[j] = w[j] * exp(-0.5 * u * u)
        total = plus(total, first[j])
    sums[n] = total
    for m in range(n):
        before, row, ratio, total = rows[n + m], rows[n + m + 1], up[_GAPS[m] - 1], 0.0
        for j in range(k):
            row[j] = before[j] * ratio[j]
            total = plus(total, row[j])
        sums[n + m + 1] = total
        before, row, ratio, total = rows[n - m], rows[n - m - 1], down[_GAPS[m] - 1], 0.0
        for j in range(k):
            row[j] = before[j] * ratio[j]
            total = plus(total, row[j])
        sums[n - m - 1] = total


class _Compiled(Exponential):
    exponent, rise, slope, fill_rows = _exponent, _rise, _slope, _fill_rows


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
