"""What training on shuffled points would compute: clusters cut apart, each part normalised for itself.

This is the reading of Xor's post of 13 March 2022 that a batch sees only the points it holds. Its softmax and its
density run over those, so a part's gradient is a ratio of sums whose denominators are too small by chance. The ratio of
two unbiased sums is not unbiased; `leading_bias` says by how much.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Batch, Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.parts import Part, known
from kdelab.loss.ragged import shuffled
from kdelab.loss.rules import Rule
from kdelab.loss.validate import Floats, Integers, count, numbers, vector


class NormalisedInParts(Frozen):
    """The loss of scattered clusters as their parts see it, each point normalised with those beside it.

    A part that holds m of a cluster's k points counts m/k, so that a cluster counts once, however it is cut, and its
    gradient is as large as the true one where the bias is small. (Counted in full, each part's gradient would be about
    k/m times too large.)

    Parameters
    ----------
    parts : sequence of Part
        From ``clusters.scatter`` or ``clusters.cut``.
    kernel, quadrature, background
        As in `CrossEntropy`.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        kernel: Kernel,
        quadrature: Rule | Literal["auto"] = "auto",
        background: float = 0.0,
    ) -> None:
        cut = known(parts)
        alone = [by_itself(part) for part in cut]
        batches = Clusters.concatenate(batch.clusters for batch in alone)
        # One prediction's piece is a cluster like any other, so that all pieces of all parts go in one call.
        self._loss = CrossEntropy(batches, kernel, quadrature, background)
        self._prediction = np.concatenate([batch.predictions for batch in alone])
        self._rows = np.concatenate([part.rows for part in cut])
        whole = np.bincount(self._prediction, batches.sizes, len(cut[0].lower))
        self._share = batches.sizes / whole[self._prediction]

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return the losses, (n,), and the gradient of their sum, (total,), for logits in the order of the whole."""
        z = vector("logits", logits, len(self._rows), "one a point")
        values, gradient = self._loss.value_and_grad(z[self._rows])
        losses: Floats = np.bincount(self._prediction, self._share * values).astype(np.float64)
        back = np.empty_like(z)
        back[self._rows] = self._loss.clusters.spread(self._share) * gradient
        return losses, back


def pieces(rng: np.random.Generator, clusters: Clusters, size: int) -> list[Part]:
    """Cut every cluster at random into pieces of ``size`` points, the last of each maybe smaller.

    Returns
    -------
    list of Part
        Part i holds the i-th piece of every cluster that has so many.
    """
    size = count("size", size)
    owner = clusters.owners
    random = shuffled(rng, len(owner))
    order = random[np.argsort(owner[random], kind="stable")]
    assignment = np.empty(len(owner), np.int64)
    assignment[order] = (np.arange(len(owner)) - clusters.offsets[owner]) // size
    return clusters.cut(assignment, int(assignment.max(initial=0)) + 1)


def leading_bias(weights: Floats, responsibilities: Floats, share: Floats, pieces: int) -> Floats:
    """Return the bias of the gradient of one cluster cut at random into pieces, to leading order.

    ``(pieces - 1) (k/(k - 1)) (S_i (|S|^2 - S_i) - mean r_i (|r|^2 - r_i))``, the mean taken over the target. It counts
    the pieces and not their sizes: a piece of m points has a bias of (k - m)/m and counts m/k, and those add up to
    pieces - 1. Derived in notebook 11; higher orders are small while ``1/|S|^2`` and ``1/|r|^2`` are well below the
    points in each piece.

    Parameters
    ----------
    weights : (k,)
        S.
    responsibilities : (k, nodes)
        r at nodes of the target.
    share : (nodes,)
        What each node counts; sums to 1.
    pieces : int
        Into how many pieces the cluster is cut.
    """
    weights = vector("weights", weights)
    share, k = vector("share", share), len(weights)
    responsibilities = numbers("responsibilities", responsibilities)
    if responsibilities.shape != (k, len(share)):
        raise ValueError(f"responsibilities must have the shape ({k}, {len(share)}), a row a weight and a column a "
                         f"share, not {responsibilities.shape}")  # fmt: skip
    if k == 1:
        return np.zeros(1)

    def pulled(s: Floats) -> Floats:
        return s * ((s**2).sum(axis=0) - s)

    return (count("pieces", pieces) - 1) * k / (k - 1) * (pulled(weights) - pulled(responsibilities) @ share)


def alone(parts: Sequence[Part]) -> float:
    """Return the share of points that share their part with no other point of their cluster."""
    sizes: list[Integers] = [by_itself(part).clusters.sizes for part in known(parts)]
    every = np.concatenate(sizes)
    return float((every == 1).sum() / every.sum())


def by_itself(part: Part) -> Batch:
    """Return the part taken for a batch of its own: each prediction with those of its points that are here.

    This is what training on shuffled points would see. Its softmax runs over the points that happen to be together, so
    its gradient is not the gradient (notebook 11).
    """
    predictions, first = np.unique(part.prediction, return_index=True)
    offsets = np.append(first, len(part)).astype(np.int64)
    return Batch(
        Clusters(part.points, offsets, part.lower[predictions], part.upper[predictions]), predictions, part.rows
    )
