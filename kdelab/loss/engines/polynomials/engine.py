"""The triangular and the parabolic kernel's loss in closed form, O(k) a cluster: p is a polynomial between two edges.

On a panel, t from 0 to 1, each term is w_j (K_0 (1 - t) + K_1 t + kappa t (1 - t)), kappa = 0 for the triangle, and for
the parabola its length squared, in bandwidths. So p takes its values at the edges, and the weight over each panel: see
`density`. The mean of log p is a function of those, and r_j = w_j times its derivative by w_j.

What few predictions need, when values underflow or rounding shows, and derivatives by points, go through the robust
engine, and are compiled when the first one comes.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import exp, highest, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine
from kdelab.loss.engines.for_most import ForMost
from kdelab.loss.engines.polynomials.density import hats, hats_back, parabolas, parabolas_back
from kdelab.loss.engines.polynomials.moments import by_weights, moments
from kdelab.loss.engines.polynomials.panels import LEAST, ROOM, lines, parabolas_between
from kdelab.loss.engines.polynomials.prepare import Prepared, count, prepare
from kdelab.loss.engines.polynomials.robust import Robust
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.kernels.epanechnikov import Epanechnikov
from kdelab.loss.kernels.triangular import Triangular
from kdelab.loss.ragged import offsets_of
from kdelab.loss.runtime import compiled, in_parallel
from kdelab.loss.validate import Flags, Floats, Indices


class Polynomials(ForMost):
    """The edges of a batch."""

    def __init__(self, clusters: Clusters, kernel: Triangular | Epanechnikov, background: float) -> None:
        self.clusters, self.kernel, self.background = clusters, kernel, background
        self.numbers = kernel.in_numbers(background)
        batch, h, cusped = Batch.of(clusters), kernel.bandwidth, self.numbers.cusped
        counts = np.empty((2, len(clusters)), np.int64)
        in_parallel(count, clusters.offsets, batch, h, background, cusped, counts)
        starts, edge_starts = offsets_of(counts[0]), offsets_of(counts[1])
        points, edges = int(starts[-1]), int(edge_starts[-1])
        self.prepared = Prepared(
            starts, edge_starts, np.empty(points, np.int32), np.empty(points), np.empty(edges),
            np.empty((2, edges), np.int32),
        )  # fmt: skip
        self.kinks = np.empty((2, edges), np.int32) if cusped else None
        in_parallel(prepare, clusters.offsets, batch, h, self.prepared, self.kinks)

    def _evaluate_most(self, logits: Floats, hard: Flags, loss: Floats, gradient: Floats | None) -> None:
        in_parallel(
            evaluate, self.clusters.offsets, self.numbers, Batch.of(self.clusters), self.prepared, self.kinks,
            None if self.numbers.cusped else True, logits, hard, loss, gradient,
        )  # fmt: skip

    def _robust(self, clusters: Clusters) -> Engine:
        return Robust(clusters, self.kernel, self.background)


@compiled
def evaluate(
    first: int, stop: int, kernel: Compiled, batch: Batch, prepared: Prepared, kinks: Indices | None,
    bends: bool | None, logits: Floats, hard: Flags, loss: Floats, gradient: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and which of them are too hard.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    ends, lower, upper = batch.offsets, batch.lower, batch.upper
    widest = 32
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, rows = np.empty((7, 3 * widest + 2)), np.empty(ROOM)
    p, by_p, covered, w, v, by_first, by_last = work[0], work[1], work[2], work[3], work[4], work[5], work[6]
    of, by = np.empty((widest + 1, 8)), np.zeros((widest + 1, 8))
    for i in range(first, stop):
        mine = slice(prepared.edge_starts[i], prepared.edge_starts[i + 1])
        edges, around = prepared.edges[mine], prepared.around[:, mine]
        hard[i] = edges.size == 0
        if hard[i]:
            continue
        z, k, at = logits[ends[i] : ends[i + 1]], ends[i + 1] - ends[i], prepared.starts[i]
        m = prepared.starts[i + 1] - at - 1
        names, places = prepared.names[at : at + m], prepared.places[at : at + m + 1]
        top = highest(z)
        for j in range(k):
            w[j] = exp(z[j] - top)
        w_total = total(w[:k])
        for t in range(m):
            v[t] = w[names[t]]
        log_scale = kernel.log_constant - math.log(w_total) + math.log1p(-kernel.background)
        lit = kernel.background > 0.0 and lower[i] >= -1.0 and upper[i] <= 1.0
        floor = 0.5 * kernel.background * math.exp(-log_scale) if lit else 0.0
        lowest = 0.0
        if bends is not None:
            moments(2.0, places, v[:m], of)
            lowest = parabolas(edges, around, places, of, floor, p, covered)
        if kinks is not None:
            moments(1.0, places, v[:m], of)
            lowest = hats(edges, around, kinks[:, mine], places, of, floor, p)
        hard[i] = not lowest >= LEAST
        if hard[i]:
            continue
        mean_log = 0.0
        if bends is not None:
            mean_log = parabolas_between(edges, p, covered, rows, by_p)
        if kinks is not None:
            mean_log = lines(edges, p, rows, by_p)
        loss[i] = -(log_scale + mean_log)
        if gradient is not None:
            if bends is not None:
                parabolas_back(edges, around, places, by_p, covered, by)
                by_weights(2.0, places, by, by_first[:m], by_last)
            if kinks is not None:
                hats_back(edges, around, kinks[:, mine], places, by_p, by)
                by_weights(1.0, places, by, by_first[:m], by_last)
            for t in range(m):
                v[t] *= by_first[t] + by_last[t]
            g, per_weight = gradient[ends[i] : ends[i + 1]], total(v[:m]) / w_total
            for j in range(k):
                g[j] = w[j] * per_weight
            for t in range(m):
                g[names[t]] -= v[t]
