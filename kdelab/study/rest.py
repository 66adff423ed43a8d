"""Where training comes to rest: one EM step, how far a run still is from the best, and when one point should take all.

For one cluster with free logits the loss is L(S) = -mean log sum_j S_j K_h(x - x_j), convex in the weights S. With
q_i = mean K_h(x - x_i) / p(x), what point i explains per unit of weight, the gradient is g_i = S_i (1 - q_i), the
derivative by S_i is -q_i, and sum_i S_i q_i = 1. max_i q_i as a measure of the distance: Lindsay 1983, the geometry of
mixture likelihoods. `Rates.best` finds the lowest loss itself, by Newton's method on the weights: Wang 2007, on fast
computation of the nonparametric maximum likelihood estimate of a mixing distribution.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize, nnls

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.ragged import Ragged, finite, ranges
from kdelab.loss.rules import GaussLegendre, Midpoint, Panels
from kdelab.loss.scattered.quadrature import ScatteredQuadrature
from kdelab.loss.validate import Floats, count, instance, positive
from kdelab.study.bins import Objective

_STARVED = np.log(1e-300)  # a point that explains nothing keeps so much of its weight, so that its logit stays finite
_SUM_TO_1 = (
    1e3  # how much the weights' sum counts beside the model in a Newton step: enough to need hardly a correction
)


class Rates(Frozen):
    """What each point explains per unit of weight, and what follows from it; prepared for a loss.

    Everything stays a logarithm, so that a point whose weight is far below the smallest float64, and whose gradient is
    0, still counts. Nodes are the loss's own where it has such (Midpoint, GaussLegendre), else those of `Panels`; each
    pair of a point and a node of its cluster takes 32 bytes.

    Parameters
    ----------
    loss : CrossEntropy

    Raises
    ------
    ValueError
        If ``loss`` is something else.
    """

    def __init__(self, loss: CrossEntropy) -> None:
        clusters = instance("loss", loss, CrossEntropy, "CrossEntropy(clusters, kernel)").clusters
        rule = loss.quadrature if isinstance(loss.quadrature, (GaussLegendre, Midpoint)) else Panels()
        nodes = ScatteredQuadrature(
            clusters.cut(np.zeros(len(clusters.points), np.int64), 1), loss.kernel, rule, loss.background
        )
        self.clusters, self._nodes = clusters, Ragged.of(np.diff(nodes.offsets))
        self._of_point = Ragged.of(clusters.spread(self._nodes.sizes))  # the nodes that each point has
        self._of_node = Ragged.of(self._nodes.spread(clusters.sizes))  # the points that each node has
        self._node = ranges(clusters.spread(nodes.offsets[:-1]), self._of_point.sizes)
        self._point = self._of_point.owners
        self._by_node = np.argsort(self._node, kind="stable")
        self._log_share = np.log(nodes.share)
        self._log_kernel = loss.kernel.log(nodes.x[self._node] - clusters.points[self._point])
        with np.errstate(divide="ignore"):
            self._log_background = np.where(np.abs(nodes.x) <= 1, np.log(loss.background / 2), -np.inf)
        self._log_rest = np.log1p(-loss.background)

    def em_step(self, logits: ArrayLike) -> Floats:
        """Return z_i + log q_i, one step of EM: the weights become the mean responsibilities. q_i = 1 - g_i / S_i.

        Parameters
        ----------
        logits : array_like, (total,)

        Returns
        -------
        logits : (total,)
            The loss there is never higher. A point that explains nothing loses all but 1e-300 of its weight.
        """
        z = self.clusters.checked(logits)
        return z + np.maximum(self._log_rates(z)[0], _STARVED)

    def certificate(self, logits: ArrayLike) -> Floats:
        """Return log max_i q_i = log(1 + max_i(-g_i / S_i)), (n,): no weights have a loss lower by more than that.

        By Jensen, L(S) - L(S*) = mean log(p* / p) <= log mean(p* / p) = log sum_i S*_i q_i <= log max_i q_i, the best
        S* being unknown throughout. 0 at the optimum, and only there; ``inf`` where the loss is. A background's own
        part of mean(p* / p), the mean of its share of p, joins the greatest q_i.

        Parameters
        ----------
        logits : array_like, (total,)
        """
        log_rates, log_density = self._log_rates(self.clusters.checked(logits))
        greatest = self.clusters.max(log_rates)
        unmixed = self._nodes.log_sum(self._log_share + self._log_background - finite(log_density))
        infinite = self._nodes.min(log_density) == -np.inf
        return np.where(infinite, np.inf, np.logaddexp(greatest, unmixed))

    def best(self, tolerance: float = 1e-9, steps: int = 100) -> Floats:
        """Return logits of the lowest loss that there is, cluster by cluster; the certificate says how near they came.

        Newton's method on the weights: to second order the loss at other weights S' is the mean of (p'/p - 2)^2 / 2, a
        problem of nonnegative least squares, and then a step that is halved until the loss falls.

        Parameters
        ----------
        tolerance : float
            A cluster is done where its certificate, in nats, is smaller.
        steps : int
            The most steps a cluster.

        Returns
        -------
        logits : (total,)
            Largest 0 in each cluster. At the best most points often have no weight; those get 1e-300 of it.

        Raises
        ------
        ValueError
            If no weights give a cluster a finite loss.
        """
        tolerance, steps = positive("tolerance", tolerance), count("steps", steps)
        first, found = 0, []
        for one, (points, nodes) in enumerate(zip(self.clusters.sizes, self._nodes.sizes, strict=True)):
            at = self._nodes.offsets[one] + np.arange(nodes)
            log_kernel = self._log_kernel[first : first + points * nodes].reshape(points, nodes).T + self._log_rest
            first += points * nodes
            highest = np.maximum(log_kernel.max(axis=1), self._log_background[at])
            if not np.isfinite(highest).all():
                raise ValueError(
                    f"loss must be finite for some weights, but no point of cluster {one} reaches all of it"
                )
            kernel = np.exp(log_kernel - highest[:, None])
            rest = np.exp(self._log_background[at] - highest)
            found.append(_best(kernel, rest, np.exp(self._log_share[at]), tolerance, steps))
        weight = np.concatenate(found)
        with np.errstate(divide="ignore"):
            z = np.log(weight / self.clusters.spread(self.clusters.max(weight)))
        return np.maximum(z, _STARVED)

    def _log_rates(self, z: Floats) -> tuple[Floats, Floats]:
        """Return log q_i, (total,), and log p at every node."""
        terms = (z[self._point] + self._log_kernel)[self._by_node]
        log_weight = self.clusters.log_sum(z)
        log_density = np.logaddexp(
            self._of_node.log_sum(terms) - self._nodes.spread(log_weight) + self._log_rest, self._log_background
        )
        per_weight = self._log_share - finite(log_density) + self._log_rest
        return self._of_point.log_sum(self._log_kernel + per_weight[self._node]), log_density


def _best(kernel: Floats, rest: Floats, share: Floats, tolerance: float, steps: int) -> Floats:
    """Return the weights at which sum share log(kernel S + rest) is largest; kernel (nodes, points)."""
    points, root = kernel.shape[1], np.sqrt(share)
    weight = np.full(points, 1 / points)
    for _ in range(steps):
        density = kernel @ weight + rest
        explained, unmixed = kernel / density[:, None], rest / density
        if np.log((explained.T @ share).max() + share @ unmixed) < tolerance:
            break
        rows = np.vstack([root[:, None] * explained, np.full(points, _SUM_TO_1)])
        target = nnls(rows, np.append(root * (2 - unmixed), _SUM_TO_1))[0]
        toward, stride, before = target / target.sum() - weight, 1.0, share @ np.log(density)
        while (
            stride > 1e-12 and share @ np.log(np.maximum(kernel @ (weight + stride * toward) + rest, 1e-300)) < before
        ):
            stride /= 2
        weight = weight + stride * toward
    return weight


def expectation_maximisation(loss: CrossEntropy, logits: ArrayLike, steps: int) -> Floats:
    """Return the logits after some EM steps on the cross-entropy, with a largest logit of 0 a cluster."""
    rates, clusters = Rates(loss), loss.clusters
    z = clusters.checked(logits)
    for _ in range(count("steps", steps, 0)):
        z = rates.em_step(z)
        z = z - clusters.spread(clusters.max(z))
    return z


def settle(
    objective: Objective, clusters: Clusters, logits: ArrayLike, widest: float = 30.0, steps: int = 500
) -> Floats:
    """Return the logits at which an objective with a value of its own comes to rest, by L-BFGS from the given ones.

    Parameters
    ----------
    objective : Objective
        Its gradient must be the slope of its value.
    clusters : Clusters
    logits : array_like, (total,)
    widest : float
        Bound on abs(z): where all weight goes to one point the logits would never stop.
    steps : int
        The most iterations.
    """
    start, widest = clusters.checked(logits), positive("widest", widest)

    def of(z: Floats) -> tuple[float, Floats]:
        value, gradient = objective.value_and_grad(z)
        return float(value.sum()), gradient

    steps = count("steps", steps)
    options: Any = {"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 20}
    return minimize(of, start, jac=True, method="L-BFGS-B", bounds=[(-widest, widest)] * len(start), options=options).x


def one_point_limit(kernel: Kernel, nodes: int = 2000) -> float:
    """Return the widest target, in bandwidths, on whose centre one point should take all the weight.

    That is optimal as long as no other point explains the target better: mean over t of K(t - x) / K(t) <= 1 for every
    x, t over the target around 0. The limit is 2 for Laplace, sqrt(12) for the Gaussian.

    Parameters
    ----------
    kernel : Kernel
        One with tails; its bandwidth plays no part.
    nodes : int
        Bins on the target; a quarter as many places of the rival are tried.

    Raises
    ------
    ValueError
        If the kernel is compact: K(t) would be 0 somewhere.
    """
    if not isinstance(kernel, Kernel) or np.isfinite(kernel.support):
        raise ValueError(f"kernel must have tails, not {kernel!r}")
    nodes = count("nodes", nodes, 4)

    def best_rival(width: float) -> float:
        t = ((np.arange(nodes) + 0.5) / nodes - 0.5) * width
        x = np.arange(1, nodes // 4 + 1) / (nodes // 4) * width / 2
        return float(np.exp(kernel.log_unit(abs(t - x[:, None])) - kernel.log_unit(abs(t))).mean(axis=1).max()) - 1

    return float(brentq(best_rival, 1e-2, 20.0, xtol=1e-6))
