"""What users give: whether kinds, types, shapes and, where they can be looked at, numbers fit."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.native.units import Padded
from kdelab.loss.padded import BY
from kdelab.loss.ragged import ranges
from kdelab.loss.validate import integers


def padded(
    logits: Any, points: Any, lower: Any, upper: Any, bandwidth: Any, mask: Any, offsets: Any
) -> tuple[Padded, tuple[int, ...]]:
    """Return the clusters as arrays of n rows, and the shape of the predictions.

    Raises
    ------
    ValueError
        If an argument's kind, type or shape doesn't fit the others, or one of its numbers, where those can be seen.
    """
    if isinstance(points, Clusters):
        for name, given in {"lower": lower, "upper": upper, "mask": mask, "offsets": offsets}.items():
            if given is not None:
                raise ValueError(f"{name} must be None where points are Clusters, which have their own")
        points, lower, upper, offsets = points.points, points.lower, points.upper, points.offsets
    given = {"logits": logits, "points": points, "lower": lower, "upper": upper, "bandwidth": bandwidth}
    _on_one_device({**given, "mask": mask})
    z, x, a, b, h = (_floats(name, one) for name, one in given.items())
    mask = None if mask is None else _array("mask", mask)
    if mask is not None and mask.dtype != bool:
        raise ValueError(f"mask must be of bool, True where there is a neighbour, not {mask.dtype}")
    sizes = None if offsets is None else _sizes(offsets, z, mask)
    if sizes is None and (not z.ndim or not z.shape[-1]):
        raise ValueError(f"logits must be (..., k) with k of at least 1, not {z.shape}")
    batch = z.shape[:-1] if sizes is None else (len(sizes),)
    for name, one, shape in (("points", x, z.shape), ("mask", mask, z.shape), ("lower", a, batch), ("upper", b, batch)):
        if one is not None and one.shape != shape:
            raise ValueError(f"{name} must be of the shape {shape}, to fit the logits {z.shape}, not {one.shape}")
    if h is not None and h.shape not in ((), batch):
        raise ValueError(f"bandwidth must be one number or {batch}, one a prediction, not {h.shape}")
    if sizes is None:
        k = z.shape[-1]
        z, x, mask = (None if one is None else one.reshape(-1, k) for one in (z, x, mask))
    else:
        index, mask = _table(sizes)
        z, x = z[index], x[index]
    a, b = a.reshape(-1), b.reshape(-1)
    h = None if h is None else jnp.broadcast_to(h.reshape(-1), a.shape)
    clusters = Padded(z, x, a, b, h, mask)
    _look_at(clusters)
    return clusters, batch


def sound(clusters: Padded) -> tuple[Padded, Any, Any]:
    """Return clusters that nothing is wrong with, which rows those are of what was given, (n,), and which have a point.

    Where a row isn't, or nothing is looked at, there is something else, of which no derivative reaches the row.
    """
    logits, points, lower, upper, h, mask = clusters
    right = jnp.isfinite(lower) & jnp.isfinite(upper) & (lower <= upper)
    numbers = jnp.isfinite(logits) & jnp.isfinite(points)
    right &= (numbers if mask is None else numbers | ~mask).all(-1)
    if h is not None:
        right &= jnp.isfinite(h) & (h > 0)
        h = jnp.where(right, h, 1.0)
    known = jnp.ones_like(right)
    used = right[:, None]
    if mask is not None:
        known = mask.any(-1)
        mask = jnp.where(known[:, None], mask, jnp.arange(mask.shape[1]) == 0)
        used &= mask & known[:, None]
    lower, upper = jnp.where(right, lower, 0.0), jnp.where(right, upper, 0.0)
    logits, points = jnp.where(used, logits, 0.0), jnp.where(used, points, jax.lax.stop_gradient(lower)[:, None])
    return Padded(logits, points, lower, upper, h, mask), right, known


def _array(name: str, given: Any) -> Any:
    try:
        return jnp.asarray(given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array, not {type(given).__name__}") from error


def _floats(name: str, given: Any) -> Any:
    if given is None and name == "bandwidth":
        return None
    array = _array(name, given)
    if array.dtype not in (jnp.float32, jnp.float64):
        raise ValueError(f"{name} must be float32 or float64, not {array.dtype}: {name}.astype(float), say")
    return array


def _on_one_device(given: dict[str, Any]) -> None:
    placed = {
        name: one.devices()
        for name, one in given.items()
        if isinstance(one, jax.Array) and not isinstance(one, jax.core.Tracer) and one.committed
    }
    for name, devices in placed.items():
        first = next(iter(placed))
        if devices != placed[first]:
            raise ValueError(f"{name} must be on {placed[first]}, as {first}, not on {devices}")


def _sizes(offsets: Any, logits: Any, mask: Any) -> Any:
    """Return the sizes of ragged clusters, which have to be known where JAX traces."""
    if mask is not None:
        raise ValueError("mask must be None where there are offsets")
    if isinstance(offsets, jax.core.Tracer):
        raise ValueError("offsets must be known when JAX traces, an array of NumPy's, say: shapes depend on them")
    ends = integers("offsets", np.asarray(offsets))
    if logits.ndim != 1 or not len(ends) or ends[0] != 0 or ends[-1] != len(logits):
        raise ValueError(f"offsets must run from 0 to the number of logits, {logits.shape}, but they are {ends}")
    sizes = np.diff(ends)
    if (sizes < 1).any():
        raise ValueError(f"offsets must increase, so that every cluster has a point: see offsets[{np.argmin(sizes)}]")
    return sizes


def _table(sizes: Any) -> tuple[Any, Any]:
    """Return where the points of ragged clusters lie in flat arrays, (n, k), and which there are."""
    k = int(sizes.max(initial=1))
    mask = np.arange(k) < sizes[:, None]
    index = np.zeros(mask.shape, np.int64)
    index[mask] = ranges(np.zeros(1, np.int64), sizes.sum(keepdims=True))
    return index, mask


def _look_at(clusters: Padded) -> None:
    """Refuse what isn't right, where numbers can be seen at no cost: on a CPU, and not where JAX traces."""
    seen = Padded(*map(_seen, clusters))
    mask = seen.mask
    if mask is not None and not mask.any(-1).all():
        raise ValueError(f"mask must leave a neighbour in every row, but row {np.argmin(mask.any(-1))} has none")
    for name, one in zip(BY, seen[: len(BY)], strict=True):
        if one is None or (one.ndim == 2 and clusters.mask is not None and mask is None):
            continue
        fits = np.isfinite(one) if one.ndim == 1 or mask is None else np.isfinite(one) | ~mask
        if not fits.all():
            where = tuple(int(i) for i in np.argwhere(~fits)[0])
            raise ValueError(f"{name} must be finite, but that of {where} is {one[where]}")
    if seen.lower is not None and seen.upper is not None and (seen.lower > seen.upper).any():
        i = np.argmax(seen.lower > seen.upper)
        raise ValueError(f"lower must not exceed upper, but lower[{i}] is {seen.lower[i]}, upper[{i}] {seen.upper[i]}")
    if seen.bandwidth is not None and not (seen.bandwidth > 0).all():
        raise ValueError(f"bandwidth must be greater than 0, not {seen.bandwidth.min()}")


def _seen(array: Any) -> Any:
    """Return the numbers, or None."""
    if isinstance(array, np.ndarray):
        return array
    if array is None or isinstance(array, jax.core.Tracer) or any(one.platform != "cpu" for one in array.devices()):
        return None
    return np.asarray(array)
