"""Figures that tell things apart without colour: strokes, markers and hatching for what only a colour would part."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.markers import MarkerStyle

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASHED = ((0, (7, 1.5, 1, 1.5, 1, 1.5)), (0, (1, 3)), (0, (10, 3)), (0, (2, 2)))
_STROKES: tuple[Any, ...] = ("-", "--", "-.", ":", *_DASHED)
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_UNMARKED = ("None", "none", "", " ", None)
_HATCHES = ("", "///", "...", "\\\\\\", "xx", "++", "--")


def tell_apart(figure: "Figure") -> None:
    """Give each entry of a legend a look of its own, where some differ in nothing but their colour.

    What has the same name in another panel gets the same look.
    """
    for axes in figure.axes:
        legend = axes.get_legend()
        if legend is None:
            continue
        names = [text.get_text() for text in legend.get_texts()]
        keys = dict(zip(names, legend.legend_handles, strict=True))
        others = [other for other in figure.axes if other is axes or other.get_legend() is None]
        drawn: dict[str, list[Any]] = {name: [key] for name, key in keys.items()}
        for artist in (artist for other in others for artist in (*other.lines, *other.collections)):
            if artist.get_label() in drawn:
                drawn[str(artist.get_label())].append(artist)
        shown = [artists for artists in drawn.values() if len(artists) > 1]
        _part_lines([artists for artists in shown if isinstance(artists[1], Line2D)])
        _part([artists for artists in shown if isinstance(artists[1], PathCollection)], _MARKERS, _set_marker)
        _part([artists for artists in shown if isinstance(artists[1], PolyCollection)], _HATCHES, _set_hatch)


def _part_lines(shown: Iterable[list[Any]]) -> None:
    """Give lines with markers other markers, and lines without other strokes, where both are the same."""
    alike: dict[tuple[Any, ...], list[list[Any]]] = {}
    for artists in shown:
        line = artists[1]
        alike.setdefault((line.get_linestyle(), line.get_marker(), line.get_linewidth() > 3), []).append(artists)
    plain = {stroke for stroke, marker, _ in alike if marker in _UNMARKED}
    for (stroke, marker, _), same in alike.items():
        if marker not in _UNMARKED:
            _part(same, _MARKERS, _set_marker)
        else:
            same.sort(key=lambda artists: -artists[1].get_linewidth())  # what is drawn boldest stays whole
            free = [other for other in _STROKES if other not in plain]
            _part(same, [stroke, *free], lambda line, look: line.set_linestyle(look))
            plain |= set(free[: len(same) - 1])


def _part(same: Sequence[list[Any]], looks: Sequence[Any], give: Callable[[Any, Any], Any]) -> None:
    if len(same) < 2:
        return
    for number, artists in enumerate(same):
        for artist in artists:
            give(artist, looks[number % len(looks)])


def _set_hatch(area: Any, hatch: str) -> None:
    area.set_hatch(hatch)
    area.set_edgecolor("white" if hatch else "none")


def _set_marker(points: Any, marker: str) -> None:
    if isinstance(points, Line2D):
        points.set_marker(marker)
    else:
        style = MarkerStyle(marker)
        points.set_paths([style.get_path().transformed(style.get_transform())])
