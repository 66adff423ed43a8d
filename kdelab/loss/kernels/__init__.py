"""The kernels, a file each: a new one is its file, and its line here (docs/extending.md)."""

import importlib
from typing import Any

HOME = {
    "Laplace": "laplace",
    "Gaussian": "gaussian",
    "Cauchy": "cauchy",
    "GeneralizedNormal": "generalized_normal",
    "Logistic": "logistic",
    "Huber": "huber",
    "Box": "box",
    "Triangular": "triangular",
    "Epanechnikov": "epanechnikov",
}
"""Where each kernel is: modules are loaded when a name is asked for, so that `kdelab` can list them without numba."""


def __getattr__(name: str) -> Any:
    if name == "Kernel":
        return importlib.import_module(f"{__name__}.base").Kernel
    if name in HOME:
        return getattr(importlib.import_module(f"{__name__}.{HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def named(name: str) -> Any:
    """Return the class of the kernel of that name.

    Raises
    ------
    ValueError
        If there is no kernel of that name.
    """
    if name not in HOME:
        raise ValueError(f"kernel: {name!r} given, allowed are {', '.join(HOME)}")
    return __getattr__(name)


def every() -> list[Any]:
    """Return the classes of all kernels."""
    return [__getattr__(name) for name in HOME]
