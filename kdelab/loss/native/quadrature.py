"""The loss of any kernel in array operations: Gauss-Legendre on panels that are cut where log p isn't smooth.

Cuts move with points and targets, and nodes with cuts, so that the derivatives of the sum are those of the integral,
jumps and all. Where log p has a cusp, or may fall to 0, nodes crowd towards both ends of a panel.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import betainc, gamma

from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.operations import NEVER, Operations, distance, log_add, log_sum
from kdelab.loss.native.units import InUnits


class Nodes(NamedTuple):
    """Places in [0, 1] and their weights, which sum to 1."""

    places: tuple[float, ...]
    weights: tuple[float, ...]


class Rule(NamedTuple):
    """Places and weights (n, m) of the nodes of each target, panel by panel, and the lengths (n, panels) of those."""

    places: Any
    weights: Any
    lengths: Any


Density = Callable[[Any, Any, Any, Any], Any]
"""What computes `log_density` of a kernel, in whatever way needs little memory, from (log_S, x, places, log_floor)."""


_TWO = (0.5 - math.sqrt(1 / 12), 0.5 + math.sqrt(1 / 12))


_ON_IT = 1e-30


def nodes_of(kernel: Kernel) -> Nodes:
    """Return the nodes of a panel: eight, or one where p is constant, or 25 that crowd at its ends."""
    if kernel.support < math.inf and not _bends(kernel):
        return Nodes((0.5,), (1.0,))
    if kernel.support == math.inf and kernel.power == 1:
        x, w = np.polynomial.legendre.leggauss(8)
        return Nodes(tuple(((1 + x) / 2).tolist()), tuple((w / 2).tolist()))
    x, w = np.polynomial.legendre.leggauss(25)
    t, order = (1 + x) / 2, max(4.0, math.ceil(kernel.power))
    pace = (t * (1 - t)) ** (order - 1) * gamma(2 * order) / gamma(order) ** 2
    return Nodes(tuple(betainc(order, order, t).tolist()), tuple((w / 2 * pace).tolist()))


def _bends(kernel: Kernel) -> bool:
    """Return whether log K varies where K isn't 0."""
    return bool(np.ptp(kernel.log_unit(np.linspace(0.0, 0.5, 5))) > 0)


def rule(xp: Operations, kernel: Kernel, nodes: Nodes, clusters: InUnits, panels: int, background: float) -> Rule:
    """Return the nodes of targets cut into equal panels and at the kinks."""
    a, b = clusters.a[..., None], clusters.b[..., None]
    grid = xp.constant([i / panels for i in range(1, panels)], a)
    cuts = [a, b, a + (b - a) * grid, *(clusters.x + kink for kink in kernel.kinks)]
    if background > 0:
        cuts += [wall[..., None] for wall in clusters.walls]
    if len(cuts) > 3:
        cut = xp.minimum(xp.maximum(xp.concatenate(cuts, axis=-1), a), b)
        edges = xp.take_along_axis(cut, xp.argsort(xp.held(cut)), axis=-1)
    else:
        edges = xp.concatenate([a, cuts[2], b], axis=-1)
    lengths = edges[..., 1:] - edges[..., :-1]
    places, weights = (xp.constant(array, a) for array in nodes)
    whole = xp.where(b > a, b - a, 1.0)
    flat = (*lengths.shape[:-1], lengths.shape[-1] * len(nodes.places))
    return Rule(
        (edges[..., :-1, None] + lengths[..., None] * places).reshape(flat),
        (lengths[..., None] / whole[..., None] * weights).reshape(flat),
        lengths,
    )


def mean_log(
    xp: Operations, kernel: Kernel, nodes: Nodes, clusters: InUnits, panels: int, background: float, density: Density
) -> Any:
    """Return the mean of log p over each target, (n,); -inf where p is 0 on part of it.

    Its derivatives are then those of the mean over the rest.
    """
    panelled = rule(xp, kernel, nodes, clusters, panels, background)
    log_p = density(clusters.log_S, clusters.x, panelled.places, _log_floor(xp, clusters, panelled.places, background))
    if kernel.support == math.inf:
        return (panelled.weights * log_p).sum(-1)
    empty, middle = log_p < NEVER / 2, len(nodes.places) // 2
    rounding = 16 * xp.finfo(clusters.x.dtype).eps
    wide = panelled.lengths > rounding * (1 + distance(xp, panelled.places[..., middle :: len(nodes.places)]))
    lost = xp.amax(empty[..., middle :: len(nodes.places)] & wide, axis=-1)
    return (panelled.weights * xp.where(empty, 0.0, log_p)).sum(-1) - xp.where(lost, math.inf, 0.0)


def single_bin(xp: Operations, kernel: Kernel, clusters: InUnits, background: float) -> Any:
    """Return the mean of log p over targets of no width, (n,): two nodes, for the derivatives by both ends."""
    t = xp.constant(_TWO, clusters.a)
    places = clusters.a[..., None] + (clusters.b - clusters.a)[..., None] * t
    log_floor = _log_floor(xp, clusters, places, background)
    log_p = log_density(xp, kernel, clusters.log_S, clusters.x, places, log_floor)
    empty = log_p < NEVER / 2
    return (xp.where(empty, 0.0, log_p)).sum(-1) / 2 - xp.where(xp.amax(empty, axis=-1), math.inf, 0.0)


def log_density(xp: Operations, kernel: Kernel, log_S: Any, x: Any, places: Any, log_floor: Any | None) -> Any:
    """Return log p at places (n, m), in bandwidths, all points (n, k) at once; NEVER where it is 0."""
    d = places[..., None] - x[..., None, :]
    # Right on a cusp, where only ties and what has no width put a node, slopes are infinite: both sides' mean is 0.
    u = xp.where(d == 0, _ON_IT, xp.abs(d)) if 0.0 in kernel.kinks else distance(xp, d)
    terms = log_S[..., None, :] + kernel.log_unit(u, xp)
    log_p = log_sum(xp, xp.where(terms > NEVER, terms, NEVER))
    return log_p if log_floor is None else log_add(xp, log_p, log_floor)


def _log_floor(xp: Operations, clusters: InUnits, places: Any, background: float) -> Any | None:
    """Return what the background adds to p at places (n, m), in logs: it lies between the walls."""
    if background == 0:
        return None
    left, right = clusters.walls
    between = (places >= left[..., None]) & (places <= right[..., None])
    return xp.where(between, math.log(background / 2) + clusters.log_h[..., None], NEVER)
