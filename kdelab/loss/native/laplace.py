"""The bin-free Laplace loss in array operations: a sort, two scans in logs, and the segments in closed form.

As in `kdelab.loss.engines.laplace`: the points inside cut the target into segments, on each of which the density is,
up to 1/2, f(s) = A e^-s + B e^(s - d), A from all points left of it, B from all right of it. With M the heavier side,
log rho the lighter one's logarithm less M's, and F(v) = -Li2(-e^v),

    integral_0^d log f ds = d M - d^2 / 2 + (F(log rho + d) - F(log rho - d)) / 2,

and where d is short, d (log(A + B) - d / 2 + Phi / d), so that nothing cancels.
"""

import math
from collections.abc import Sequence
from typing import Any

from kdelab.loss.engines.laplace.segment import SHORT
from kdelab.loss.engines.laplace.series import E2, PHI
from kdelab.loss.native.operations import NEVER, Operations, distance, log_add, log_sums_from_left
from kdelab.loss.native.units import InUnits


def mean_log(xp: Operations, clusters: InUnits) -> Any:
    """Return the mean of log p over each target wider than 0, (n,)."""
    a, b = clusters.a[..., None], clusters.b[..., None]
    order = xp.argsort(xp.held(clusters.x))
    x = xp.take_along_axis(clusters.x, order, axis=-1)
    log_S = xp.take_along_axis(clusters.log_S, order, axis=-1)
    inside = xp.minimum(xp.maximum(x, a), b)
    edges = xp.concatenate([a, inside, b], axis=-1)
    d = edges[..., 1:] - edges[..., :-1]
    never = xp.zeros_like(a) + NEVER
    log_A = xp.concatenate([never, log_sums_from_left(xp, log_S + x) - inside], axis=-1)
    from_right = log_sums_from_left(xp, xp.flip(log_S - x, (-1,)))
    log_B = xp.concatenate([xp.flip(from_right, (-1,)) + inside, never], axis=-1)
    whole = xp.where(clusters.b > clusters.a, clusters.b - clusters.a, 1.0)
    return _integrals(xp, d, log_A, log_B).sum(-1) / whole - math.log(2)


def _integrals(xp: Operations, d: Any, log_A: Any, log_B: Any) -> Any:
    """Return integral_0^d log f ds of segments."""
    heavier = xp.where(log_A >= log_B, log_A, log_B)
    log_rho = xp.where(log_A >= log_B, log_B, log_A) - heavier
    short = d < SHORT
    length = xp.where(short, d, 0.0)
    both = log_add(xp, log_A, log_B)
    kappa = 4 * xp.exp(log_A + log_B - 2 * both)
    y2 = (length / 2) ** 2
    small = length * (both - length / 2 + _phi(kappa, y2))
    length = xp.where(short, 1.0, d)
    large = length * (heavier - length / 2)
    large = large + (_dilog(xp, log_rho + length) - _dilog(xp, log_rho - length)) / 2
    return xp.where(short, small, large)


def _phi(kappa: Any, y2: Any) -> Any:
    """Return Phi / d by its series."""
    u, total = kappa * y2, 0.0
    for row in reversed(PHI):
        total = u * (_polynomial(y2, row) + total)
    return total


def _dilog(xp: Operations, v: Any) -> Any:
    """Return F(v) = -Li2(-e^v): for v > 0 by reflection, v^2 / 2 + pi^2 / 6 - F(-v)."""
    w = xp.log1p(xp.exp(-distance(xp, v)))
    below = w + w * w / 4 + w**3 * _polynomial(w * w, E2)
    positive = xp.where(v > 0, v, 0.0)
    return xp.where(v > 0, positive * positive / 2 + math.pi**2 / 6 - below, below)


def _polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    total: Any = coefficients[-1]
    for one in reversed(coefficients[:-1]):
        total = total * x + one
    return total
