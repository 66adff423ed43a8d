"""kdelab's compiled engine as a callback of JAX's, for arrays on a CPU.

It gives the losses and the first derivatives that are wanted at once, in float64 inside, whatever goes in and out.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded

BY = ("logits", "points", "lower", "upper", "bandwidth")
"""What derivatives are taken by, in the order in which they come."""


def evaluate(kernel: Kernel, background: float, by: Sequence[int], padded: Padded) -> list[Any]:
    """Return losses (n,) and their gradients by some of `BY`, of the shapes of what they are taken by."""
    like = [padded.lower, *(_like(padded, i) for i in by)]
    shapes = [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in like]
    call = partial(_evaluate, kernel, background, tuple(by))
    return list(jax.pure_callback(call, shapes, padded, vmap_method="broadcast_all"))


def _evaluate(kernel: Kernel, background: float, by: tuple[int, ...], given: Padded) -> list[Any]:
    """Do it, with NumPy, for whatever axes `jax.vmap` has put before n."""
    like = [given.lower, *(_like(given, i) for i in by)]
    dtype, shape = given.lower.dtype, given.logits.shape
    rows = (None if one is None else np.asarray(one) for one in given)
    flat = Padded(*(None if one is None else one.reshape(-1, *one.shape[len(shape) - 1 :]) for one in rows))
    h = flat.bandwidth
    if h is None or len(h) == 0 or (h == h[0]).all():
        own = kernel if h is None or len(h) == 0 else dataclasses.replace(kernel, bandwidth=float(h[0]))
        found = _of_one_bandwidth(own, background, by, flat)
    elif background == 0:
        found = _in_units(kernel, by, flat)
    else:
        found = [np.empty(flat.lower.shape), *(np.empty(_like(flat, i).shape) for i in by)]
        for one in np.unique(h):  # the background has a place of its own, so that nothing can be scaled
            here = np.flatnonzero(h == one)
            part = Padded(*(None if array is None else array[here] for array in flat))
            alone = _of_one_bandwidth(dataclasses.replace(kernel, bandwidth=float(one)), background, by, part)
            for whole, some in zip(found, alone, strict=True):
                whole[here] = some
    return [array.astype(dtype).reshape(one.shape) for array, one in zip(found, like, strict=True)]


def _like(padded: Padded, i: int) -> Any:
    """Return what a gradient is taken by."""
    return padded[i]


def _in_units(kernel: Kernel, by: tuple[int, ...], flat: Padded) -> list[Any]:
    """Compute in bandwidths, from the centres of the targets: L is that of these, plus log h."""
    a, b, h = (np.asarray(one, np.float64) for one in (flat.lower, flat.upper, flat.bandwidth))
    centre = a + (b - a) / 2
    points = (flat.points - centre[:, None]) / h[:, None]
    scaled = flat._replace(points=points, lower=(a - centre) / h, upper=(b - centre) / h)
    loss, *gradients = _of_one_bandwidth(dataclasses.replace(kernel, bandwidth=1.0), 0.0, by, scaled)
    units = {"logits": 1.0, "points": h[:, None]}
    return [loss + np.log(h), *(one / units.get(BY[i], h) for i, one in zip(by, gradients, strict=True))]


def _of_one_bandwidth(kernel: Kernel, background: float, by: tuple[int, ...], flat: Padded) -> list[Any]:
    mask = flat.mask
    clusters = Clusters.from_padded(flat.points, flat.lower, flat.upper, mask)
    loss = CrossEntropy(clusters, kernel, background=background)
    logits = np.asarray(flat.logits.reshape(-1) if mask is None else flat.logits[mask], np.float64)
    if not by:
        return [loss.value(logits)]
    values, found = loss.value_and_grads(logits, wrt=["log_bandwidth" if BY[i] == "bandwidth" else BY[i] for i in by])
    if "log_bandwidth" in found:
        found["bandwidth"] = found["log_bandwidth"] / kernel.bandwidth
    return [values, *(_padded(found[BY[i]], _like(flat, i).shape, mask) for i in by)]


def _padded(array: Any, shape: tuple[int, ...], mask: Any | None) -> Any:
    """Return a gradient as it is where it is one a prediction, else (n, k), 0 where masked."""
    if len(shape) == 1 or mask is None:
        return array.reshape(shape)
    table = np.zeros(shape)
    table[mask] = array
    return table
