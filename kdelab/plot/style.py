"""The house style of every figure, and the one way in which notebooks display them."""

import os
from base64 import b64encode
from collections.abc import Iterable
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import seaborn as sns

from kdelab.plot import FIGURE, SHARED
from kdelab.plot.apart import tell_apart
from kdelab.plot.data import as_csv
from kdelab.plot.forest import forest as forest
from kdelab.plot.narrow import stack

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Okabe and Ito's palette: told apart with any of the common kinds of colour blindness. Tol's wine stands in for its
# green: on our pages green means that a claim holds, and nothing else.
_BLACK, _GREY = "#222222", "#8a8f98"
_ORANGE, _SKY, _WINE, _YELLOW = "#e69f00", "#56b4e9", "#882255", "#f0e442"
_BLUE, _VERMILION, _PURPLE = "#0072b2", "#d55e00", "#cc79a7"

#: One colour for one thing, in every figure of the collection.
COLOURS: dict[str, str] = {
    "ink": _BLACK,
    "muted": _GREY,
    "target": _YELLOW,
    "target_edge": "#b8a800",
    "density": _BLUE,
    "point": _BLACK,
    "weight": _SKY,
    "responsibility": _ORANGE,
    "gradient_up": _VERMILION,
    "gradient_down": _PURPLE,
    "truth": _BLACK,
    "wrong": _VERMILION,
    "bound": _GREY,
    "laplace": _BLUE,
    "gaussian": _VERMILION,
    "cauchy": _WINE,
    "generalized": _PURPLE,
    "box": _ORANGE,
    "triangular": _SKY,
    "epanechnikov": _GREY,
    "shooter": _VERMILION,
    "enemy": _BLUE,
}

#: The order in which seaborn picks colours for things that have none of their own.
PALETTE = [_BLUE, _VERMILION, _WINE, _ORANGE, _PURPLE, _SKY, _GREY]

_DPI = 144  # pixels of the file; shown at two thirds of that, so that fine screens have something to show
_SHOWN_DPI = 96


def use() -> None:
    """Set the house style: seaborn's white grid, quiet lines, the colour-blind palette."""
    sns.set_theme(
        context="notebook",
        style="whitegrid",
        palette=PALETTE,
        rc={
            "figure.figsize": (7.6, 4.2),
            "figure.facecolor": "white",
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
            "font.size": 10.5,
            "font.family": "DejaVu Sans",  # ships with matplotlib: the same letters on every machine
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.titlepad": 9,
            "axes.labelsize": 10.5,
            "axes.labelcolor": _BLACK,
            "axes.edgecolor": "#c6cad1",
            "axes.linewidth": 0.9,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "grid.color": "#e8eaee",
            "grid.linewidth": 0.8,
            "lines.linewidth": 1.9,
            "lines.markersize": 5,
            "legend.frameon": False,
            "legend.fontsize": 9.5,
            "xtick.labelsize": 9.5,
            "ytick.labelsize": 9.5,
            "xtick.color": "#4a4f57",
            "ytick.color": "#4a4f57",
        },
    )


def median_band(axes: plt.Axes, groups: Any, colour: str, label: str) -> None:
    """Draw the median of each group of a pandas ``groupby`` of numbers against its key, and a band: the middle half."""
    median = groups.median()
    axes.plot(median.index, median, "o-", color=colour, label=label)
    axes.fill_between(median.index, groups.quantile(0.25), groups.quantile(0.75), color=colour, alpha=0.15, lw=0)


def _png(figure: "Figure") -> tuple[bytes, int, int]:
    """Bytes, width and height of the figure, in at most 256 colours: a third of the size, and no visible loss."""
    from PIL import Image

    raw = BytesIO()
    figure.savefig(raw, format="png", dpi=_DPI, metadata={"Software": None})
    with Image.open(raw) as image:
        small = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    packed = BytesIO()
    small.save(packed, format="png", optimize=True)
    return packed.getvalue(), small.width, small.height


def _shared(figure: "Figure") -> dict[str, Any]:
    """Return what a page offers beside the picture: SVG, the numbers as CSV, and the figure narrowed for phones."""
    drawn = StringIO()
    with mpl.rc_context({"svg.hashsalt": "kdelab", "svg.fonttype": "none"}):
        figure.savefig(drawn, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    numbers = as_csv(figure)
    stack(figure)
    png, width, height = _png(figure)
    return {"svg": drawn.getvalue(), "csv": numbers, "narrow": b64encode(png).decode(), **_size(width, height)}


def _size(width: int, height: int) -> dict[str, int]:
    """Return width and height at which a picture of so many pixels is shown."""
    return {"width": round(width * _SHOWN_DPI / _DPI), "height": round(height * _SHOWN_DPI / _DPI)}


def show(figure: "Figure", alt: str, caption: str, decisive: bool = False) -> None:
    """Display a figure with its alt text and caption, and close it.

    Parameters
    ----------
    figure
        A matplotlib figure; for an axes ``ax`` that is ``ax.figure``.
    alt
        What is seen, for someone who can't see it.
    caption
        What it shows, and how its intervals were made. May hold TeX between dollars.
    decisive
        Whether this is the figure that decides the claim: the index shows it as a thumbnail.

    Raises
    ------
    ValueError
        If `alt` or `caption` is empty.

    Notes
    -----
    Outside of a notebook (in tests) nothing is drawn, the figure is only closed. The plain text of the display is the
    caption alone, which is the same on every machine.
    """
    for name, text in (("alt", alt), ("caption", caption)):
        if not text.strip():
            raise ValueError(f"{name}: empty, every figure needs one")
    try:
        if _in_notebook():
            from IPython.display import display

            tell_apart(figure)
            png, width, height = _png(figure)
            data: dict[str, Any] = {"image/png": png, "text/plain": caption}
            if os.environ.get("KDELAB_PAGES"):  # set where pages are made
                data[SHARED] = _shared(figure)
            metadata = {
                "image/png": {"alt": alt, **_size(width, height)},
                FIGURE: {"caption": caption, "decisive": decisive},
            }
            display(data, metadata=metadata, raw=True)
    finally:
        plt.close(figure)


def _in_notebook() -> bool:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell is not None and hasattr(shell, "kernel")


def rows(count: int, each: float = 2.6) -> dict[str, Any]:
    """Size arguments for a figure of `count` rows of panels, each that many inches high."""
    return {"figsize": (mpl.rcParams["figure.figsize"][0], each * count + 0.5)}


def ticks(axis: "Axis", values: Iterable[float]) -> None:
    """Mark these values of an axis and no others, written plainly, which a logarithmic axis does not do by itself."""
    marked = list(values)
    axis.set_ticks(marked, [f"{value:g}" for value in marked])
    axis.set_ticks([], minor=True)
