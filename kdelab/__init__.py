"""kdelab: the cross-entropy of a kernel density with softmax weights, and the claims made about it.

Names are looked up on first use, so that ``import kdelab`` costs nothing and loads no plotting, tables or Jupyter.
"""

import importlib
from typing import Any

from kdelab import moved  # noqa: F401  (old names of modules)

__version__ = "0.1.0"

_HOME = {
    "Clusters": "loss.clusters",
    "Laplace": "loss.kernels",
    "Gaussian": "loss.kernels",
    "Cauchy": "loss.kernels",
    "GeneralizedNormal": "loss.kernels",
    "Box": "loss.kernels",
    "Triangular": "loss.kernels",
    "Epanechnikov": "loss.kernels",
    "Exact": "loss.rules",
    "Midpoint": "loss.rules",
    "GaussLegendre": "loss.rules",
    "Adaptive": "loss.rules",
    "CrossEntropy": "loss.cross_entropy",
    "TwoPass": "loss.scattered.two_pass",
    "Panels": "loss.scattered.quadrature",
    "iter_value_and_grad": "loss.streaming",
    "load_waves": "gun.waves.store",
    "NeighbourModel": "gun.model",
    "Recall": "gun.recall",
    "Check": "report.verdicts",
    "Verdict": "report.verdicts",
    "explore": "report.explorer.explore",
}
_MODULES = {"reference": "loss.reference", "style": "plot.style"}

__all__ = ["__version__", *sorted([*_HOME, *_MODULES])]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{_MODULES[name]}")
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
