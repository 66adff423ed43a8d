"""The explorer's picture: one figure, built once, whose artists are moved and drawn over a stored background.

Three panels. Above, the density p over the guess factors and the target. Below it, at each point, its weight S_j (ring)
and its mean responsibility (dot): the arrow from one to the other is minus the gradient, what descent does to the
point. At the right, how the points share each place of the target.
"""

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats
from kdelab.plot.style import COLOURS, PALETTE

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)  # tops of the density's axis
_DPI = 100


def point_colours(k: int) -> list[str]:
    """Return a colour for each of k points, at most eight of them different."""
    colours = [*PALETTE, COLOURS["ink"]]
    return [colours[j % len(colours)] for j in range(k)]


class Canvas:
    """The figure for k points on an axis from -reach to reach."""

    def __init__(self, k: int, reach: float) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._grid = np.linspace(-reach, reach, 601)
        self._share = np.linspace(0, 1, 81)  # places in the target, from its lower to its upper end
        self._colours = point_colours(k)
        figure = Figure(figsize=(8.2, 4.9), dpi=_DPI, facecolor="white")
        self._agg = FigureCanvasAgg(figure)
        self._density, self._arrows, self._shares = self._axes(figure, reach)
        self._lines = self._artists(k)
        self._background: Any = None
        self._top = 0.0

    @staticmethod
    def _axes(figure: Any, reach: float) -> tuple[Any, Any, Any]:
        density = figure.add_axes((0.075, 0.53, 0.57, 0.41))
        arrows = figure.add_axes((0.075, 0.1, 0.57, 0.31))
        shares = figure.add_axes((0.725, 0.1, 0.26, 0.84))
        titles = ("density p", "weight ○, wanted ●: the arrow is minus the gradient", "who answers for the target")
        for axes, title in zip((density, arrows, shares), titles, strict=True):
            axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
            axes.tick_params(labelsize=8.5, color="#c6cad1")
            axes.spines[["top", "right"]].set_visible(False)
            axes.spines[["left", "bottom"]].set_color("#c6cad1")
            axes.grid(color="#e8eaee", lw=0.8)
            axes.set_axisbelow(True)
        for axes in (density, arrows):
            axes.set_xlim(-reach, reach)
        arrows.set(ylim=(-0.04, 1.04), xlabel="guess factor")
        shares.set(xlim=(0, 1), ylim=(0, 1), xlabel="place in the target", xticks=[0, 0.5, 1])
        shares.set_xticklabels(["a", "centre", "b"])
        return density, arrows, shares

    def _artists(self, k: int) -> dict[str, list[Any]]:
        from matplotlib.collections import LineCollection
        from matplotlib.patches import Rectangle

        bands = []
        for axes in (self._density, self._arrows):
            band = Rectangle((0, 0), 0, 1, transform=axes.get_xaxis_transform(), color=COLOURS["target"], alpha=0.35)
            bands.append(axes.add_patch(band))
        colours, k_dots = self._colours, [(0.0, 0.0)] * k
        shafts = LineCollection([], linewidths=2.6, capstyle="butt")
        self._arrows.add_collection(shafts, autolim=False)
        (up,) = self._arrows.plot([], [], "^", color=COLOURS["gradient_down"], ms=8)
        (down,) = self._arrows.plot([], [], "v", color=COLOURS["gradient_up"], ms=8)
        on_axis = self._density.get_xaxis_transform()
        ticks = self._density.scatter(
            *zip(*k_dots, strict=True), marker="|", s=220, c=colours, lw=2.4, transform=on_axis
        )
        rings = self._arrows.scatter(*zip(*k_dots, strict=True), s=52, facecolors="white", edgecolors=colours, lw=1.8)
        dots = self._arrows.scatter(*zip(*k_dots, strict=True), s=20, c=colours)
        label = {"transform": self._density.transAxes, "ha": "right", "va": "top", "fontsize": 10}
        return {
            "bands": bands,
            "parts": [self._density.plot([], [], color=c, lw=1, alpha=0.8)[0] for c in colours],
            "density": self._density.plot([], [], color=COLOURS["density"], lw=2.2),
            "points": [ticks, shafts, up, down, rings, dots],
            "borders": [self._shares.plot([], [], color="white", lw=1)[0] for _ in range(k - 1)],
            "text": [self._density.text(0.985, 0.93, "", **label)],
        }

    def draw(
        self, clusters: Clusters, logits: Floats, kernel: Kernel, loss: CrossEntropy, value: float, gradient: Floats
    ) -> bytes:
        """Return the picture of one cluster as a PNG."""
        points, lower, upper = clusters.points, float(clusters.lower[0]), float(clusters.upper[0])
        weights = softmax(logits)
        # A lone bin is drawn as a hair, or it would not be seen.
        self._move(points, weights, gradient, lower, max(upper, lower + 0.004))
        x = np.sort(np.concatenate([self._grid, points, points - 1e-9, points + 1e-9]))
        parts = weights * np.exp(kernel.log(x[:, None] - points))
        p = loss.density(logits, x)[0]
        self._lines["density"][0].set_data(x, p)
        for line, part in zip(self._lines["parts"], parts.T, strict=True):
            line.set_data(x, part)
        self._lines["text"][0].set_text(f"L = {value:.3f}")
        stacked = self._shared(points, logits, kernel, lower, upper)
        self._rescale(float(p[np.isfinite(p)].max()))
        return self._blit(stacked)

    def _move(self, points: Floats, weights: Floats, gradient: Floats, lower: float, upper: float) -> None:
        for band in self._lines["bands"]:
            band.set_x(lower)
            band.set_width(upper - lower)
        wanted = np.clip(weights - gradient, 0, 1)
        ticks, shafts, up, down, rings, dots = self._lines["points"]
        ticks.set_offsets(np.column_stack([points, np.full_like(points, 0.04)]))
        rings.set_offsets(np.column_stack([points, weights]))
        dots.set_offsets(np.column_stack([points, wanted]))
        shafts.set_segments(np.stack([np.column_stack([points, weights]), np.column_stack([points, wanted])], axis=1))
        gains = wanted >= weights
        shafts.set_color([COLOURS["gradient_down" if gain else "gradient_up"] for gain in gains])
        visible = abs(wanted - weights) > 0.02
        for head, chosen in ((up, gains & visible), (down, ~gains & visible)):
            head.set_data(points[chosen], wanted[chosen])

    def _shared(self, points: Floats, logits: Floats, kernel: Kernel, lower: float, upper: float) -> Floats:
        """Return the responsibilities over the target, stacked, (places, k); 0 where nothing reaches."""
        places = lower + (upper - lower) * self._share
        log_terms = logits + kernel.log(places[:, None] - points)
        reached = np.isfinite(log_terms).any(axis=1)
        stacked = np.zeros_like(log_terms)
        stacked[reached] = np.cumsum(softmax(log_terms[reached], axis=1), axis=1)
        for line, top in zip(self._lines["borders"], stacked.T, strict=False):
            line.set_data(self._share, top)
        return stacked

    def _rescale(self, highest: float) -> None:
        top = next((step for step in _STEPS if step >= 1.05 * highest), 1.05 * highest)
        if top != self._top:
            self._top, self._background = top, None
            self._density.set_ylim(-0.04 * top, top)

    def _blit(self, stacked: Floats) -> bytes:
        moving = [artist for artists in self._lines.values() for artist in artists]
        if self._background is None:
            for artist in moving:
                artist.set_visible(False)
            self._agg.draw()
            self._background = self._agg.copy_from_bbox(self._agg.figure.bbox)
            for artist in moving:
                artist.set_visible(True)
        self._agg.restore_region(self._background)
        # The shares are filled in one go: k polygons that are drawn and forgotten, as fill_between can't be moved.
        floor = np.zeros(len(self._share))
        for colour, top in zip(self._colours, stacked.T, strict=True):
            self._fill(colour, floor, top)
            floor = top
        for artist in moving:
            artist.axes.draw_artist(artist)
        return png(np.asarray(self._agg.buffer_rgba())[..., :3])

    def _fill(self, colour: Any, floor: Floats, top: Floats) -> None:
        from matplotlib.patches import Polygon

        corners = np.column_stack([np.r_[self._share, self._share[::-1]], np.r_[floor, top[::-1]]])
        polygon = Polygon(corners, color=colour, alpha=0.75, lw=0)
        polygon.set_transform(self._shares.transData)
        polygon.set_clip_path(self._shares.patch)
        polygon.set_figure(self._agg.figure)
        polygon.axes = self._shares
        self._shares.draw_artist(polygon)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (height, width, 3) as a PNG, three times as fast as Pillow, which tries filters on each row.

    The format: https://www.w3.org/TR/png-3, chunks IHDR, IDAT, IEND; every row is preceded by its filter's number, 0.
    """
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + 3 * width), dtype=np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(rows.tobytes(), 1),
        b"IEND": b"",
    }
    framed = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks.items())
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)
