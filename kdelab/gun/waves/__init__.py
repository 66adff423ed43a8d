"""Waves: what was known when a shot left, and what would have hit. Knows battles, and no gun."""

import importlib
import warnings
from typing import Any


def __getattr__(name: str) -> Any:
    """Return what was here while this was a module, with a warning: until version 0.3."""
    from_turns = importlib.import_module(f"{__name__}.from_turns")

    if name.startswith("_") or not hasattr(from_turns, name):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    new = f"{from_turns.__name__}.{name}"
    warnings.warn(f"{__name__}.{name} has moved to {new}, and its old name will go", DeprecationWarning, stacklevel=2)
    return getattr(from_turns, name)
