"""The native losses in JAX: on any device, in little memory, as often differentiable as one likes."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from kdelab.jax import operations
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native import losses as native
from kdelab.loss.native import quadrature
from kdelab.loss.native.units import Padded

CHUNK = 2**18
"""At most so many kernel values at a time."""


def losses(kernel: Kernel, background: float, panels: int | None, padded: Padded) -> Any:
    """Return L (n,), in JAX's operations alone."""
    if padded.bandwidth is None:
        padded = padded._replace(bandwidth=jnp.full_like(padded.lower, kernel.bandwidth))
    unit = dataclasses.replace(kernel, bandwidth=1.0)
    nodes = quadrature.nodes_of(unit)
    many = quadrature.panels_of(kernel, panels)
    return native.losses(operations, padded, unit, background, nodes, many, partial(_density, unit))


def with_gradients(
    kernel: Kernel, background: float, panels: int | None, by: Sequence[str], padded: Padded
) -> list[Any]:
    """Return L (n,) and its gradients by some of the arguments, as `engine.evaluate` does."""

    def total(*chosen: Any) -> tuple[Any, Any]:
        found = losses(kernel, background, panels, padded._replace(**dict(zip(by, chosen, strict=True))))
        return found.sum(), found

    derived = jax.value_and_grad(total, tuple(range(len(by))), has_aux=True)
    (_, values), gradients = derived(*(getattr(padded, name) for name in by))
    return [values, *gradients]


def _density(kernel: Kernel, log_S: Any, x: Any, places: Any, log_floor: Any | None) -> Any:
    """Compute log p in chunks of places, whose kernel values are computed anew for derivatives, never kept."""
    kept_out = partial(jax.checkpoint, prevent_cse=False)  # nothing leaves a loop's body, so nothing need be prevented
    m, size = places.shape[-1], max(1, CHUNK // max(1, x.size))
    if m <= size:
        return quadrature.log_density(operations, kernel, log_S, x, places, log_floor)

    @kept_out
    @kept_out  # once more, for the second derivatives' sake
    def of_chunk(places: Any, log_floor: Any | None) -> Any:
        return quadrature.log_density(operations, kernel, log_S, x, places, log_floor)

    def chunks(array: Any) -> Any:
        full = jnp.pad(array, ((0, 0), (0, -m % size)))
        return jnp.moveaxis(full.reshape(len(full), -1, size), 1, 0)

    rows = None if log_floor is None else chunks(log_floor)
    log_p = jax.lax.map(lambda chunk: of_chunk(*chunk), (chunks(places), rows))
    return jnp.moveaxis(log_p, 0, 1).reshape(len(places), -1)[:, :m]
