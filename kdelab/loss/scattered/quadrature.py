"""Two passes at the nodes of a quadrature, for every kernel.

What travels between parts is a pair of numbers a node and a prediction: with 16 nodes a panel some hundreds of nodes
for a cluster of which a dozen points lie inside the target.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.quadrature import cuts, nodes
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.parts import Part, known
from kdelab.loss.ragged import finite, offsets_of, ranges
from kdelab.loss.rules import GaussLegendre, Midpoint, Panels, accepted
from kdelab.loss.scattered.sums import LogSums, Provenance, together
from kdelab.loss.validate import Floats, Integers, fraction, instance, vector

PANELS = Panels()

_PAIRS = 1 << 18  # pairs of a point and a node that are held at once


class NodeSums(NamedTuple):
    """Pass one: sum_j exp(z_j) K_h(x - x_j) at each node and sum_j exp(z_j) for each prediction, over some parts."""

    provenance: Provenance
    density: LogSums
    weight: LogSums

    def merge(self, other: "NodeSums") -> "NodeSums":
        """Return the sums over the parts of both.

        Raises
        ------
        ValueError
            If the two belong to different batches or nodes, or a part is in both.
        """
        provenance = self.provenance.merge(other.provenance)
        if len(self.density.top) != len(other.density.top):
            raise ValueError(f"other must be sums at the same {len(self.density.top)} nodes, "
                             f"but it has {len(other.density.top)}")  # fmt: skip
        return NodeSums(provenance, self.density.merge(other.density), self.weight.merge(other.weight))


class NodeWhole(NamedTuple):
    """What the merged sums say of the whole.

    Attributes
    ----------
    values : (n,)
        The losses.
    log_weight : (n,)
        log sum_j exp(z_j).
    log_density : (nodes,)
        log p(x), on the scale on which a point's term is exp(z_j) K_h(x - x_j).
    reached : (n,)
        The mean over the target of R, the share of p that the cluster has: 1, unless p is 0 or there is a background.
    """

    values: Floats
    log_weight: Floats
    log_density: Floats
    reached: Floats


class ScatteredQuadrature(Frozen):
    """The nodes that all parts of a batch agree on, and the two passes at them.

    Holds no points, so that it is cheap to send to other processes.

    Parameters
    ----------
    parts : iterable of Part
        All parts, or the `outline` of each, which is smaller.
    kernel : Kernel
    quadrature : Panels, GaussLegendre or Midpoint
        The latter two are one rule over the whole target, kinks or not, as in `CrossEntropy`.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into p.

    Attributes
    ----------
    x, share : (total nodes,)
        The nodes, prediction by prediction, and what each counts; the shares of a prediction sum to 1.
    offsets : (n + 1,)
        The nodes of prediction i are ``offsets[i]:offsets[i + 1]``.

    Raises
    ------
    ValueError
        If the parts are of different batches, or one is missing or there twice.
    """

    def __init__(
        self,
        parts: Iterable[Part],
        kernel: Kernel,
        quadrature: Panels | GaussLegendre | Midpoint = PANELS,
        background: float = 0.0,
    ) -> None:
        clusters, self.batch, self.of = gathered(list(known(parts)))
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        self.background = fraction("background", background)
        accepted(quadrature, Panels, GaussLegendre, Midpoint, since="all parts must know the nodes beforehand")
        if isinstance(quadrature, Panels):
            starts, left, right = cuts.cut(clusters, kernel, self.background)
            cusped = np.full(len(left), kernel.power > 1)
            layout = _shortened(*cuts.halved(starts, left, right, cusped), kernel.power, kernel.bandwidth)
            formula = nodes.gauss_legendre(quadrature.nodes)
        else:
            starts, origins, lengths = cuts.whole(clusters)[:3]
            layout = _shortened(starts, origins, lengths, 1.0, np.inf)
            formula = nodes.fixed(quadrature)
        self.offsets, self.x, self.share = _nodes(layout, formula, clusters.upper - clusters.lower)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def sums(self, part: Part, logits: ArrayLike) -> NodeSums:
        """Pass one: sum what one part holds.

        Parameters
        ----------
        part : Part
        logits : (m,) array_like
            z_j of the part's points, ``whole[part.rows]``.
        """
        z = self._checked(part, logits)
        density = LogSums.empty(len(self.x))
        for some, owner, node, _ in self._pairs(part):
            terms = z[some][owner] + self.kernel.log(self.x[node] - part.points[some][owner])
            density.add(node, terms)
        weight = LogSums.empty(len(self))
        weight.add(part.prediction, z)
        return NodeSums(Provenance.one(part), density, weight)

    def whole(self, sums: NodeSums) -> NodeWhole:
        """Say what the sums over all parts mean for the whole: the losses, and what pass two needs.

        Raises
        ------
        ValueError
            If a part is missing from the sums, or they belong to another batch or to other nodes.
        """
        sums.provenance.same("sums", self.batch, self.of)
        sums.provenance.complete("sums")
        if len(sums.density.top) != len(self.x):
            raise ValueError(
                f"sums must be at the {len(self.x)} nodes at hand, but they are at {len(sums.density.top)}"
            )
        log_weight = sums.weight.log()
        log_scale = np.repeat(np.log1p(-self.background) - log_weight, np.diff(self.offsets))
        log_clusters = sums.density.log()
        log_p = log_clusters + log_scale
        if self.background > 0:
            log_p = np.where(np.abs(self.x) <= 1, np.logaddexp(log_p, np.log(self.background / 2)), log_p)
        log_density = log_p - log_scale
        reached = self._mean(np.exp(log_clusters - finite(log_density)))
        return NodeWhole(-self._mean(log_p), log_weight, log_density, reached)

    def gradient(self, part: Part, logits: ArrayLike, whole: NodeWhole) -> Floats:
        """Pass two: return dL/dz_j of one part's points, (m,).

        Parameters
        ----------
        part, logits
            As in `sums`, with the same logits.
        whole : NodeWhole
            From the sums over all parts.
        """
        z = self._checked(part, logits)
        log_density = finite(whole.log_density)
        gradient = np.exp(z - whole.log_weight[part.prediction]) * whole.reached[part.prediction]
        for some, owner, node, starts in self._pairs(part):
            terms = z[some][owner] + self.kernel.log(self.x[node] - part.points[some][owner])
            gradient[some] -= np.add.reduceat(self.share[node] * np.exp(terms - log_density[node]), starts)
        return gradient

    def _mean(self, at_nodes: Floats) -> Floats:
        return np.add.reduceat(self.share * at_nodes, self.offsets[:-1]) if len(self) else np.empty(0)

    def _pairs(self, part: Part) -> Iterator[tuple[slice, Integers, Integers, Integers]]:
        """Yield pairs of point and node in bounded numbers.

        Each time: some points as a slice, the point of each pair (counted within the slice), its node, and where the
        pairs of each point start.
        """
        each = np.diff(self.offsets)[part.prediction]
        ends = np.cumsum(each)
        first = 0
        while first < len(part):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + _PAIRS, side="right")))
            sizes = each[first:last]
            node = ranges(self.offsets[part.prediction[first:last]], sizes)
            yield slice(first, last), np.repeat(np.arange(last - first), sizes), node, np.cumsum(sizes) - sizes
            first = last

    def _checked(self, part: Part, logits: ArrayLike) -> Floats:
        Provenance.one(part).same("part", self.batch, self.of)
        return vector("logits", logits, len(part), "one a point of the part")


def outline(part: Part, kernel: Kernel) -> Part:
    """Return the part with only those points that have a say in where the nodes lie: what it sends before pass one."""
    lower, upper = part.lower[part.prediction], part.upper[part.prediction]
    told = np.zeros(len(part), dtype=bool)
    for u in {0.0, *kernel.kinks}:
        place = part.points + kernel.bandwidth * u
        told |= (lower <= place) & (place <= upper)
    kept = {name: getattr(part, name)[told] for name in ("points", "prediction", "rows")}
    return Part._with(**{**vars(part), **kept})


def gathered(parts: list[Part]) -> tuple[Clusters, str, int]:
    """Return the points of all parts as clusters, the batch's name and the number of its parts.

    The order of the parts doesn't matter. Of outlines, a cluster may be empty.

    Raises
    ------
    ValueError
        If the parts are of different batches, or one is missing or there twice.
    """
    provenance = together(parts)
    prediction, rows, points = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("prediction", "rows", "points")
    )
    order = np.argsort(rows)
    lower, upper = parts[0].lower, parts[0].upper
    offsets = offsets_of(np.bincount(prediction, minlength=len(lower)))
    return Clusters._of(points[order], offsets, lower, upper), provenance.batch, provenance.of


_Layout = tuple[Integers, Floats, Floats, Floats, Floats, float]


def _shortened(offsets: Integers, origins: Floats, lengths: Floats, power: float, longest: float) -> _Layout:
    """Cut panels into equal pieces of s so that none is much longer than ``longest``; return also where s runs."""
    pieces = np.maximum(1, np.ceil(np.abs(lengths) / longest)).astype(np.int64)
    which = np.repeat(np.arange(len(origins)), pieces)
    begin = ranges(np.zeros_like(pieces), pieces) / pieces[which]
    starts = offsets_of(pieces)[offsets]
    return starts, origins[which], lengths[which], begin, 1 / pieces[which], power


def _nodes(layout: _Layout, formula: nodes.Nodes, width: Floats) -> tuple[Integers, Floats, Floats]:
    """Return offsets, places and shares of the nodes of all predictions; one node where the target is one point."""
    offsets, origins, lengths, begin, span, power = layout
    s = begin[:, None] + span[:, None] * (1 + formula.places) / 2
    x = origins[:, None] + lengths[:, None] * s**power
    owner = np.repeat(np.arange(len(width)), np.diff(offsets))
    safe = np.where(width > 0, width, 1.0)[owner]
    share = (np.abs(lengths) / safe * span / 2)[:, None] * formula.fine * power * s ** (power - 1)
    point = np.flatnonzero((np.diff(owner, prepend=-1) > 0) & (width[owner] == 0))
    share[width[owner] == 0] = 0.0
    share[point, 0] = 1.0
    keep = (share > 0).ravel()
    sizes = np.bincount(np.repeat(owner, len(formula.places))[keep], minlength=len(width))
    return offsets_of(sizes), x.ravel()[keep], share.ravel()[keep]
