"""The loss: what users call. It checks what it is given and hands it to the engine that suits kernel and quadrature."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.ends import by_ends
from kdelab.loss.engines.density import Places, log_density
from kdelab.loss.engines.table import engine_for, resolved
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel, refuse_beyond_reach
from kdelab.loss.rules import Rule
from kdelab.loss.runtime import at_most
from kdelab.loss.validate import Floats, count, fraction, instance, names, places, vector

WRT = ("logits", "points", "log_bandwidth", "lower", "upper")
"""What there are gradients by."""


class CrossEntropy(Frozen):
    """The cross-entropy between the uniform target [a, b] and the kernel density with softmax weights.

    L = -(1/(b-a)) integral_a^b log p(x) dx, p(x) = sum_j S_j K_h(x - x_j), S = softmax(z), one loss a prediction.
    Whatever doesn't depend on the logits is prepared once, here, so that training evaluates it at little cost. What it
    was prepared for stays as it is: its attributes can't be set, and `Clusters` keeps copies of its own.

    Parameters
    ----------
    clusters : Clusters
        Points and targets, in guess factors.
    kernel : Kernel
    quadrature : "auto", Exact, Adaptive, Midpoint or GaussLegendre
        "auto" is exact where a closed form exists (Laplace without a background, Box, Triangular, Epanechnikov), else
        adaptive to 1e-12.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into p.
    threads : int, optional
        How many threads may work at most; as many as NUMBA_NUM_THREADS says if it isn't given. No digit depends on it.

    Notes
    -----
    Everything is computed in float64. Where the logits are an array of float32, losses and gradients come back in
    float32, rounded once (beyond its range: infinite, with NumPy's warning); whatever else they are, in float64.

    Raises
    ------
    ValueError
        If an argument isn't what it must be, or places lie further apart than ``kernel.reach`` bandwidths; the message
        names it.

    Examples
    --------
    >>> clusters = kdelab.Clusters.from_lists([[-0.3, 0.1, 0.2], [0.4, 0.6]], lower=[0.0, 0.1], upper=[0.2, 0.3])
    >>> loss = kdelab.CrossEntropy(clusters, kdelab.Laplace(bandwidth=0.1))
    >>> values, gradient = loss.value_and_grad([0.0, 0.0, 0.0, 0.0, 0.0])
    >>> values.round(3), gradient.round(3)
    (array([-0.56 ,  0.957]), array([ 0.309, -0.265, -0.044, -0.381,  0.381]))
    """

    def __init__(
        self,
        clusters: Clusters,
        kernel: Kernel,
        quadrature: Rule | Literal["auto"] = "auto",
        background: float = 0.0,
        threads: int | None = None,
    ) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        self.background = fraction("background", background)
        self.quadrature = resolved(quadrature, kernel, self.background)
        self.threads = threads if threads is None else count("threads", threads)
        refuse_beyond_reach("points", kernel, clusters.points, clusters.lower, clusters.upper)
        with at_most(self.threads):
            self._engine = engine_for(clusters, kernel, self.quadrature, self.background)

    def value_and_grad(self, logits: ArrayLike, weights: ArrayLike | None = None) -> tuple[Floats, Floats]:
        """Return the losses and the gradient of their sum.

        Parameters
        ----------
        logits : array_like, (total,)
            z_j of every point, in the order of ``clusters.points``.
        weights : array_like, (n,), optional
            The gradient is that of sum_n weights_n L_n: what the losses count upstream. The losses aren't weighted.

        Returns
        -------
        values : (n,)
            In nats; ``inf`` where p is 0 on part of a target.
        gradient : (total,)
            dL/dz_j = S_j mean(R) - mean(r_j), means over the target; r_j = S_j K_h(x - x_j) / p(x) and R = sum_j r_j
            (1, but for a background). Where p is 0, r_j counts as 0. It sums to 0 over each cluster.
        """
        values, gradients = self.value_and_grads(logits, ("logits",), weights)
        return values, gradients["logits"]

    def value(self, logits: ArrayLike) -> Floats:
        """Return the losses alone, (n,)."""
        with at_most(self.threads):
            return _as_given(logits, self._engine.value(self._checked(logits)))

    def value_and_grads(
        self,
        logits: ArrayLike,
        wrt: Sequence[str] = ("logits", "points", "log_bandwidth"),
        weights: ArrayLike | None = None,
    ) -> tuple[Floats, dict[str, Floats]]:
        """Return the losses and their gradients with respect to whatever a trainer may want to learn.

        Parameters
        ----------
        logits : array_like, (total,)
        wrt : sequence of "logits", "points", "log_bandwidth", "lower" and "upper"
            Only what is asked for is computed.
        weights : array_like, (n,), optional
            As in `value_and_grad`, for every gradient.

        Returns
        -------
        values : (n,)
        gradients : dict
            "logits": (total,), as in `value_and_grad`. "points": (total,), dL/dx_j = mean(r_j s_j)/h with s_j = (log
            K)'(u_j) sign(x - x_j), for Laplace the mean of r_j while the point lies right of x less that while it lies
            left, over h. "log_bandwidth": (n,), h dL/dh of each prediction. For the box kernel also what its ends gain
            and lose. "lower", "upper": (n,), dL/da = (L + log p(a))/(b - a) and dL/db = -(L + log p(b))/(b - a), free
            of their cancellation where targets are narrow; where a == b each is minus half the slope of log p. At a
            kink of the loss (one bin right on a Laplace point, two boxes that end at one place) it is the mean of both
            sides; where the loss is infinite, 0, and by an end where p is 0 as well.

        Raises
        ------
        ValueError
            If wrt names something else.
        """
        wanted = names("wrt", wrt, WRT)
        checked = self._checked(logits)
        each = None if weights is None else vector("weights", weights, len(self.clusters), "one a prediction")
        with at_most(self.threads):
            values, found = self._found(checked, wanted)
        if each is not None:
            for gradient in found.values():
                gradient *= each if len(gradient) == len(each) else self.clusters.spread(each)
        return _as_given(logits, values), {name: _as_given(logits, found[name]) for name in wanted}

    def _found(self, logits: Floats, wanted: Sequence[str]) -> tuple[Floats, dict[str, Floats]]:
        """Return the losses, and the gradients that are wanted, by name."""
        found: dict[str, Floats] = {}
        if set(wanted) & {"points", "log_bandwidth"}:
            values, *gradients = self._engine.value_and_grads(logits)
            found.update(zip(WRT, gradients, strict=False))
        elif "logits" in wanted:
            values, found["logits"] = self._engine.value_and_grad(logits)
        else:
            values = self._engine.value(logits)
        if set(wanted) & {"lower", "upper"}:
            ends = by_ends(self.clusters, self.kernel, self.quadrature, self.background, logits, values)
            found["lower"], found["upper"] = ends
        return values, {name: found[name] for name in wanted}

    def density(self, logits: ArrayLike, x: ArrayLike) -> Floats:
        """Return p at the places x.

        Parameters
        ----------
        logits : array_like, (total,)
        x : array_like, (m,) or (n, m)
            The same places for all predictions, or places for each.

        Returns
        -------
        density : (n, m)
            Per guess factor.
        """
        return np.exp(self.log_density(logits, x))

    def log_density(self, logits: ArrayLike, x: ArrayLike) -> Floats:
        """Return log p at the places x, to the last digits where p itself underflows; -inf where p is 0.

        Parameters
        ----------
        logits : array_like, (total,)
        x : array_like, (m,) or (n, m)
            As in `density`.

        Returns
        -------
        log_density : (n, m)
            In nats, of the density per guess factor.
        """
        checked = self._checked(logits)
        at = places(x, len(self.clusters))
        refuse_beyond_reach("x", self.kernel, at, self.clusters.points)
        each = Places.of(np.arange(len(self.clusters)), at)
        with at_most(self.threads):
            return log_density(self.clusters, self.kernel, self.background, checked, each)

    def __repr__(self) -> str:
        return f"CrossEntropy({self.clusters!r}, {self.kernel!r}, {self.quadrature!r}, background={self.background})"

    def _checked(self, logits: ArrayLike) -> Floats:
        return self.clusters.checked(logits)


def _as_given(logits: ArrayLike, result: Floats) -> Floats:
    """Return the result, in float32 if that is what the logits are an array of."""
    single = getattr(logits, "dtype", None) == np.float32
    return result.astype(np.float32) if single else result
