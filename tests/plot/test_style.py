"""The house style: what it draws, read back from the axes."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from kdelab.plot import style


@pytest.fixture
def axes():
    matplotlib.use("Agg")
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def test_ticks_stand_at_the_values_and_nowhere_else(axes):
    axes.plot([0.1, 20000], [1, 2])
    axes.set_xscale("log")
    style.ticks(axes.xaxis, np.array([0.5, 20, 10000]))
    assert axes.get_xticks().tolist() == [0.5, 20, 10000]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.5", "20", "10 000"]
    assert axes.get_xticks(minor=True).size == 0


def test_a_median_has_the_middle_half_of_its_group_around_it(axes):
    values = pd.DataFrame({"key": [1, 1, 1, 2, 2, 2], "error": [0.0, 1, 4, 10, 20, 30]})
    style.median_band(axes, values.groupby("key").error, "black", "measured")
    (line,), (band,) = axes.lines, axes.collections
    assert (line.get_xdata().tolist(), line.get_ydata().tolist(), line.get_label()) == ([1, 2], [1, 20], "measured")
    corners = band.get_paths()[0].vertices
    assert sorted(set(corners[corners[:, 0] == 1, 1])) == [0.5, 2.5]
    assert sorted(set(corners[corners[:, 0] == 2, 1])) == [15, 25]
