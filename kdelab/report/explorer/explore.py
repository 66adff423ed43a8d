"""The explorer in JupyterLab: one cluster, its target and its kernel, moved by hand, in step with Python."""

from collections.abc import Callable, Sequence
from typing import Any

import anywidget
import numpy as np
import traitlets
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import every
from kdelab.loss.kernels.base import NARROWEST, WIDEST, Kernel
from kdelab.loss.kernels.generalized_normal import GeneralizedNormal
from kdelab.loss.validate import Floats, vector
from kdelab.report.explorer.module import EXAMPLE, MIME, SCRIPT, STYLE

KERNELS: dict[str, Callable[..., Kernel]] = {kind.__name__: kind for kind in every()}
MOST_POINTS = 20
_FARTHEST = 1e300


class Explorer(anywidget.AnyWidget):
    """One cluster under the hand; what the browser changes is changed here, too, and the other way round.

    Attributes
    ----------
    points, logits : list of float
    target : list of float
        Lower and upper end, in guess factors.
    kernel : str
        The name of its class.
    bandwidth, shape : float
        The shape is that of a generalised normal kernel; the others have none.
    """

    _esm, _css = SCRIPT, STYLE
    points = traitlets.List(traitlets.Float()).tag(sync=True)
    logits = traitlets.List(traitlets.Float()).tag(sync=True)
    target = traitlets.List(traitlets.Float()).tag(sync=True)
    kernel = traitlets.Enum(list(KERNELS)).tag(sync=True)
    bandwidth = traitlets.Float(min=NARROWEST, max=WIDEST).tag(sync=True)
    shape = traitlets.Float(min=1 / 20, max=50.0).tag(sync=True)

    @property
    def state(self) -> dict[str, Any]:
        """What is shown, as JSON has it."""
        return {name: getattr(self, name) for name in EXAMPLE}

    @property
    def value(self) -> float:
        """The loss, in nats, by `kdelab.CrossEntropy`."""
        return self._computed()[0]

    @property
    def gradient(self) -> Floats:
        """The gradient by the logits, (k,)."""
        return self._computed()[1]

    def _computed(self) -> tuple[float, Floats]:
        clusters = Clusters.from_lists([self.points], self.target[:1], self.target[1:])
        kind = KERNELS[self.kernel]
        kernel = kind(self.shape, self.bandwidth) if kind is GeneralizedNormal else kind(self.bandwidth)
        values, gradient = CrossEntropy(clusters, kernel).value_and_grad(np.array(self.logits))
        return float(values[0]), gradient

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Add what a page draws: there is no Python behind it."""
        shown = super()._repr_mimebundle_(**options)
        if shown is None:
            return None
        data, metadata = shown
        return {**data, MIME: self.state}, metadata


def explore(
    points: ArrayLike = EXAMPLE["points"],
    logits: ArrayLike | None = None,
    target: Sequence[float] = EXAMPLE["target"],
    kernel: Kernel | None = None,
) -> Explorer:
    """Return the explorer of one cluster, for the last line of a notebook's cell.

    Parameters
    ----------
    points : array_like, (k,)
        At most twenty, in guess factors.
    logits : array_like, (k,)
        All 0 if they are left out (for the example cluster, its own).
    target : (lower, upper)
        In guess factors; lower == upper is one place.
    kernel : Kernel
        Laplace of bandwidth 0.1 if it is left out. All axes are made wide enough for what is asked for: what is shown
        first is the loss of these very arguments.

    Returns
    -------
    Explorer

    Raises
    ------
    ValueError
        If an argument isn't what it must be; the message names it.
    """
    x = vector("points", points)
    if not 1 <= len(x) <= MOST_POINTS:
        raise ValueError(f"points must be 1 to {MOST_POINTS}, not {len(x)}")
    if logits is None:
        logits = EXAMPLE["logits"] if points is EXAMPLE["points"] else np.zeros(len(x))
    z = vector("logits", logits, len(x), "one a point")
    lower, upper = map(float, vector("target", target, 2, "lower and upper"))
    if max(abs(x).max(), abs(lower), abs(upper)) > _FARTHEST:
        raise ValueError(f"points and target must lie within {_FARTHEST:g} of 0 to be drawn, not {x} and {target!r}")
    if lower > upper:
        raise ValueError(f"target must not have lower > upper, but it is ({lower}, {upper})")
    chosen = KERNELS[EXAMPLE["kernel"]](EXAMPLE["bandwidth"]) if kernel is None else kernel
    if type(chosen) not in KERNELS.values():
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}, not {chosen!r}")
    return Explorer(
        points=x.tolist(), logits=z.tolist(), target=[lower, upper], kernel=type(chosen).__name__,
        bandwidth=chosen.bandwidth, shape=getattr(chosen, "shape", 1.0),
    )  # fmt: skip
