"""The triangular and the parabolic kernel's loss in closed form, O(k) a cluster: p is a polynomial between two edges.

On a panel, t from 0 to 1, each term is w_j (K_0 (1 - t) + K_1 t + kappa t (1 - t)), kappa = 0 for the triangle, and for
the parabola its length squared, in bandwidths. So p takes its values at the edges, and the weight over each panel: see
`density`. The mean of log p is a function of those, and r_j = w_j times its derivative by w_j.

What few predictions need, when values underflow or rounding shows, and derivatives by points, go through the robust
engine, and are compiled when the first one comes.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import HUGE, exp, highest, total
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine, Wanted
from kdelab.loss.engines.polynomials.density import hats, hats_back, parabolas, parabolas_back
from kdelab.loss.engines.polynomials.moments import Moments, by_weights, moments
from kdelab.loss.engines.polynomials.panels import LEAST, ROOM, integrate
from kdelab.loss.engines.polynomials.prepare import Prepared, prepare
from kdelab.loss.engines.polynomials.robust import Robust
from kdelab.loss.kernels.base import Compiled
from kdelab.loss.kernels.epanechnikov import Epanechnikov
from kdelab.loss.kernels.triangular import Triangular
from kdelab.loss.runtime import compiled, in_parallel, scalar
from kdelab.loss.validate import Flags, Floats, Indices, read_only


class Polynomials(Engine):
    """The edges of a batch, and, once it was needed, the robust engine of those that are too hard."""

    def __init__(self, clusters: Clusters, kernel: Triangular | Epanechnikov, background: float) -> None:
        self.clusters, self.kernel, self.background = clusters, kernel, background
        self.numbers = kernel.in_numbers(background)
        n, k = len(clusters), len(clusters.points)
        room = (3 if self.numbers.cusped else 2) * k + 2 * n
        self.prepared = Prepared(
            np.empty(n, np.bool_), *np.empty((4, n), np.int64), np.empty(k + n, np.int32), np.empty(k + n),
            np.empty(room), np.empty((2, room), np.int32),
        )  # fmt: skip
        self.kinks = np.empty((2, room), np.int32) if self.numbers.cusped else None
        in_parallel(
            prepare, clusters.offsets, Batch.of(clusters), kernel.bandwidth, background, self.prepared, self.kinks
        )
        self.hard: tuple[bytes, Robust] | None = None

    def _evaluate(self, logits: Floats, wanted: Wanted) -> None:
        hard = np.ones(len(self.clusters), np.bool_)
        if wanted.by_point is None:
            in_parallel(
                evaluate, self.clusters.offsets, self.numbers, Batch.of(self.clusters), self.prepared, self.kinks,
                logits, hard, wanted.loss, wanted.gradient,
            )  # fmt: skip
        if hard.any():
            self._evaluate_hard(hard, logits, wanted)

    def _evaluate_hard(self, hard: Flags, logits: Floats, wanted: Wanted) -> None:
        if self.hard is None or self.hard[0] != hard.tobytes():
            self.hard = hard.tobytes(), Robust(self.clusters.take(hard), self.kernel, self.background)
        engine, rows = self.hard[1], self.clusters.rows(hard)
        z = read_only(logits[rows])
        if wanted.gradient is None:
            wanted.loss[hard] = engine.value(z)
        elif wanted.by_point is None or wanted.by_bandwidth is None:
            wanted.loss[hard], wanted.gradient[rows] = engine.value_and_grad(z)
        else:
            found = engine.value_and_grads(z)
            wanted.loss[hard], wanted.gradient[rows], wanted.by_point[rows], wanted.by_bandwidth[hard] = found


@compiled
def evaluate(
    first: int, stop: int, kernel: Compiled, batch: Batch, prepared: Prepared, kinks: Indices | None, logits: Floats,
    hard: Flags, loss: Floats, gradient: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and which of them are too hard.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    ends, lower, upper = batch.offsets, batch.lower, batch.upper
    widest = 32
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    work, rows = np.empty((22, 3 * widest + 2)), np.empty(ROOM)
    p, by_p, covered, w, v, r = work[0], work[1], work[2], work[3], work[4], work[5]
    of = Moments(work[6], work[7], work[8], work[9], work[10], work[11], work[12], work[13])
    by = Moments(work[14], work[15], work[16], work[17], work[18], work[19], work[20], work[21])
    for i in range(first, stop):
        hard[i] = prepared.hard[i]
        if hard[i]:
            continue
        z, k = logits[ends[i] : ends[i + 1]], ends[i + 1] - ends[i]
        m, at, n, begin = prepared.counts[i], prepared.starts[i], prepared.edge_counts[i], prepared.edge_starts[i]
        names, places = prepared.names[at : at + m], prepared.places[at : at + m + 1]
        edges, around = prepared.edges[begin : begin + n], prepared.around[:, begin : begin + n]
        top = highest(z)
        for j in range(k):
            w[j] = exp(z[j] - top)
        w_total = total(w[:k])
        for t in range(m):
            v[t] = w[names[t]]
        log_scale = kernel.log_constant - math.log(w_total) + math.log1p(-kernel.background)
        lit = kernel.background > 0.0 and lower[i] >= -1.0 and upper[i] <= 1.0
        floor = 0.5 * kernel.background * math.exp(-log_scale) if lit else 0.0
        for e in range(n):
            p[e] = floor
        if kinks is None:
            moments(2.0, places, v[:m], of)
            parabolas(edges, around, places, of, p, covered)
        else:
            moments(1.0, places, v[:m], of)
            hats(edges, around, kinks[:, begin : begin + n], places, of, p)
        hard[i] = not lowest(p[:n]) >= LEAST
        if hard[i]:
            continue
        loss[i] = -(log_scale + integrate(edges, p, None if kinks is not None else covered, rows, by_p))
        if gradient is not None:
            for t in range(m + 1):
                work[14, t] = work[15, t] = work[16, t] = work[17, t] = 0.0
                work[18, t] = work[19, t] = work[20, t] = work[21, t] = 0.0
            if kinks is None:
                parabolas_back(edges, around, places, by_p, covered, by)
                by_weights(2.0, places, by, r[:m])
            else:
                hats_back(edges, around, kinks[:, begin : begin + n], places, by_p, by)
                by_weights(1.0, places, by, r[:m])
            for t in range(m):
                r[t] *= v[t]
            g, per_weight = gradient[ends[i] : ends[i + 1]], total(r[:m]) / w_total
            for j in range(k):
                g[j] = w[j] * per_weight
            for t in range(m):
                g[names[t]] -= r[t]


@scalar
def lowest(values: Floats) -> float:
    """Return the least of finite values."""
    least = HUGE
    for e in range(values.size):
        least = min(least, values[e])
    return least
