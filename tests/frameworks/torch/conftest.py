"""Tests that want PyTorch: nothing is collected where it isn't installed."""

import importlib.util

collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]
