"""The loss where JAX trains: exact, differentiable as often as one likes, on any device.

It needs JAX: ``pip install "kdelab[jax]"``.
"""

from kdelab.extras import need

need("jax")

from kdelab.jax.loss import cross_entropy  # noqa: E402

__all__ = ["cross_entropy"]
