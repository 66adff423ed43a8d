"""A figure for a phone: its panels one below the other, no wider than a hand."""

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.gridspec import GridSpec

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend

WIDTH = 4.4  # inches
_LETTER = 0.107  # inches that a letter of a title takes, on the average
_TICK, _LABEL = 20, 44  # characters of a line


def stack(figure: "Figure") -> None:
    """Put the panels of a figure one below the other, in place.

    What stands beside a panel, such as a colour bar, stays beside it. Panels that share an axis each show it; what is
    too long for a line is folded, and a legend too wide for its panel goes below it.
    """
    width, height = figure.get_size_inches()
    placed = [(axes, place) for axes in figure.axes if (place := axes.get_subplotspec()) is not None]
    if not placed or width <= WIDTH:
        return
    heights = []
    for _, place in placed:
        grid = place.get_gridspec()
        wide = width * len(place.colspan) / grid.ncols
        heights.append(height * len(place.rowspan) / grid.nrows * max(0.75, min(1, 1.15 * WIDTH / wide)))
    below = GridSpec(len(placed), 1, figure, height_ratios=heights)
    for number, (axes, _) in enumerate(placed):
        axes.set_subplotspec(below[number])
        _label(axes)
        if (legend := axes.get_legend()) is not None:
            legend.set_in_layout(False)  # one beside its panel would leave it no room
    if len(placed) == 1 and not figure.get_suptitle():
        _lift_title(placed[0][0])
    figure.suptitle(_folded(figure.get_suptitle(), WIDTH / _LETTER), x=0.01, ha="left")
    figure.set_size_inches(WIDTH, sum(heights))
    for fit in (_fold_height, _put_legend_below, _fit_titles, _thin_ticks):
        figure.draw_without_rendering()  # which says how large each panel is by now
        for axes, _ in placed:
            fit(axes)


def _label(axes: "Axes") -> None:
    """Show the labels that a neighbour had for both, and fold what is too long for a line."""
    for axis, sharing in ((axes.xaxis, axes.get_shared_x_axes()), (axes.yaxis, axes.get_shared_y_axes())):
        others = [getattr(other, f"{axis.axis_name}axis") for other in sharing.get_siblings(axes)]
        if len(others) > 1 and axis.get_visible():
            shown: dict[str, Any] = {"labelleft" if axis is axes.yaxis else "labelbottom": True}
            axes.tick_params(**shown)
            axis.set_label_text(next((text for one in (axis, *others) if (text := one.get_label_text())), ""))
        axis.set_label_text(_folded(axis.get_label_text(), _LABEL))
    names = [label.get_text() for label in axes.get_yticklabels()]
    if max(map(len, names), default=0) > _TICK:
        axes.set_yticks(axes.get_yticks(), [_folded(name, _TICK) for name in names])


def _lift_title(axes: "Axes") -> None:
    """Make the title of the only panel that of the figure, which has all of its width."""
    axes.figure.suptitle(axes.get_title("left") or axes.get_title(), fontsize=12, fontweight="bold")
    axes.set_title("", loc="left")
    axes.set_title("")


def _fold_height(axes: "Axes") -> None:
    axes.set_ylabel(_folded(axes.get_ylabel(), axes.get_window_extent().height / axes.figure.dpi / 0.08))


def _put_legend_below(axes: "Axes") -> None:
    """Put a legend that is outside of its panel, or takes too much of it, below it, where room is made for it."""
    legend, box = axes.get_legend(), axes.get_window_extent()
    if legend is None:
        return
    its = legend.get_window_extent()
    if its.width > box.width or its.height > 0.45 * box.height or not box.contains(*_middle(legend)):
        texts, title = [text.get_text() for text in legend.get_texts()], legend.get_title().get_text()
        under = (0, -0.6 * axes.figure.dpi / box.height)
        keys = [key for key in legend.legend_handles if key is not None]
        axes.legend(keys, texts, title=title, loc="upper left", bbox_to_anchor=under, fontsize=9.5)
        figure = axes.get_figure(root=True)
        if figure is not None:
            figure.set_size_inches(WIDTH, figure.get_size_inches()[1] + 0.21 * len(texts))


def _fit_titles(axes: "Axes") -> None:
    """Fold titles; over a panel that is far to the right they begin at the left end of the figure."""
    box, dots = axes.get_window_extent(), axes.figure.dpi
    far = axes.get_position(original=True).x0 > 0.22
    start = 0.08 if far else box.x0 / dots
    for place in ("left", "center", "right"):
        if title := axes.get_title(loc=place):
            at = {"x": (start * dots - box.x0) / box.width, "ha": "left"}
            axes.set_title(_folded(title, (WIDTH - start) / _LETTER), loc=place, **at)


def _thin_ticks(axes: "Axes") -> None:
    """Leave out every other label below a panel until none runs into the next."""
    labels = axes.get_xticklabels()
    places = axes.get_xticks()[: len(labels)]  # an axis that shows none has none
    names, boxes = [label.get_text() for label in labels], [label.get_window_extent() for label in labels]
    shown = [i for i, place in enumerate(places) if names[i] and axes.viewLim.x0 <= place <= axes.viewLim.x1]
    kept = list(shown)
    while len(kept) > 2 and any(boxes[i].x1 + 2 > boxes[j].x0 for i, j in pairwise(kept)):
        kept = kept[::2]
    if kept != shown:
        axes.set_xticks(places, [name if i in kept else "" for i, name in enumerate(names)])


def _middle(legend: "Legend") -> tuple[float, float]:
    box = legend.get_window_extent()
    return (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2


def _folded(text: str, most: float) -> str:
    lines = (textwrap.wrap(line, int(most), break_long_words=False) for line in text.splitlines())
    return "\n".join(part for line in lines for part in line)
