"""What a page offers of a figure beside its picture: its numbers, its drawing, and a picture for phones."""

import csv
from io import StringIO
from itertools import pairwise

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from kdelab.plot.apart import tell_apart
from kdelab.plot.data import as_csv
from kdelab.plot.narrow import WIDTH, stack


@pytest.fixture
def two():
    """Two panels side by side that share their rows, with a legend outside of the first."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
    left.plot([0, 1, 2], [3, 4, 5], label="a line with quite a long name")
    left.plot([0, 1, 2], [1, 2, 1], label="another, whose name is longer still")
    left.set_title("A title that takes more letters than a narrow panel has room for in one line", loc="left")
    left.set_ylabel("height")
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=2)
    right.bar(["one", "two"], [2, 3])
    right.set_xlabel("bars")
    yield figure, left, right
    plt.close(figure)


def rows_of(figure):
    return list(csv.DictReader(StringIO(as_csv(figure))))


def numbers(rows, panel, mark):
    return [(float(row["x"]), float(row["y"])) for row in rows if row["panel"] == panel and row["mark"] == mark]


def test_the_numbers_are_those_that_were_drawn(two):
    figure, left, _ = two
    left.scatter([7], [8], label="a point")
    left.fill_between([0, 1], [1, 1], [2, 3], label="a band")
    rows = rows_of(figure)
    title = left.get_title("left")
    assert numbers(rows, title, "line") == [(0, 3), (1, 4), (2, 5), (0, 1), (1, 2), (2, 1)]
    assert numbers(rows, title, "point") == [(7, 8)]
    assert {(0, 1), (0, 2), (1, 1), (1, 3)} <= set(numbers(rows, title, "area"))
    assert numbers(rows, "panel 2", "bar") == [(-0.4, 0), (0.4, 2), (0.6, 0), (1.4, 3)]
    named = {row["series"] for row in rows}
    assert {"a line with quite a long name", "a point", "a band"} <= named
    assert {row["y axis"] for row in rows if row["panel"] == title} == {"height"}


def test_cells_have_their_values_and_a_colour_bar_is_no_panel():
    figure, axes = plt.subplots()
    mesh = axes.pcolormesh([0, 1, 2], [0, 1], [[5.0, np.nan]])
    figure.colorbar(mesh, ax=axes)
    axes.imshow([[1.0, 2.0], [3.0, 4.0]], extent=(0, 2, 0, 2), origin="lower")
    rows = rows_of(figure)
    assert {row["panel"] for row in rows} == {"panel 1"}
    assert [row["value"] for row in rows] == ["5", "", "1", "2", "3", "4"]
    assert [f"{row['x']} {row['y']}" for row in rows[2:]] == ["0.5 0.5", "1.5 0.5", "0.5 1.5", "1.5 1.5"]
    plt.close(figure)


def test_names_of_ticks_stand_beside_their_places(two):
    figure, left, _ = two
    left.plot([1], [2], "o")
    left.set_yticks([1, 2], ["first", "second"])
    assert [row["y name"] for row in rows_of(figure) if row["y"] == "2" and row["x"] == "1"] == ["second", "second"]


def test_a_narrow_figure_has_its_panels_one_below_the_other(two):
    figure, left, right = two
    stack(figure)
    figure.draw_without_rendering()
    assert figure.get_size_inches()[0] == WIDTH
    above, below = (axes.get_window_extent() for axes in (left, right))
    assert above.y0 > below.y1
    assert right.get_ylabel() == "height"
    assert right.yaxis.get_ticklabels()[0].get_visible()
    room = figure.bbox
    for text in (left.title, left._left_title, right.xaxis.label, right.yaxis.label):
        box = text.get_window_extent()
        assert room.x0 - 1 <= box.x0
        assert box.x1 <= room.x1 + 1
    legend = left.get_legend().get_window_extent()
    assert legend.y1 < above.y0
    assert legend.y0 > right.get_tightbbox().y1 - 2
    assert legend.x1 <= room.x1


def test_a_figure_that_is_narrow_stays_as_it_is():
    figure, axes = plt.subplots(figsize=(4, 3))
    axes.set_title("A title that takes more letters than a narrow panel has room for in one line")
    before = axes.get_title()
    stack(figure)
    assert tuple(figure.get_size_inches()) == (4, 3)
    assert axes.get_title() == before
    plt.close(figure)


def test_the_only_panels_title_is_that_of_the_figure():
    figure, axes = plt.subplots(figsize=(9, 4))
    axes.set_title("A title that takes more letters than a narrow panel has room for in one line", loc="left")
    stack(figure)
    assert figure.get_suptitle().replace("\n", " ").startswith("A title that takes more letters")
    assert axes.get_title("left") == ""
    plt.close(figure)


def look(line):
    """What a line looks like without its colour; matplotlib calls every stroke of one's own "--"."""
    return line._unscaled_dash_pattern, line.get_marker()


def looks(axes):
    return [look(line) for line in axes.lines]


def test_lines_that_differ_in_colour_alone_get_strokes_and_the_legend_follows():
    figure, (axes, other) = plt.subplots(1, 2)
    for number in range(4):
        axes.plot([0, 1], [number, number], label=f"line {number}")
        other.plot([0, 1], [number, number], label=f"line {number}")
    axes.plot([0, 1], [9, 9], ":", label="another")
    axes.plot([0, 1], [7, 7], color="grey")
    axes.legend()
    tell_apart(figure)
    named = looks(axes)[:5]
    assert len(set(named)) == 5
    assert looks(axes)[5] == look(plt.Line2D([], []))
    assert looks(other) == named[:4]
    keys = axes.get_legend().legend_handles
    assert [look(key) for key in keys] == named
    plt.close(figure)


def test_markers_points_and_areas_are_told_apart_too():
    figure, axes = plt.subplots()
    for number in range(2):
        axes.plot([0, 1], [number, 0], "o-", label=f"line {number}")
    points = [axes.scatter([0], [0], label=f"points {number}") for number in range(2)]
    areas = [axes.fill_between([0, 1], [number, 0], label=f"area {number}") for number in range(2)]
    axes.legend()
    tell_apart(figure)
    assert [line.get_marker() for line in axes.lines] == ["o", "s"]
    assert len({one.get_paths()[0].vertices.tobytes() for one in points}) == 2
    assert [area.get_hatch() or "" for area in areas] == ["", "///"]
    plt.close(figure)


def test_labels_of_ticks_don_t_run_into_each_other():
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    axes.plot([0, 100], [0, 1])
    axes.set_xticks(range(0, 101, 5), [f"{100 * number} long" for number in range(0, 101, 5)])
    stack(figure)
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in axes.get_xticklabels() if label.get_text()]
    assert 2 <= len(boxes) < 21
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    plt.close(figure)


def test_a_panel_that_shows_no_labels_is_narrowed_too():
    figure, axes = plt.subplots(figsize=(9, 6), layout="constrained")
    axes.plot([0, 1], [0, 1])
    axes.tick_params(labelbottom=False)
    stack(figure)
    assert figure.get_size_inches()[0] == WIDTH
    plt.close(figure)
