"""Tests that want JAX, in float64 unless they say otherwise: nothing is collected where it isn't installed."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("jax") else ["test_*.py"]

if importlib.util.find_spec("jax"):
    import jax

    jax.config.update("jax_enable_x64", True)
