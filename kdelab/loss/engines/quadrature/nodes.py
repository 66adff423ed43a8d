"""Nodes and weights on [-1, 1]: of the nested formula, and of the fixed ones."""

from typing import NamedTuple

import numpy as np

from kdelab.loss.kernels.base import Kernel
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint
from kdelab.loss.validate import Floats


class Nodes(NamedTuple):
    """Places on [-1, 1], weights, weights of the coarser formula nested in it, and the error allowed.

    Of a formula that is applied just once the last two are 0.
    """

    places: Floats
    fine: Floats
    coarse: Floats
    tolerance: float


# Gauss-Kronrod: 15 nodes, exact to degree 23; the 7 of Gauss among them, to degree 13. No node at the ends.
_KRONROD = [
    (0.0, 0.2094821410847278280, 0.4179591836734693877),
    (0.2077849550078984676, 0.2044329400752988924, 0.0),
    (0.4058451513773971669, 0.1903505780647854099, 0.3818300505051189449),
    (0.5860872354676911302, 0.1690047266392679028, 0.0),
    (0.7415311855993944398, 0.1406532597155259187, 0.2797053914892766679),
    (0.8648644233597690727, 0.1047900103222501838, 0.0),
    (0.9491079123427585245, 0.0630920926299785532, 0.1294849661688696932),
    (0.9914553711208126392, 0.0229353220105292249, 0.0),
]
# Lobatto-Kronrod: 15 nodes, exact to degree 21; the 8 of Lobatto among them, to degree 13. Both ends are nodes.
_LOBATTO = [
    (0.0, 0.2104155482043434448, 0.0),
    (0.2092992179024788687, 0.2068925912073362151, 0.4124587946587038815),
    (0.4103034809137989717, 0.1930498391539464136, 0.0),
    (0.5917001814331423021, 0.1685077260196009797, 0.3411226924835043647),
    (0.7463366718396015345, 0.1406374454094749457, 0.0),
    (0.8717401485096066153, 0.1087663209865665481, 0.2107042271435060393),
    (0.9600476286866284934, 0.0658485161492001248, 0.0),
    (1.0000000000000000000, 0.0110897869717030504, 0.0357142857142857142),
]


def _mirrored(half: list[tuple[float, float, float]]) -> Nodes:
    nodes, fine, coarse = np.array(half).T
    return Nodes(
        np.concatenate([-nodes[:0:-1], nodes]),
        np.concatenate([fine[:0:-1], fine]),
        np.concatenate([coarse[:0:-1], coarse]),
        0.0,
    )


def adaptive(rule: Adaptive, kernel: Kernel) -> Nodes:
    """Return the nested formula that suits a kernel: where one ends log p has no value, so no node may lie there."""
    return _mirrored(_LOBATTO if kernel.support == np.inf else _KRONROD)._replace(tolerance=rule.tolerance)


def midpoint(bins: int) -> Nodes:
    """Return the centres of equal bins, equally weighted."""
    return Nodes((2 * np.arange(bins) + 1) / bins - 1, np.full(bins, 2 / bins), np.zeros(bins), 0.0)


def gauss_legendre(nodes: int) -> Nodes:
    """Return Gauss's rule."""
    x, weights = np.polynomial.legendre.leggauss(nodes)
    return Nodes(x, weights, np.zeros(nodes), 0.0)


def fixed(rule: Midpoint | GaussLegendre) -> Nodes:
    """Return the nodes of a rule that is applied just once to the whole target."""
    return midpoint(rule.bins) if isinstance(rule, Midpoint) else gauss_legendre(rule.nodes)
