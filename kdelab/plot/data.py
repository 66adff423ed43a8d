"""The numbers that a figure shows, as CSV: each line, point, bar, area and cell, panel by panel."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

COLUMNS = ("panel", "x axis", "y axis", "series", "mark", "x", "y", "value", "x name", "y name")
"""`series` is the label in the legend, else a number; `value` the colour of a cell or point; names stand at ticks."""


def as_csv(figure: "Figure") -> str:
    """Return what the artists of a figure were given, a row a corner: ``line``, ``point``, ``bar``, ``area``, ``cell``.

    A bar has two rows, its opposite corners; an area those of its outline, in their order. Lines drawn across the
    whole panel, at a height or a place, go from 0 to 1 in the other direction.
    """
    written = StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    panels = [axes for axes in figure.axes if not hasattr(axes, "_colorbar")]  # whose colours are no data
    for number, axes in enumerate(panels, 1):
        panel = axes.get_title("left") or axes.get_title() or f"panel {number}"
        told = [" ".join(text.split()) for text in (panel, axes.get_xlabel(), axes.get_ylabel())]
        x_names, y_names = _names(axes.xaxis), _names(axes.yaxis)
        for series, mark, numbers in _artists(axes):
            for x, y, value in numbers:
                shown = [f"{one:.10g}" if np.isfinite(one) else "" for one in (x, y, value)]
                rows.writerow([*told, series, mark, *shown, x_names.get(x, ""), y_names.get(y, "")])
    return written.getvalue()


def _artists(axes: "Axes") -> Iterator[tuple[str, str, Any]]:
    """Yield label, kind and numbers, (n, 3), of what is drawn in a panel."""
    for number, line in enumerate(axes.lines, 1):
        yield _label(line, f"line {number}"), "line", _three(line.get_xdata(orig=False), line.get_ydata(orig=False))
    for number, drawn in enumerate(axes.collections, 1):
        name, values = _label(drawn, f"marks {number}"), drawn.get_array()
        if isinstance(drawn, QuadMesh):
            corners = np.asarray(drawn.get_coordinates())
            middles = (corners[:-1, :-1] + corners[1:, 1:]) / 2
            yield name, "cell", _three(middles[..., 0].ravel(), middles[..., 1].ravel(), np.ravel(np.asarray(values)))
        elif isinstance(drawn, PathCollection):
            places: Any = np.ma.asarray(drawn.get_offsets())
            yield name, "point", _three(places[:, 0], places[:, 1], values)
        else:
            kind = "line" if hasattr(drawn, "get_segments") else "area"
            for path in drawn.get_paths():
                corner = np.asarray(path.vertices)
                yield name, kind, _three(corner[:, 0], corner[:, 1])
    for number, bar in enumerate((one for one in axes.patches if isinstance(one, Rectangle)), 1):
        (left, low), wide, tall = bar.get_xy(), bar.get_width(), bar.get_height()
        yield _label(bar, f"bar {number}"), "bar", _three([left, left + wide], [low, low + tall])
    for number, image in enumerate(axes.images, 1):
        pixels = np.asarray(image.get_array())
        left, right, bottom, top = image.get_extent()
        first, last = (bottom, top) if image.origin == "lower" else (top, bottom)
        y, x = ((np.arange(n) + 0.5) / n for n in pixels.shape[:2])
        across, along = np.meshgrid(left + (right - left) * x, first + (last - first) * y)
        if pixels.ndim == 2:
            yield _label(image, f"image {number}"), "cell", _three(across.ravel(), along.ravel(), pixels.ravel())


def _three(x: Any, y: Any, value: Any = None) -> Any:
    places = np.column_stack([np.ma.filled(np.ma.asarray(one, dtype=np.float64), np.nan) for one in (x, y)])
    third = np.full(len(places), np.nan) if value is None else np.ma.filled(np.ma.asarray(value, float), np.nan)
    return np.column_stack([places, third])


def _label(artist: Any, default: str) -> str:
    label = str(artist.get_label())
    return default if label.startswith("_") or not label else label


def _names(axis: "Axis") -> dict[float, str]:
    """Return the names of an axis's places, where it has names for them and no numbers."""
    labels = [label.get_text() for label in axis.get_ticklabels()]
    if not any(any(letter.isalpha() for letter in label) and "mathdefault" not in label for label in labels):
        return {}
    return {float(place): " ".join(label.split()) for place, label in zip(axis.get_ticklocs(), labels, strict=True)}
