"""JAX's functions under the names that the native losses call them by."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax.lax import stop_gradient as held  # noqa: F401
from jax.numpy import (  # noqa: F401
    abs,
    amax,
    argsort,
    concatenate,
    exp,
    finfo,
    flip,
    log,
    log1p,
    maximum,
    minimum,
    take_along_axis,
    tanh,
    where,
    zeros_like,
)


def constant(values: Sequence[float], like: Any) -> Any:
    """Return numbers as an array of the precision of ``like``."""
    return jnp.asarray(values, like.dtype)
