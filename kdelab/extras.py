"""Packages that `pip install kdelab` leaves out: which extra brings them, and one sentence where one is missing."""

import importlib
import importlib.util
import sys
from functools import cache
from typing import Any, NamedTuple


class Extra(NamedTuple):
    """What an extra is for, and the packages that this takes, by import name."""

    purpose: str
    packages: tuple[str, ...]


EXTRAS = {
    "sklearn": Extra("the regressor (kdelab.KernelDensityRegressor)", ("sklearn",)),
    "tables": Extra("tables of clusters (Clusters.from_arrow, Clusters.from_table)", ("narwhals", "pyarrow")),
    "gun": Extra("waves and guns (kdelab.gun)", ("narwhals", "pandas", "pyarrow", "sklearn", "tqdm")),
    "distributed": Extra("fits on many machines (kdelab.distributed)", ("distributed",)),
    "record": Extra("recording Robocode's battles", ("jpype",)),
    "notebooks": Extra(
        "figures, the explorer and reports (kdelab.plot, kdelab.report)",
        ("matplotlib", "seaborn", "PIL", "anywidget", "IPython", "ipykernel", "jupyter_client", "nbformat", "nbclient",
         "nbconvert", "nbdime", "papermill", "traitlets", "jinja2", "markupsafe", "mistune", "bleach", "pygments",
         "latex2mathml", "sphinx", "tqdm"),
    ),
    "torch": Extra("the loss in PyTorch (kdelab.torch)", ("torch",)),
    "jax": Extra("the loss in JAX (kdelab.jax)", ("jax",)),
    "completion": Extra("completion in a shell", ("shtab",)),
}  # fmt: skip
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "jpype": "jpype1",
    "PIL": "pillow",
}  # where the name on the index is another


class MissingExtra(ModuleNotFoundError):
    """Packages of an extra aren't installed; the message is one sentence with the command that brings them."""


def need(extra: str) -> None:
    """Raise MissingExtra unless all packages of an extra can be imported; none of them is."""
    absent = [name for name in EXTRAS[extra].packages if not _is_there(name)]
    if absent:
        raise MissingExtra(told(extra, absent), name=absent[0])


def load(package: str, extra: str) -> Any:
    """Return a package of an extra, imported; MissingExtra if it isn't there."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise  # it is there, and broken
        raise MissingExtra(told(extra, [package]), name=package) from error


def told(extra: str, absent: list[str]) -> str:
    """Return the sentence: what is missing, what needs it, and the command that brings it."""
    names = [DISTRIBUTIONS.get(name, name) for name in absent]
    listed = f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"
    return f'{listed} not installed, but needed for {EXTRAS[extra].purpose}: pip install "kdelab[{extra}]"'


def tqdm(**options: Any) -> Any:
    """Return tqdm's bar; where one is wanted and tqdm isn't there, a line says so, once, and nothing is drawn."""
    if not options.get("disable"):
        try:
            return load("tqdm", "gun").tqdm(**options)
        except MissingExtra:
            _say_no_bar()
    return _NoBar()


def _is_there(package: str) -> bool:
    try:
        return sys.modules.get(package) is not None or importlib.util.find_spec(package) is not None
    except ImportError:  # a finder may say so, too
        return False


@cache
def _say_no_bar() -> None:
    print('no progress bar, since tqdm is not installed: pip install "kdelab[gun]"', file=sys.stderr)


class _NoBar:
    def __enter__(self) -> "_NoBar":
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def update(self, n: int = 1) -> None:
        """Draw nothing."""
