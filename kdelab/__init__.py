"""kdelab: the cross-entropy of a kernel density with softmax weights, and the claims made about it.

Names are looked up on first use, so that ``import kdelab`` costs nothing and loads no plotting, tables or Jupyter, and
none of PyTorch, JAX and Dask.
"""

import importlib
from typing import Any

from kdelab import moved  # noqa: F401  (old names of modules)
from kdelab.loss import kernels

__version__ = "0.2.0.dev0"  # the only place that says so

_HOME = {
    "Clusters": "loss.clusters",
    "Exact": "loss.rules",
    "Midpoint": "loss.rules",
    "GaussLegendre": "loss.rules",
    "Adaptive": "loss.rules",
    "CrossEntropy": "loss.cross_entropy",
    "TwoPass": "loss.scattered.two_pass",
    "Panels": "loss.rules",
    "iter_value_and_grad": "loss.streaming",
    "load_waves": "gun.waves.store",
    "KernelDensityRegressor": "learn.regressor.estimator",
    "NeighbourModel": "gun.model",
    "Recall": "gun.recall",
    "Check": "report.verdicts",
    "Coverage": "report.verdicts",
    "Verdict": "report.verdicts",
    "claim": "report.verdicts",
    "inside": "report.verdicts",
    "counterexample": "report.verdicts",
    "explore": "report.explorer.explore",
}
_HOME |= {name: f"loss.kernels.{module}" for name, module in kernels.HOME.items()}
_MODULES = {"reference": "loss.reference", "style": "plot.style"}
_OPTIONAL = ("torch", "jax", "distributed")  # kdelab.torch and so on: not among the names, or a star would import them

__all__ = ["__version__", *sorted([*_HOME, *_MODULES])]


def __getattr__(name: str) -> Any:
    if name in _OPTIONAL:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
