"""The nodes of a smooth kernel's panels, as many panels as a target is wide, and when they are enough."""

import math
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.polynomial import legendre

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.kernels.gaussian import GAPS, Gaussian
from kdelab.loss.rules import Adaptive
from kdelab.loss.validate import Floats, Integers

MOST = 27
"""The largest number of nodes of a panel; all are multiples of 3: see `engine._add_rows`."""

_LONGEST = 1.2  # bandwidths: a Gaussian's panel
_MANY = 256  # panels: the adaptive rule's grow with their distance from the points
_WITHIN = 0.9  # of the strip in which log p is analytic


class Nodes(NamedTuple):
    """Rules, one behind the other, and how each prediction is integrated.

    Rule r has places on [-1, 1], weights that sum to 1, and those less the weights of a coarser rule, at starts[r] to
    starts[r + 1]. Prediction i takes rule which[i] on each of panels[i] equal panels; with 0 it isn't for these rules.
    """

    starts: Integers
    places: Floats
    fine: Floats
    difference: Floats
    which: Integers
    panels: Integers


def nodes_for(kernel: Kernel, rule: Adaptive, clusters: Clusters) -> Nodes:
    """Return the nodes for a Gaussian, or for a kernel that has a strip."""
    width = (clusters.upper - clusters.lower) / kernel.bandwidth
    rules, which, panels = _lattice(width) if isinstance(kernel, Gaussian) else _gauss(kernel, rule.tolerance, width)
    starts = np.concatenate([[0], np.cumsum([len(places) for places, _, _ in rules])])
    places, fine, difference = (np.concatenate(column) for column in zip(*rules, strict=True))
    fitting = np.where(panels > _MANY, 0.0, np.maximum(panels, 1.0))
    return Nodes(starts, places, fine, difference, which, fitting.astype(np.int64))


def _lattice(width: Floats) -> tuple[list[Any], Integers, Floats]:
    """Return one rule of nodes on a lattice, crowded at the ends, where a Gaussian's values form geometric series.

    Its weights are exact to degree 15. Those of the coarser rule, which leaves out every fourth node, are to degree 11.
    """
    half = np.concatenate([[0], np.cumsum(GAPS)]) / sum(GAPS)
    places = np.concatenate([-half[:0:-1], half])
    fine, coarse = _weights(places), np.zeros(len(places))
    kept = np.arange(len(places)) % 4 != 1
    coarse[kept] = _weights(places[kept])
    return [(places, fine, fine - coarse)], np.zeros(len(width), np.int64), np.ceil(width / _LONGEST)


def _weights(places: Floats) -> Floats:
    """Return the weights, of sum 1, with which polynomials through values at these places are integrated."""
    moments = np.zeros(len(places))
    moments[0] = 1.0
    return np.linalg.solve(legendre.legvander(places, len(places) - 1).T, moments).astype(np.float64)


@cache
def _gauss_rules() -> list[Any]:
    """Return Gauss's rules of 3, 6, ... nodes."""
    return [(x, w / 2, np.zeros(n)) for n in range(3, MOST + 1, 3) for x, w in [legendre.leggauss(n)]]


def _gauss(kernel: Kernel, tolerance: float, width: Floats) -> tuple[list[Any], Integers, Floats]:
    """Return Gauss's rules, and for each target the least number of nodes that is known beforehand to be enough.

    Up to ``kernel.strip`` bandwidths from the real axis the real part of K is positive, so that p, a sum of positive
    weights, has no zero there, and log p and all r_j are analytic. In the ellipse with foci at a panel's ends that
    fits into that strip, of semi-axes that sum to rho half lengths, they stay within a few units, and a rule of n nodes
    errs by less than about 10 rho^-2n (Trefethen, Approximation Theory and Approximation Practice, theorem 19.3).
    """
    need = 0.5 * math.log(10.0 / min(max(tolerance, 1e-15), 1.0))
    rho_least = math.exp(need / MOST)
    longest = 4.0 * _WITHIN * kernel.strip / (rho_least - 1.0 / rho_least)
    panels = np.maximum(np.ceil(width / longest), 1.0)
    minor = _WITHIN * kernel.strip * 2.0 * panels / np.maximum(width, 1e-9)
    triples = np.ceil(need / np.arcsinh(minor) / 3)
    return _gauss_rules(), np.clip(triples, 1, MOST // 3).astype(np.int64) - 1, panels
