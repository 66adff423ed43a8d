"""A forest plot: effects with their intervals, one a row, against the line of no effect."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def forest(
    axes: "Axes",
    labels: Sequence[str],
    values: ArrayLike,
    lows: ArrayLike,
    highs: ArrayLike,
    colours: str | Sequence[str] | None = None,
) -> None:
    """Draw effects with their intervals, one a row from the top downward, and a line at zero.

    Parameters
    ----------
    axes : matplotlib Axes
        Axes side by side that share their rows are each given all labels.
    labels : sequence of str, (n,)
    values, lows, highs : array_like, (n,)
        An effect whose interval has an end that isn't finite is drawn as a point alone; a NaN effect leaves its row
        empty.
    colours : str or sequence of str, (n,)
        Of all rows, or of each; the first colour of the cycle if none is given.

    Raises
    ------
    ValueError
        If there isn't one value, low, high and colour a label.
    """
    effects, left, right = (np.asarray(given, dtype=np.float64) for given in (values, lows, highs))
    of_row = [colours or "C0"] * len(labels) if isinstance(colours, str | None) else list(colours)
    for name, found in (("values", effects), ("lows", left), ("highs", right), ("colours", of_row)):
        if np.shape(found) != (len(labels),):
            raise ValueError(f"{name} must be {len(labels)}, one a label, but has shape {np.shape(found)}")
    axes.axvline(0, color=mpl.rcParams["axes.labelcolor"], lw=1)
    for row, colour in enumerate(of_row):
        if np.isfinite(left[row]) and np.isfinite(right[row]):
            axes.plot([left[row], right[row]], [row, row], color=colour, lw=3)
        axes.plot(effects[row], row, "o", color=colour)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
