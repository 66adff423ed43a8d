"""The rules by which the loss can be integrated over the target."""

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Panels:
    """Gauss's rule on each panel between two kinks of log p, panels being at most one bandwidth long.

    Fixed beforehand, so that all parts of a scattered batch can agree on it; it can't adapt to the logits, as
    `Adaptive` does. With 16 nodes nearly every cluster is integrated to the last digits. The exceptions: where the edge
    of a compact kernel reaches alone into the target, 1e-6; where far points on both sides contend for it under a tail
    lighter than the Gaussian's, 1e-2 in the worst of cases.

    Parameters
    ----------
    nodes : int
        Nodes on each panel, at least 1.
    """

    nodes: int = 16

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", count("nodes", self.nodes))


Rule = Exact | Adaptive | Midpoint | GaussLegendre | Panels

_CALLS = {
    Exact: "Exact()",
    Adaptive: "Adaptive(tolerance)",
    Midpoint: "Midpoint(bins)",
    GaussLegendre: "GaussLegendre(nodes)",
    Panels: "Panels(nodes)",
}


def accepted(given: Any, *kinds: type, auto: bool = False, since: str = "") -> Any:
    """Return the rule if it is one of these kinds, or "auto" where that may be said; else raise a ValueError.

    Parameters
    ----------
    given : object
        What was handed in as ``quadrature``.
    kinds : types of rules
    auto : bool
        Whether "auto" is allowed.
    since : str
        Why no other rule is, for the message.
    """
    if isinstance(given, kinds) or (auto and isinstance(given, str) and given == "auto"):
        return given
    *others, last = [*(['"auto"'] if auto else []), *(_CALLS[kind] for kind in kinds)]
    allowed = f"{', '.join(others)} or {last}" if others else last
    raise ValueError(f"quadrature must be {allowed}{since and ', since ' + since}, not {given!r}")
