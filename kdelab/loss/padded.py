"""The engine's losses and gradients for clusters as frameworks hold them: padded, with bandwidths of their own."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded
from kdelab.loss.validate import Floats, vector

BY = ("logits", "points", "lower", "upper", "bandwidth")
"""What derivatives may be taken by, in the order of `Padded`."""

_A_POINT = ("logits", "points")

Found = tuple[Floats, dict[str, Floats]]
"""Losses (n,), and gradients by name, as the clusters' points lie or one a prediction."""


def clusters_of(given: Padded, offsets: Any | None = None) -> Clusters:
    """Return the clusters of padded arrays, or with offsets of flat ones; errors as of `Clusters`."""
    if offsets is None:
        return Clusters.from_padded(given.points, given.lower, given.upper, given.mask)
    return Clusters(given.points, offsets, given.lower, given.upper)


def flat(logits: Any, mask: Any | None) -> Any:
    """Return logits (n, k) as they go with `clusters_of`, (total,)."""
    return logits.reshape(-1) if mask is None else logits[mask]


def positive(bandwidths: Any) -> Floats:
    """Return bandwidths (n,) as an array if they are finite and positive."""
    h = vector("bandwidth", bandwidths)
    if not (h > 0).all():
        first = int(np.argmin(h > 0))
        raise ValueError(f"bandwidth must be greater than 0, but bandwidth[{first}] is {h[first]}")
    return h


def evaluate(
    kernel: Kernel, background: float, by: Sequence[str], given: Padded, offsets: Any | None = None,
    threads: int | None = None,
) -> list[Floats]:  # fmt: skip
    """Return losses (n,) and their gradients by some of `BY`, of the shapes of what they are taken by.

    Parameters
    ----------
    kernel, background, threads
        As of `CrossEntropy`.
    by : sequence of str
    given : Padded
        NumPy's arrays; with offsets logits and points are (total,). Bandwidths (n,) take the place of the kernel's.
    offsets : array of int (n + 1,), optional

    Raises
    ------
    ValueError
        If numbers aren't right; the message names the argument.
    """
    clusters, z = clusters_of(given, offsets), flat(given.logits, given.mask)
    h = None if given.bandwidth is None else positive(given.bandwidth)
    if h is not None and len(h) and (h == h[0]).all():
        kernel, h = dataclasses.replace(kernel, bandwidth=float(h[0])), None
    if h is None or not len(h):
        found = gradients(CrossEntropy(clusters, kernel, background=background, threads=threads), z, by)
    elif background == 0:
        found = _in_units(clusters, kernel, h, z, by, threads)
    else:
        found = _one_after_the_other(clusters, kernel, h, background, z, by, threads)
    return shaped(found, by, given.logits, given.mask)


def gradients(loss: CrossEntropy, z: Any, by: Sequence[str]) -> Found:
    """Return losses and gradients by some of `BY`, that by the bandwidth one a prediction."""
    if not by:
        return loss.value(z), {}
    wrt = ["log_bandwidth" if name == "bandwidth" else name for name in by]
    values, found = loss.value_and_grads(z, wrt=wrt)
    if "log_bandwidth" in found:
        found["bandwidth"] = found["log_bandwidth"] / loss.kernel.bandwidth
    return values, found


def shaped(found: Found, by: Sequence[str], logits: Any, mask: Any | None) -> list[Floats]:
    """Return losses and gradients one behind the other, those a point of the logits' shape, 0 where masked."""
    values, by_name = found
    return [values, *(_table(by_name[name], logits.shape, mask) if name in _A_POINT else by_name[name] for name in by)]


def _table(array: Floats, shape: tuple[int, ...], mask: Any | None) -> Floats:
    if mask is None:
        return array.reshape(shape)
    table = np.zeros(shape)
    table[mask] = array
    return table


def _in_units(clusters: Clusters, kernel: Kernel, h: Floats, z: Any, by: Sequence[str], threads: int | None) -> Found:
    """Compute in bandwidths, from the centres of the targets: L is that of these, plus log h."""
    centre, each = clusters.centres, clusters.spread(h)
    points = (clusters.points - clusters.spread(centre)) / each
    scaled = Clusters(points, clusters.offsets, (clusters.lower - centre) / h, (clusters.upper - centre) / h)
    unit = dataclasses.replace(kernel, bandwidth=1.0)
    values, found = gradients(CrossEntropy(scaled, unit, threads=threads), z, by)
    units: dict[str, Any] = {"logits": 1.0, "points": each}
    return values + np.log(h), {name: one / units.get(name, h) for name, one in found.items()}


def _one_after_the_other(
    clusters: Clusters, kernel: Kernel, h: Floats, background: float, z: Any, by: Sequence[str], threads: int | None
) -> Found:
    """Compute all predictions of one bandwidth at a time: a background has its own place, so nothing can be scaled."""
    values = np.empty(len(h))
    found = {name: np.empty(len(z) if name in _A_POINT else len(h)) for name in by}
    for one in np.unique(h):
        here = np.flatnonzero(h == one)
        rows, own = clusters.rows(here), dataclasses.replace(kernel, bandwidth=float(one))
        loss = CrossEntropy(clusters.take(here), own, background=background, threads=threads)
        values[here], part = gradients(loss, z[rows], by)
        for name in by:
            found[name][rows if name in _A_POINT else here] = part[name]
    return values, found
