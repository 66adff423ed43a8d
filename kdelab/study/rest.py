"""Where training comes to rest: one EM step, how far a run still is from the best, and when one point should take all.

For one cluster with free logits the loss is L(S) = -mean log sum_j S_j K_h(x - x_j), convex in the weights S. With
q_i = mean r_i / S_i = 1 - g_i / S_i, its derivative by S_i is -q_i, and sum_i S_i q_i = 1.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, minimize

from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats
from kdelab.study.bins import Objective, Ragged


def em_step(clusters: Clusters, logits: ArrayLike, gradient: Floats) -> Floats:
    """Return z_i + log(1 - g_i / S_i): the weights become the mean responsibilities, one step of EM.

    Parameters
    ----------
    clusters : Clusters
    logits : array_like, (total,)
    gradient : (total,)
        Of the cross-entropy at these logits.

    Returns
    -------
    logits : (total,)
        The loss there is never higher. A point that explains nothing loses all but 1e-300 of its weight.
    """
    ragged = Ragged(clusters)
    z = ragged.checked(logits)
    return z + np.log(np.maximum(_explained(ragged, z, gradient), 1e-300))


def certificate(clusters: Clusters, logits: ArrayLike, gradient: Floats) -> Floats:
    """Return log(1 + max_i(-g_i / S_i)), (n,): no weights have a loss lower than the present one by more than that.

    By Jensen, L(S) - L(S*) = mean log(p* / p) <= log mean(p* / p) = log sum_i S*_i q_i <= log max_i q_i, the best S*
    being unknown throughout. 0 at the optimum, and only there.

    Parameters
    ----------
    clusters, logits, gradient
        As in `em_step`.
    """
    ragged = Ragged(clusters)
    return np.log(ragged.max(_explained(ragged, ragged.checked(logits), gradient)))


def _explained(ragged: Ragged, logits: Floats, gradient: Floats) -> Floats:
    """Return q_i = 1 - g_i / S_i, and 1 where the weight is too small for a quotient."""
    weight = np.exp(ragged.log_softmax(logits))
    alive = weight > 1e-290
    return np.where(alive, 1 - gradient / np.where(alive, weight, 1.0), 1.0)


def expectation_maximisation(loss: Objective, clusters: Clusters, logits: ArrayLike, steps: int) -> Floats:
    """Return the logits after some EM steps on the cross-entropy, kept at a largest logit of 0 a cluster."""
    ragged = Ragged(clusters)
    z = ragged.checked(logits)
    for _ in range(steps):
        z = em_step(clusters, z, loss.value_and_grad(z)[1])
        z = np.maximum(z - ragged.spread(ragged.max(z)), -600.0)
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
    start = Ragged(clusters).checked(logits)

    def of(z: Floats) -> tuple[float, Floats]:
        value, gradient = objective.value_and_grad(z)
        return float(value.sum()), gradient

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
        Bins on the target and places of the rival tried, each.

    Raises
    ------
    ValueError
        If the kernel is compact: K(t) would be 0 somewhere.
    """
    if np.isfinite(kernel.support):
        raise ValueError(f"kernel must have tails, not {kernel!r}")

    def best_rival(width: float) -> float:
        t = ((np.arange(nodes) + 0.5) / nodes - 0.5) * width
        x = np.arange(1, nodes // 4 + 1) / (nodes // 4) * width / 2
        return float(np.exp(kernel.log_unit(abs(t - x[:, None])) - kernel.log_unit(abs(t))).mean(axis=1).max()) - 1

    return float(brentq(best_rival, 1e-2, 20.0, xtol=1e-6))
