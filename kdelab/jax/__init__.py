"""The loss as a differentiable function of JAX."""

from kdelab import extras

extras.load("jax", "jax")
