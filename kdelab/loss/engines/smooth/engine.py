"""The engine of smooth kernels: all kernel values of a panel at once, and a test of whether its nodes were enough.

r_j = w_j K_h(x - x_j) / p(x) at the nodes of a panel takes the kernel's values twice, for p and for the gradient. They
are filled row by row, a row a node, which for these kernels costs one or two exponentials a point and panel, or none.
What few predictions need, when values underflow, the background covers a part of the target, or the panels aren't
enough, goes through the adaptive engine, and is compiled when the first one comes.
"""

import math

import numpy as np

from kdelab.loss.arithmetic import exp, log, plus
from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.base import Batch, Engine
from kdelab.loss.engines.for_most import ForMost
from kdelab.loss.engines.quadrature.engine import ByQuadrature
from kdelab.loss.engines.smooth.nodes import MOST, Nodes, nodes_for
from kdelab.loss.engines.smooth.rows import fill_rows
from kdelab.loss.kernels.base import Compiled, Kernel
from kdelab.loss.rules import Adaptive
from kdelab.loss.runtime import compiled, in_parallel, inlined, scalar
from kdelab.loss.validate import Flags, Floats

# The sum of a node's values, of which the largest is about 1: below, exponents are so large that their rounding shows.
_NEGLIGIBLE = 1e-60
# Rows of work lie at least so many numbers apart: closer ones aren't worked on four numbers at a time, and the sums of
# small clusters would depend on what else is in the batch.
_FAR_APART = 64
# So many times a target's panels are tried, all of them halved in between.
_PATIENCE = 3


class Smooth(ForMost):
    """The nodes of a batch."""

    def __init__(self, clusters: Clusters, kernel: Kernel, rule: Adaptive, background: float) -> None:
        self.clusters, self.kernel, self.rule, self.background = clusters, kernel, rule, background
        self.numbers, self.nodes = kernel.in_numbers(background), nodes_for(kernel, rule, clusters)

    def _evaluate_most(self, logits: Floats, hard: Flags, loss: Floats, gradient: Floats | None) -> None:
        in_parallel(
            evaluate, self.clusters.offsets, self.numbers, self.nodes, self.rule.tolerance, Batch.of(self.clusters),
            logits, hard, loss, gradient,
        )  # fmt: skip

    def _robust(self, clusters: Clusters) -> Engine:
        return ByQuadrature(clusters, self.kernel, self.rule, self.background)


@compiled
def evaluate(
    first: int, stop: int, kernel: Compiled, nodes: Nodes, tolerance: float, batch: Batch, logits: Floats, hard: Flags,
    loss: Floats, gradient: Floats | None,
) -> None:  # fmt: skip
    """Fill what is asked for of predictions first to stop, and for which of them the nodes aren't enough.

    They are independent and each is summed in a fixed order: the result doesn't depend on the threads.
    """
    x, ends, lower, upper = batch
    widest = _FAR_APART
    for i in range(first, stop):
        widest = max(widest, ends[i + 1] - ends[i])
    rows, work, at_nodes = np.empty((MOST, widest)), np.empty((12, widest)), np.empty((4, MOST))
    for i in range(first, stop):
        hard[i] = nodes.panels[i] == 0
        if hard[i]:
            continue
        j, k = ends[i], ends[i + 1] - ends[i]
        w, d, r, difference = work[0, :k], work[1, :k], work[2, :k], work[3, :k]
        w_total = _weigh(logits[j : j + k], x[j : j + k], lower[i], upper[i], kernel.h, w, d)
        s, t = nodes.starts[nodes.which[i]], nodes.starts[nodes.which[i] + 1]
        places, fine, apart = nodes.places[s:t], nodes.fine[s:t], nodes.difference[s:t]
        n = t - s
        logs, sums, c, e = at_nodes[0, :n], at_nodes[1, :n], at_nodes[2, :n], at_nodes[3, :n]
        log_scale = kernel.log_constant - math.log(w_total) + math.log1p(-kernel.background)
        inside, outside = lower[i] >= -1.0 and upper[i] <= 1.0, lower[i] > 1.0 or upper[i] < -1.0
        floor = 0.5 * kernel.background * math.exp(-log_scale) if inside else 0.0
        panels, mean_log, reached, error = nodes.panels[i], 0.0, 0.0, 0.0
        for _ in range(_PATIENCE):
            mean_log = reached = error = 0.0
            for t in range(k):
                r[t] = 0.0
            half, share = 0.5 * (upper[i] - lower[i]) / kernel.h / panels, 1.0 / panels
            for p in range(panels):
                fill_rows(kernel, places, d, w, (2 * p + 1 - panels) * half, half, p == 0, work[4:], rows, logs, sums)
                log_p, part, log_apart = _mean_log(logs, sums, floor, share, fine, apart, c, e)
                mean_log += log_p
                reached += part
                error += narrowed(abs(log_apart), share)
                if log_apart == np.inf:
                    break
                if gradient is not None:
                    error += narrowed(_add_rows(rows, c, e, r, difference), share)
            if error <= tolerance:
                break
            panels *= 2
        hard[i] = not (error <= tolerance and (inside or outside or kernel.background == 0.0))
        loss[i] = -(log_scale + mean_log)
        if gradient is not None:
            g = gradient[j : j + k]
            for t in range(k):
                g[t] = w[t] * (reached / w_total) - r[t]


