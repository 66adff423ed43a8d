"""The forest plot: what is drawn where, and what is not."""

import matplotlib
import numpy as np
import pytest

import kdelab

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def whiskers_and_points(axes):
    """The ends of each whisker by row, and each point by row, without the line at zero."""
    lines = [line for line in axes.lines if len(line.get_ydata()) == 1 or line.get_xdata()[0] != line.get_xdata()[1]]
    whiskers = {int(line.get_ydata()[0]): list(line.get_xdata()) for line in lines if len(line.get_xdata()) == 2}
    points = {int(line.get_ydata()[0]): line.get_xdata()[0] for line in lines if len(line.get_xdata()) == 1}
    return whiskers, points


def test_each_effect_has_its_row_from_the_top_and_zero_is_marked(axes):
    kdelab.style.forest(axes, ["a", "b"], [1.0, -2.0], [0.5, -3.0], [2.0, 1.0], colours=["red", "blue"])
    whiskers, points = whiskers_and_points(axes)
    assert whiskers == {0: [0.5, 2.0], 1: [-3.0, 1.0]}
    assert points == {0: 1.0, 1: -2.0}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert axes.get_ylim() == (1.5, -0.5)
    assert list(axes.lines[0].get_xdata()) == [0, 0]
    assert [line.get_color() for line in axes.lines[1:]] == ["red", "red", "blue", "blue"]


def test_an_effect_without_an_interval_is_a_point_and_a_missing_one_leaves_its_row_empty(axes):
    kdelab.style.forest(axes, ["no interval", "nothing"], [0.3, np.nan], [np.nan] * 2, [np.nan] * 2)
    whiskers, points = whiskers_and_points(axes)
    assert whiskers == {}
    assert points[0] == 0.3
    assert np.isnan(points[1])
    assert len(axes.get_yticklabels()) == 2


@pytest.mark.parametrize("name", ["values", "lows", "highs", "colours"])
def test_everything_must_be_one_a_label(axes, name):
    given = {"values": [0.0, 1.0], "lows": [0.0, 1.0], "highs": [0.0, 1.0], "colours": ["red", "blue"]}
    with pytest.raises(ValueError, match=f"{name} must be 2, one a label"):
        kdelab.style.forest(axes, ["a", "b"], **given | {name: given[name][:1]})
