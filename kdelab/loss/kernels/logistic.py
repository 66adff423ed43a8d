"""The logistic kernel."""

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


@scalar
def _fill_rows(
    kernel: Compiled, places: Floats, d: Floats, w: Floats, middle: float, half: float, fresh: bool, work: Floats,
    rows: Floats, logs: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Do what `engines.smooth.rows.fill_rows` says, for one exponential a point.

    K(u) / K(0) = 4 e / (1 + e)^2 with e = exp(-abs(u)) or its inverse: of u = d - y it is a product.
    """
    e = work[0]
    if fresh:
        for j in range(d.size):
            e[j] = exp(-abs(d[j]))
    for q in range(places.size):
        row, y, total = rows[q], middle + half * places[q], 0.0
        up, down = math.exp(y), math.exp(-y)
        for j in range(d.size):
            product = e[j] * (up if d[j] > 0.0 else down)
            row[j] = 4.0 * w[j] * product / ((1.0 + product) * (1.0 + product))
            total = plus(total, row[j])
        logs[q], sums[q] = 0.0, total


class _Compiled(Exponential):
    exponent, rise, slope, fill_rows = _exponent, _rise, _slope, _fill_rows


@dataclass(frozen=True)
class Logistic(Kernel):
    """K(u) = 1 / (4 cosh^2(u / 2)): Laplace's tails on a smooth core, so that it neither gives up nor chases."""

    bend: ClassVar[float] = 4.0
    strip: ClassVar[float] = math.pi / 2
    compiled: ClassVar[type[Compiled] | None] = _Compiled

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u - 2 log(1 + e^-u)."""
        return -u - 2 * xp.log1p(xp.exp(-u))

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -tanh(u / 2)."""
        return -xp.tanh(0.5 * u)
