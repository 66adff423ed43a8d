"""What users call."""

import dataclasses
from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp

from kdelab.jax.derivatives import What, losses
from kdelab.jax.given import padded, sound
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native.units import Padded
from kdelab.loss.validate import count, fraction, instance

Reduction = Literal["none", "mean", "sum"]


def cross_entropy(  # noqa: PLR0913
    logits: Any,
    points: Any,
    lower: Any,
    upper: Any,
    kernel: Kernel,
    bandwidth: Any | None = None,
    mask: Any | None = None,
    background: float = 0.0,
    reduction: Reduction = "none",
    *,
    offsets: Any | None = None,
    panels: int | None = None,
    engine: bool = True,
) -> jax.Array:
    """Return the cross-entropy between uniform targets and kernel densities with softmax weights.

    L = -(1/(b-a)) integral_a^b log p(x) dx, p(x) = sum_j S_j K_h(x - x_j), S = softmax(z), one loss a prediction, in
    nats: exact, where bins are off. It is differentiable by logits, points, lower, upper and bandwidth, in both modes,
    as often as one likes, and goes with `jax.jit` and `jax.vmap`.

    Parameters
    ----------
    logits : array, (..., k)
        z, in float32 or float64; with offsets (total,), one cluster behind the other.
    points : array or Clusters
        x, as the logits; with `Clusters` they have their ``points`` and ``offsets``, and lower and upper are None.
    lower, upper : array, (...)
        The targets [a, b] of the predictions; with offsets (n,).
    kernel : Kernel
        `kdelab.Laplace(bandwidth=0.1)`, say, or one of one's own.
    bandwidth : array or float, optional
        () or one a prediction; replaces the kernel's.
    mask : array of bool, (..., k), optional
        True where there is a neighbour; what lies elsewhere isn't looked at, and gets the gradient 0.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into p.
    reduction : "none", "mean" or "sum"
    offsets : array of int, (n + 1,), optional
        Cluster i is ``points[offsets[i]:offsets[i + 1]]``. Shapes depend on them, so JAX must not trace them.
    panels : int, optional
        How many panels a native loss cuts each target into, or what lies between its cusps: 16 and 4 if it isn't given.
    engine : bool
        Whether kdelab's compiled engine may be used.

    Returns
    -------
    loss : array, (...) or ()
        Of the floating type that the arguments have in common.

    Raises
    ------
    ValueError
        If shapes or types don't fit; and, of arguments on a CPU that JAX doesn't trace, if something isn't finite, a
        target lies the wrong way round, a bandwidth isn't positive, or a row has no neighbour. Where numbers can't be
        looked at, such a row's loss is NaN, that of a row without a neighbour inf, both without a gradient, and all
        other rows are as they would be without it.

    Notes
    -----
    On a CPU the loss and its first derivatives come from kdelab's compiled engine, in float64 inside, by
    `jax.pure_callback`. Second derivatives, and everything on other devices, are native, in JAX's operations.

    Native Laplace without a background is a closed form. Other kernels take eight nodes of Gauss-Legendre a panel, or
    25 that crowd at cusps and ends of kernels; the box one. A Gaussian wants as many panels as W D / 3, W the target's
    width and D the distance of its points in bandwidths, for 1e-10, and W D / 8 for 1e-4; Cauchy, logistic and Huber
    kernels 1.4 W at most. Derivatives by the ends of a target narrower than a bandwidth lose digits natively, eps h /
    (b - a) of them.

    Own kernels give losses and first derivatives on a CPU; the rest asks their ``log_unit`` for JAX's operations.

    Examples
    --------
    >>> points, lower, upper = (jnp.array(x) for x in ([[-0.3, 0.1, 0.2]], [0.0], [0.2]))
    >>> kernel = kdelab.Laplace(bandwidth=0.1)
    >>> def total(logits):
    ...     return kdelab.jax.cross_entropy(logits, points, lower, upper, kernel, reduction="sum")
    >>> jax.grad(total)(jnp.zeros((1, 3)))
    Array([[ 0.30853823, -0.26494664, -0.0435916 ]], dtype=float32)
    """
    instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
    weight = fraction("background", background)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")
    many = None if panels is None else count("panels", panels)
    clusters, shape = padded(logits, points, lower, upper, bandwidth, mask, offsets)
    if clusters.bandwidth is not None:
        kernel = dataclasses.replace(kernel, bandwidth=1.0)  # so that nothing is traced anew for another bandwidth
    found = _losses(What(kernel, weight, many, engine), clusters).reshape(shape)
    return {"none": lambda: found, "mean": found.mean, "sum": found.sum}[reduction]()


@partial(jax.jit, static_argnums=0)
def _losses(what: What, clusters: Padded) -> Any:
    dtype = jnp.result_type(*(one for one in clusters[:5] if one is not None))
    floats = (None if one is None else one.astype(dtype) for one in clusters[:5])
    clean, right, known = sound(Padded(*(*floats, clusters.mask)))
    return jnp.where(right, jnp.where(known, losses(what, clean), jnp.inf), jnp.nan)
