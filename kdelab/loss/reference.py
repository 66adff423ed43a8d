"""The oracle: the thread's two formulas for one cluster, slow and obvious.

Everything fast in kdelab is tested against these two functions, and they against mpmath. Nothing here is clever: log p
is a log-sum-exp, and SciPy's quad integrates it piece by piece between the kinks. On targets of many bandwidths it may
miss the last digits, where one point hands over to another within a thousandth of a piece.
"""

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import IntegrationWarning, quad, quad_vec
from scipy.special import log_softmax

from kdelab.loss.kernels.base import Kernel
from kdelab.loss.validate import Floats, fraction, scalar, vector

# Where to cut a target, in bandwidths from each point: at the peaks, and on their way down to everything else.
_FLANKS = (-64.0, -16.0, -4.0, -1.0, 0.0, 1.0, 4.0, 16.0, 64.0)


def loss(
    points: ArrayLike, logits: ArrayLike, lower: float, upper: float, kernel: Kernel, background: float = 0.0
) -> float:
    """Return L = -(1/(b-a)) integral_a^b log p(x) dx, with p(x) = sum_j S_j K_h(x - x_j) and S = softmax(z).

    Parameters
    ----------
    points, logits : array_like, (k,)
        The points x_j of one cluster and their logits z_j.
    lower, upper : float
        The target [a, b]; where a == b the loss is -log p(a).
    kernel : Kernel
    background : float
        The weight of a uniform density on [-1, 1] mixed into p.

    Returns
    -------
    float
        In nats; ``inf`` where p is 0 on part of the target.
    """
    x, z, beta = _checked(points, logits, lower, upper, background)
    log_p = _log_density(x, z, kernel, beta)
    return -float(_mean(log_p, _integral, x, lower, upper, kernel, beta))


def gradient(
    points: ArrayLike, logits: ArrayLike, lower: float, upper: float, kernel: Kernel, background: float = 0.0
) -> Floats:
    """Return dL/dz_j = S_j mean(R) - mean(r_j), the means over the target, r_j(x) = S_j K_h(x - x_j) / p(x).

    R = sum_j r_j is 1, so that this is the thread's S_j - mean(r_j), unless there is a background; where a compact
    kernel leaves part of the target uncovered, r_j counts as 0 there, the limit of a vanishing background.

    Parameters and errors as in `loss`; the result has shape (k,) and sums to 0.
    """
    x, z, beta = _checked(points, logits, lower, upper, background)
    log_p = _log_density(x, z, kernel, beta)
    log_weight = log_softmax(z) + np.log1p(-beta)

    def responsibilities(t: float) -> Floats:
        density = log_p(t)
        if density == -np.inf:
            return np.zeros_like(x)
        return np.exp(log_weight + kernel.log(t - x) - density)

    mean = _mean(responsibilities, _integrals, x, lower, upper, kernel, beta)
    return np.exp(log_softmax(z)) * mean.sum() - mean


def _checked(
    points: ArrayLike, logits: ArrayLike, lower: float, upper: float, background: float
) -> tuple[Floats, Floats, float]:
    x = vector("points", points)
    if scalar("lower", lower) > scalar("upper", upper):
        raise ValueError(f"lower must not exceed upper, but lower is {lower}, upper is {upper}")
    return x, vector("logits", logits, len(x), "one a point"), fraction("background", background)


def _log_density(x: Floats, z: Floats, kernel: Kernel, background: float) -> Callable[[float], float]:
    log_weight = log_softmax(z) + np.log1p(-background)

    def log_p(t: float) -> float:
        terms = log_weight + kernel.log(t - x)
        if background > 0 and -1 <= t <= 1:
            terms = np.append(terms, np.log(background / 2))
        top = terms.max()  # by hand: SciPy's logsumexp takes half a millisecond to look at its argument
        return float(top + np.log(np.exp(terms - top).sum())) if top > -np.inf else -np.inf

    return log_p


def _integral(f: Callable[[float], float], a: float, b: float) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrationWarning)  # "roundoff error is detected": as good as it gets
        return float(quad(f, a, b, epsabs=1e-13 * (b - a), epsrel=1e-13, limit=400)[0])


def _integrals(f: Callable[[float], Floats], a: float, b: float) -> Floats:
    return np.asarray(quad_vec(f, a, b, epsabs=1e-13 * (b - a), epsrel=1e-13, limit=400)[0])


def _mean(
    f: Callable[[float], Any],
    integrate: Callable[..., Any],
    x: Floats,
    lower: float,
    upper: float,
    kernel: Kernel,
    background: float,
) -> Any:
    """Return the mean of f over [lower, upper], integrated from kink to kink, and from peak to flank."""
    if lower == upper:
        return f(lower)
    h = kernel.bandwidth
    cuts = np.concatenate([x + h * u for u in {*_FLANKS, *kernel.kinks}] + [[-1.0, 1.0]] * (background > 0))
    edges = np.unique([lower, *cuts[(cuts > lower) & (cuts < upper)], upper])
    # Kinks that differ by rounding alone are one kink: between them lies nothing that could be uncovered. And where a
    # compact kernel ends, log p is singular and must not be asked for closer than that.
    rounding = 4 * np.spacing(max(np.abs(x).max() + h, abs(lower), abs(upper)))
    edges = edges[np.append(True, np.diff(edges) > rounding)]
    edges[-1] = upper
    margin = rounding / 2 if np.isfinite(kernel.support) else 0.0
    total, width = 0.0, 0.0
    for left, right in pairwise(edges):
        middle = f((left + right) / 2)
        if np.isinf(middle).any():
            return middle
        a, b = left + margin, right - margin
        if a < b:
            total = total + integrate(f, a, b)
            width += b - a
    return total / width if width > 0 else f((lower + upper) / 2)