@inlined
def _weigh(z: Floats, x: Floats, lower: float, upper: float, h: float, w: Floats, d: Floats) -> float:
    """Fill w_j = exp(z_j - max z) and d_j, how far behind the target's centre a point is; return the sum of w."""
    top = z[0]
    for j in range(z.size):
        top = max(top, z[j])
    total = 0.0
    for j in range(z.size):
        w[j] = exp(z[j] - top)
        total = plus(total, w[j])
    for j in range(z.size):
        d[j] = ((x[j] - lower) - 0.5 * (upper - lower)) / h
    return total


@inlined
def _mean_log(
    logs: Floats, sums: Floats, floor: float, share: float, fine: Floats, apart: Floats, c: Floats, e: Floats
) -> tuple[float, float, float]:
    """Return what a panel adds to the means of log p and of R, and by how much its two rules differ on the former.

    Fill what each row is multiplied by to give r_j: c in the mean, and e in the difference.
    """
    mean_log = reached = log_apart = 0.0
    for q in range(logs.size):
        whole = sums[q] + (floor * math.exp(-logs[q]) if floor > 0.0 else 0.0)
        if whole < _NEGLIGIBLE:
            return 0.0, 0.0, np.inf
        c[q], e[q] = share * fine[q] / whole, whole
        reached += c[q] * sums[q]
    for q in range(logs.size):
        logs[q] += log(e[q])
    for q in range(logs.size):
        mean_log += share * fine[q] * logs[q]
        log_apart += share * apart[q] * logs[q]
        e[q] = share * apart[q] / e[q]
    return mean_log, reached, log_apart


@inlined
def _add_rows(rows: Floats, c: Floats, e: Floats, r: Floats, difference: Floats) -> float:
    """Add what a panel adds to the mean of each r_j; return the most by which its two rules differ on one.

    Three rows at a time: it is stores that take the time.
    """
    for j in range(r.size):
        difference[j] = 0.0
    for q in range(0, c.size, 3):
        row, next_row, third = rows[q, : r.size], rows[q + 1, : r.size], rows[q + 2, : r.size]
        c0, c1, c2, e0, e1, e2 = c[q], c[q + 1], c[q + 2], e[q], e[q + 1], e[q + 2]
        for j in range(r.size):
            r[j] += c0 * row[j] + c1 * next_row[j] + c2 * third[j]
        for j in range(r.size):
            difference[j] += e0 * row[j] + e1 * next_row[j] + e2 * third[j]
    worst = 0.0
    for j in range(r.size):
        worst = max(worst, abs(difference[j]))
    return worst


@scalar
def narrowed(difference: float, amount: float) -> float:
    """Return by how much the fine rule errs in an ``amount`` in which the coarse rule errs by ``difference``.

    It is exact to degree 15 in place of 11: its error is a power 4/3 of the other's, wherever they see what they
    integrate; a power 5/4 is counted on.
    """
    return difference * min(1.0, 10.0 * math.sqrt(math.sqrt(difference / amount)))
