"""Both passes over the parts of a batch that lie in one process: what users call."""

from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.frozen import Frozen
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.kernels.laplace import Laplace
from kdelab.loss.parts import Part, known
from kdelab.loss.rules import Exact, GaussLegendre, Midpoint, Panels, accepted
from kdelab.loss.scattered.laplace import ScatteredLaplace
from kdelab.loss.scattered.quadrature import ScatteredQuadrature, outline
from kdelab.loss.validate import Floats, fraction, instance, vector


class TwoPass(Frozen):
    """The cross-entropy of a batch that is cut into parts: the same numbers as from the whole.

    Parameters
    ----------
    parts : sequence of Part
        From ``clusters.scatter(rng, parts)`` or ``clusters.cut(assignment, parts)``, in any order.
    kernel : Kernel
    quadrature : "auto", Exact, Panels, GaussLegendre or Midpoint
        "auto" is `Exact` for the Laplace kernel without a background, else `Panels`.
    background : float
        The weight, in [0, 1), of a uniform density on [-1, 1] mixed into p.

    Attributes
    ----------
    scheme : ScatteredQuadrature or ScatteredLaplace
        The passes one by one (``sums``, ``whole``, ``gradient``), for parts that lie in different processes. Like its
        sums it can be pickled.

    Raises
    ------
    ValueError
        If the parts are of different batches, one is missing or there twice, or no scheme fits.

    Examples
    --------
    >>> import numpy as np, kdelab
    >>> clusters = kdelab.Clusters.from_lists([[-0.1, 0.0, 0.2]], [-0.1], [0.1])
    >>> parts = clusters.scatter(np.random.default_rng(1), 2)
    >>> values, gradient = kdelab.TwoPass(parts, kdelab.Laplace(0.1)).value_and_grad([0.0, 0.0, 0.0])
    """

    def __init__(
        self,
        parts: Sequence[Part],
        kernel: Kernel,
        quadrature: Exact | Panels | GaussLegendre | Midpoint | Literal["auto"] = "auto",
        background: float = 0.0,
    ) -> None:
        self.parts, background = known(parts), fraction("background", background)
        self.scheme: Any
        instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")
        accepted(quadrature, Exact, Panels, GaussLegendre, Midpoint, auto=True)
        if type(kernel) is Laplace and background == 0 and (quadrature == "auto" or isinstance(quadrature, Exact)):
            self.scheme = ScatteredLaplace(self.parts, kernel)
        elif isinstance(quadrature, Exact):
            raise ValueError("quadrature Exact() needs a Laplace kernel and no background to be put together from "
                             f"parts, not {kernel!r} and background={background}")  # fmt: skip
        else:
            rule = Panels() if quadrature == "auto" else quadrature
            self.scheme = ScatteredQuadrature([outline(part, kernel) for part in self.parts], kernel, rule, background)
        self._total = sum(map(len, self.parts))

    def value_and_grad(self, logits: ArrayLike) -> tuple[Floats, Floats]:
        """Return the losses, (n,), and the gradient of their sum, (total,), for logits in the order of the whole."""
        z = vector("logits", logits, self._total, "one a point")
        whole = self._whole(z)
        gradient = np.empty(self._total)
        for part in self.parts:
            gradient[part.rows] = self.scheme.gradient(part, z[part.rows], whole)
        return whole.values, gradient

    def value(self, logits: ArrayLike) -> Floats:
        """Return the losses alone, (n,)."""
        return self._whole(vector("logits", logits, self._total, "one a point")).values

    def _whole(self, z: Floats) -> Any:
        merged = reduce(lambda a, b: a.merge(b), (self.scheme.sums(part, z[part.rows]) for part in self.parts))
        return self.scheme.whole(merged)
