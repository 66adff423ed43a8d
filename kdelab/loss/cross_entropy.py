"""The loss: what users call. It checks what it is given and hands it to the engine that suits kernel and quadrature."""

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.by_arrays import ByArrays
from kdelab.loss.engines.quadrature.engine import densities
from kdelab.loss.engines.table import engine_for, resolved
from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel, refuse_beyond_reach
from kdelab.loss.rules import Rule
from kdelab.loss.validate import Floats, fraction, instance, names, places


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
    ) -> None:
        self.clusters = instance("clusters", clusters, Clusters, "Clusters.from_lists(points, lower, upper)")
        self.kernel = instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        self.background = fraction("background", background)
        self.quadrature = resolved(quadrature, kernel, self.background)
        refuse_beyond_reach("points", kernel, clusters.points, clusters.lower, clusters.upper)
        self._engine = engine_for(clusters, kernel, self.quadrature, self.background)

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return the losses and the gradient of their sum.

        Parameters
        ----------
        logits : array_like, (total,)
            z_j of every point, in the order of ``clusters.points``.

        Returns
        -------
        values : (n,)
            In nats; ``inf`` where p is 0 on part of a target.
        gradient : (total,)
            dL/dz_j = S_j mean(R) - mean(r_j), means over the target; r_j = S_j K_h(x - x_j) / p(x) and R = sum_j r_j
            (1, but for a background). Where p is 0, r_j counts as 0. It sums to 0 over each cluster.
        """
        return self._engine.value_and_grad(self._checked(logits))

    def value(self, logits: ArrayLike) -> Floats:
        """Return the losses alone, (n,)."""
        return self._engine.value(self._checked(logits))

    def value_and_grads(
        self, logits: ArrayLike, wrt: Sequence[str] = ("logits", "points", "log_bandwidth")
    ) -> tuple[Floats, dict[str, Floats]]:
        """Return the losses and their gradients with respect to whatever a trainer may want to learn.

        Parameters
        ----------
        logits : array_like, (total,)
        wrt : sequence of "logits", "points" and "log_bandwidth"

        Returns
        -------
        values : (n,)
        gradients : dict
            "logits": (total,), as in `value_and_grad`. "points": (total,), dL/dx_j = mean(r_j s_j)/h with s_j = (log
            K)'(u_j) sign(x - x_j), for Laplace the mean of r_j while the point lies right of x less that while it lies
            left, over h. "log_bandwidth": (n,), h dL/dh of each prediction. For the box kernel also what its ends gain
            and lose. At a kink of the loss (one bin right on a Laplace point, two boxes that end at one place) it is
            the mean of both sides; where the loss is infinite, 0.

        Raises
        ------
        ValueError
            If wrt names something else.
        """
        known = ("logits", "points", "log_bandwidth")
        wanted = names("wrt", wrt, known)
        checked = self._checked(logits)
        if set(wanted) <= {"logits"}:
            values, gradient = self._engine.value_and_grad(checked)
            return values, {name: gradient for name in wanted}
        values, *gradients = self._engine.value_and_grads(checked)
        by_name = dict(zip(known, gradients, strict=True))
        return values, {name: by_name[name] for name in wanted}

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
        checked = self._checked(logits)
        at = places(x, len(self.clusters))
        refuse_beyond_reach("x", self.kernel, at, self.clusters.points)
        if isinstance(self._engine, ByArrays):
            return self._engine.density(checked, at)
        return densities(self.clusters, self.kernel.in_numbers(self.background), checked, at)

    def __repr__(self) -> str:
        return f"CrossEntropy({self.clusters!r}, {self.kernel!r}, {self.quadrature!r}, background={self.background})"

    def _checked(self, logits: ArrayLike) -> Floats:
        return self.clusters.checked(logits)
