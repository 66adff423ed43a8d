"""Tests that want JAX: nothing is collected where it isn't installed."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("jax") else ["test_*.py"]
