"""Clusters in bandwidths, from the centre of each target, and their log weights: what the native losses are made of."""

import math
from typing import Any, NamedTuple

from kdelab.loss.native.operations import NEVER, Operations, log_sum


class Padded(NamedTuple):
    """Clusters as arrays: logits, points and mask, if any is masked, (n, k), targets and bandwidths (n,)."""

    logits: Any
    points: Any
    lower: Any
    upper: Any
    bandwidth: Any
    mask: Any | None


class InUnits(NamedTuple):
    """Log weights (n, k) and points (n, k); targets from a to b, and the walls of the background, -1 and 1, (n,) each.

    log_h is to be added to the losses: L of these, plus log h.
    """

    log_S: Any
    x: Any
    a: Any
    b: Any
    walls: tuple[Any, Any]
    log_h: Any
    known: Any


def in_units(xp: Operations, padded: Padded, background: float) -> InUnits:
    """Return padded clusters in units of their bandwidths; masked points, whatever they hold, weigh nothing.

    A cluster without a point has ``known`` False.
    """
    logits, points, lower, upper, bandwidth, mask = padded
    centre = xp.held(lower + (upper - lower) / 2)
    if mask is None:
        known = (0 * centre) == 0
        z = logits
    else:
        known = xp.amax(mask, axis=-1)
        z = xp.where(mask, logits, NEVER)
        points = xp.where(mask, points, centre[..., None])
    log_S = z - log_sum(xp, z)[..., None]
    if mask is not None:
        log_S = xp.where(mask, log_S, NEVER)
    log_S = log_S + math.log1p(-background)
    h = bandwidth[..., None]
    walls = (-1 - centre) / bandwidth, (1 - centre) / bandwidth
    return InUnits(
        log_S, (points - centre[..., None]) / h, (lower - centre) / bandwidth, (upper - centre) / bandwidth, walls,
        xp.log(bandwidth), known,
    )  # fmt: skip
