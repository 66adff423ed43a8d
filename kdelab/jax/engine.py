"""kdelab's compiled engine as a callback of JAX's, for arrays on a CPU.

It gives the losses and the first derivatives that are wanted at once, in float64 inside, whatever goes in and out.
"""

from functools import partial
from typing import Any

import jax
import numpy as np

from kdelab.loss import padded
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded


def evaluate(kernel: Kernel, background: float, by: tuple[str, ...], clusters: Padded) -> list[Any]:
    """Return losses (n,) and their gradients by some of `BY`, of the shapes of what they are taken by.

    Every row has a point, everything is finite, and a bandwidth of None is the kernel's.
    """
    shapes = [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in _alike(by, clusters)]
    call = partial(_evaluate, kernel, background, by)
    return list(jax.pure_callback(call, shapes, clusters, vmap_method="broadcast_all"))


def _evaluate(kernel: Kernel, background: float, by: tuple[str, ...], clusters: Padded) -> list[Any]:
    """Do it, with NumPy, for whatever axes `jax.vmap` has put before n."""
    before = clusters.lower.ndim - 1
    rows = (None if one is None else np.asarray(one).reshape(-1, *one.shape[before + 1 :]) for one in clusters)
    flat = Padded(*rows)
    found = padded.evaluate(kernel, background, by, flat._replace(logits=flat.logits.astype(np.float64)))
    return [one.astype(like.dtype).reshape(like.shape) for one, like in zip(found, _alike(by, clusters), strict=True)]


def _alike(by: tuple[str, ...], clusters: Padded) -> list[Any]:
    """Return arrays like the losses and gradients."""
    return [clusters.lower, *(getattr(clusters, name) for name in by)]
