"""The explorer: sliders for one cluster, its target and its kernel, and a picture of what the gradient wants.

A redraw must keep up with a hand on a slider. So the figure is built once and never again: a change moves its artists,
draws them over a stored background, and sends the pixels as a PNG.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import every
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.kernels.generalized_normal import GeneralizedNormal
from kdelab.loss.kernels.laplace import Laplace
from kdelab.loss.validate import Floats, vector
from kdelab.report.explorer.canvas import Canvas, point_colours

KERNELS: dict[str, Callable[[float], Kernel]] = {
    kind.__name__: kind for kind in every() if kind is not GeneralizedNormal
}
TAIL = "exp(-|u|^shape)"
MOST_POINTS = 8
_FARTHEST = 1e300

# What is shown when nothing is asked for: some points near, some far, on both sides of a target.
_POINTS, _LOGITS, _TARGET, _BANDWIDTH = (-0.35, -0.05, 0.1, 0.6), (0.0, 0.3, -0.2, 0.4), (-0.15, 0.15), 0.1


class Explorer:
    """Sliders and picture; `widget` shows them, `value` and `gradient` hold what the picture shows.

    Attributes
    ----------
    widget : ipywidgets.Widget
    points, logits : list of ipywidgets.FloatSlider
    centre, width : ipywidgets.FloatSlider
        The target, in guess factors.
    kernel : ipywidgets.Dropdown
    shape, bandwidth : ipywidgets.FloatLogSlider
        The shape of `TAIL`, and h in guess factors.
    value : float
        The loss, in nats.
    gradient : array, (k,)
    """

    def __init__(self, points: Floats, logits: Floats, target: tuple[float, float], kernel: Kernel) -> None:
        import ipywidgets as widgets

        # Every slider reaches as far as what is asked for: beyond its ends it would show something else.
        reach = max(1.0, float(np.ceil(10 * max(abs(points).max(), abs(target[0]), abs(target[1]))) / 10))
        span = max(8.0, float(np.ceil(abs(logits).max())))
        slim = {"layout": widgets.Layout(width="280px"), "style": {"description_width": "72px"}}
        position = partial(widgets.FloatSlider, min=-reach, max=reach, step=0.005, readout_format=".3f", **slim)
        logit = partial(widgets.FloatSlider, min=-span, max=span, step=0.05, readout_format=".2f", **slim)
        self.points = [position(value=x, description=f"point {j + 1}") for j, x in enumerate(points)]
        self.logits = [logit(value=z, description=f"logit {j + 1}") for j, z in enumerate(logits)]
        for column in (self.points, self.logits):
            for slider, colour in zip(column, point_colours(len(points)), strict=True):
                slider.style.handle_color = colour
        self.centre = position(value=sum(target) / 2, description="target")
        self.width = widgets.FloatSlider(
            value=target[1] - target[0], min=0.0, max=max(2.0, target[1] - target[0]), step=0.005,
            readout_format=".3f", description="its width", **slim,
        )  # fmt: skip
        named = next((name for name, kind in KERNELS.items() if kind is type(kernel)), TAIL)
        self.kernel = widgets.Dropdown(options=[*KERNELS, TAIL], value=named, description="kernel", **slim)
        log = partial(widgets.FloatLogSlider, base=10, step=0.01, readout_format=".3f", **slim)
        shape, h = getattr(kernel, "shape", 1.0), kernel.bandwidth
        self.shape = log(value=shape, **_decades(shape, -0.5, 0.7), description="tail, shape")
        self.bandwidth = log(value=h, **_decades(h, -2.0, 1.0), description="bandwidth")
        self._asked = (self.centre.value, self.width.value), target

        self._picture = widgets.Image(format="png", layout=widgets.Layout(width="820px", max_width="100%"))
        self._picture.add_class("kdelab-picture")
        self._numbers = widgets.HTML()
        self._numbers.add_class("kdelab-numbers")
        self._canvas = Canvas(len(points), reach)
        self.value = np.nan
        self.gradient: Floats = np.zeros(len(points))
        for control in self.controls:
            control.observe(self._on_change, names="value")
        self.redraw()
        columns = [[self.kernel, self.shape, self.bandwidth, self.centre, self.width], self.points, self.logits]
        sliders = widgets.HBox(
            [widgets.VBox(column) for column in columns], layout=widgets.Layout(flex_flow="row wrap")
        )
        self.widget = widgets.VBox([sliders, self._picture, self._numbers])

    @property
    def controls(self) -> list[Any]:
        """All sliders and the choice of the kernel."""
        return [self.kernel, self.shape, self.bandwidth, self.centre, self.width, *self.points, *self.logits]

    def redraw(self) -> None:
        """Compute everything anew and send the picture and the numbers."""
        clusters, logits, kernel = self._state()
        loss = CrossEntropy(clusters, kernel)
        values, self.gradient = loss.value_and_grad(logits)
        self.value = float(values[0])
        self._picture.value = self._canvas.draw(clusters, logits, kernel, loss, self.value, self.gradient)
        self._numbers.value = numbers_html(self.value, self.gradient)
        self.shape.disabled = self.kernel.value != TAIL

    def _state(self) -> tuple[Clusters, Floats, Kernel]:
        shown, (lower, upper) = self._asked
        if shown != (self.centre.value, self.width.value):  # else as asked for, to the last digit
            lower, upper = self.centre.value - self.width.value / 2, self.centre.value + self.width.value / 2
        clusters = Clusters.from_lists([[slider.value for slider in self.points]], [lower], [upper])
        h = self.bandwidth.value
        kernel = GeneralizedNormal(self.shape.value, h) if self.kernel.value == TAIL else KERNELS[self.kernel.value](h)
        return clusters, np.array([slider.value for slider in self.logits]), kernel

    def _on_change(self, change: Any) -> None:
        self.redraw()

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget)


def _decades(value: float, low: float, high: float) -> dict[str, float]:
    """Return the ends of a slider on a logarithmic axis, as exponents of 10, with the value between them."""
    exponent = np.log10(value)
    return {"min": min(low, float(np.floor(exponent))), "max": max(high, float(np.ceil(exponent)))}


def numbers_html(value: float, gradient: Floats) -> str:
    """Return the loss, the gradient and the pull as a line of HTML."""
    entries = ", ".join(f"{g + 0.0:+.4f}" for g in gradient.round(4))
    loss = f"{value:.4f} nats" if np.isfinite(value) else "infinite: part of the target is out of reach"
    return (
        f"<p><b>loss</b> {loss} &nbsp; <b>gradient</b> <code class='kdelab-gradient'>({entries})</code> &nbsp; "
        f"<b>pull</b> {abs(gradient).sum() / 2:.4f}</p>"
    )


def explore(
    points: ArrayLike = _POINTS,
    logits: ArrayLike | None = None,
    target: Sequence[float] = _TARGET,
    kernel: Kernel | None = None,
) -> Explorer:
    """Return the explorer of one cluster, for the last line of a notebook's cell.

    Parameters
    ----------
    points : array_like, (k,)
        At most eight, in guess factors.
    logits : array_like, (k,)
        All 0 if they are left out (for the example cluster, its own).
    target : (lower, upper)
        In guess factors; lower == upper is one bin.
    kernel : Kernel
        Where the sliders of kernel, shape and bandwidth start; Laplace of bandwidth 0.1 if it is left out. All sliders
        are made wide enough for what is asked for: what is shown first is the loss of these very arguments.

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
        raise ValueError(f"points must be 1 to {MOST_POINTS}, one slider each, not {len(x)}")
    if logits is None:
        logits = _LOGITS if points is _POINTS else np.zeros(len(x))
    z = vector("logits", logits, len(x), "one a point")
    lower, upper = map(float, vector("target", target, 2, "lower and upper"))
    if max(abs(x).max(), abs(lower), abs(upper)) > _FARTHEST:
        raise ValueError(f"points and target must lie within {_FARTHEST:g} of 0 to be drawn, not {x} and {target!r}")
    if lower > upper:
        raise ValueError(f"target must not have lower > upper, but it is ({lower}, {upper})")
    chosen = Laplace(_BANDWIDTH) if kernel is None else kernel
    if type(chosen) not in {*KERNELS.values(), GeneralizedNormal}:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)} or GeneralizedNormal, not {chosen!r}")
    return Explorer(x, z, (lower, upper), chosen)
