"""Which engine computes what: one row for each, and the first that fits is taken."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Engine
from kdelab.loss.engines.boxes.engine import Boxes
from kdelab.loss.engines.by_arrays import ByArrays
from kdelab.loss.engines.huber.engine import HuberByMoments
from kdelab.loss.engines.laplace.engine import BinFreeLaplace
from kdelab.loss.engines.polynomials.engine import Polynomials
from kdelab.loss.engines.quadrature.engine import ByQuadrature
from kdelab.loss.engines.smooth.engine import Smooth
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.kernels.box import Box
from kdelab.loss.kernels.cauchy import Cauchy
from kdelab.loss.kernels.epanechnikov import Epanechnikov
from kdelab.loss.kernels.gaussian import Gaussian
from kdelab.loss.kernels.huber import Huber
from kdelab.loss.kernels.laplace import Laplace
from kdelab.loss.kernels.logistic import Logistic
from kdelab.loss.kernels.triangular import Triangular
from kdelab.loss.rules import Adaptive, Exact, GaussLegendre, Midpoint, Rule, accepted


class Row(NamedTuple):
    """An engine, and what it is for: these very kernels (or all), these rules, any background or none."""

    kernels: tuple[type[Kernel], ...]
    rules: tuple[type, ...]
    background: bool
    make: Callable[[Clusters, Any, Any, float], Engine]


def _boxes(clusters: Clusters, kernel: Box, rule: Rule, background: float) -> Engine:
    return Boxes(clusters, clusters.points, clusters.points, kernel.bandwidth, background)


def _by_quadrature(clusters: Clusters, kernel: Kernel, rule: Any, background: float) -> Engine:
    return (ByQuadrature if kernel.compiled else ByArrays)(clusters, kernel, rule, background)


ENGINES = (
    Row((Laplace,), (Exact,), False, lambda clusters, kernel, rule, _: BinFreeLaplace(clusters, kernel.bandwidth)),
    Row(
        (Box,),
        (Exact, Adaptive),
        True,
        _boxes,
    ),
    Row(
        (Triangular, Epanechnikov),
        (Exact, Adaptive),
        True,
        lambda clusters, kernel, rule, weight: Polynomials(clusters, kernel, weight),
    ),
    Row((Gaussian, Cauchy, Logistic), (Adaptive,), True, Smooth),
    Row((Huber,), (Adaptive,), True, HuberByMoments),
    Row((), (Adaptive, Midpoint, GaussLegendre), True, _by_quadrature),
)


def resolved(rule: Any, kernel: Kernel, background: float) -> Rule:
    """Return the rule that ``quadrature`` names: "auto" is Exact() where that can be had, else Adaptive().

    Raises
    ------
    ValueError
        If it names none, or asks for a closed form that doesn't exist.
    """
    accepted(rule, Exact, Adaptive, Midpoint, GaussLegendre, auto=True)
    if rule == "auto":
        return Exact() if _row(Exact(), kernel, background) else Adaptive()
    if _row(rule, kernel, background) is None:
        closed = ", ".join(kind.__name__ + ("" if row.background else " without a background")
                           for row in ENGINES if Exact in row.rules for kind in row.kernels)  # fmt: skip
        raise ValueError(
            f"quadrature {rule!r} needs a closed form, which there is for {closed}, not for {kernel!r} and "
            f'background={background}; "auto" chooses Adaptive() there'
        )
    return rule


def engine_for(clusters: Clusters, kernel: Kernel, rule: Rule, background: float) -> Engine:
    """Return the engine, prepared; the rule is one that `resolved` returned."""
    row = _row(rule, kernel, background)
    assert row is not None
    return row.make(clusters, kernel, rule, background)


def _row(rule: Rule, kernel: Kernel, background: float) -> Row | None:
    for row in ENGINES:
        suits = type(rule) in row.rules and (row.background or background == 0)
        if suits and (not row.kernels or type(kernel) in row.kernels):
            return row
    return None
