"""The rules by which the loss can be integrated over the target."""

import math
from dataclasses import dataclass
from typing import Literal

from kdelab.loss.kernels import Kernel, Laplace
from kdelab.loss.validate import count, positive


@dataclass(frozen=True)
class Exact:
    """The integral in closed form: for the compact kernels, and for Laplace's without a background."""


@dataclass(frozen=True)
class Adaptive:
    """Nested rules of 15 nodes on panels between the kinks, halved until loss and gradients are as good as asked for.

    A compact kernel is a polynomial between its kinks: its closed form is taken instead, which is as good and faster.

    Parameters
    ----------
    tolerance : float
        The error allowed in the loss, in nats, and in each entry of the gradient; as a share of the means over the
        target of sum_j r_j abs(s_j) / h in the derivatives by points, and of 1 + sum_j r_j abs(u_j s_j) in that by log
        bandwidth (s_j = (log K)'(u_j)). Rounding comes on top.
    """

    tolerance: float = 1e-12

    def __post_init__(self) -> None:
        object.__setattr__(self, "tolerance", positive("tolerance", self.tolerance))


@dataclass(frozen=True)
class Midpoint:
    """The thread's binning: the mean over the centres of ``bins`` equal bins of the target.

    Parameters
    ----------
    bins : int
        At least 1.
    """

    bins: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "bins", count("bins", self.bins))


@dataclass(frozen=True)
class GaussLegendre:
    """One Gauss-Legendre rule over the whole target, kinks or not: for comparison.

    Parameters
    ----------
    nodes : int
        At least 1.
    """

    nodes: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", count("nodes", self.nodes))


Quadrature = Exact | Adaptive | Midpoint | GaussLegendre


def resolve(quadrature: Quadrature | Literal["auto"], kernel: Kernel, background: float) -> Quadrature:
    """Return the rule that ``quadrature`` names: "auto" is Exact() where that can be had, else Adaptive().

    Raises
    ------
    ValueError
        If it names none, or asks for a closed form that doesn't exist.
    """
    closed = math.isfinite(kernel.support) or (isinstance(kernel, Laplace) and background == 0)
    if isinstance(quadrature, str) and quadrature == "auto":
        return Exact() if closed else Adaptive()
    if not isinstance(quadrature, Quadrature):
        raise ValueError(
            'quadrature must be "auto", Exact(), Adaptive(tolerance), Midpoint(bins) or GaussLegendre(nodes), '
            f"not {quadrature!r}"
        )
    if isinstance(quadrature, Exact) and not closed:
        raise ValueError(
            f"quadrature Exact() needs a compact kernel, or Laplace's without a background, not {kernel!r} and "
            f'background={background}; "auto" chooses Adaptive() there'
        )
    return quadrature
