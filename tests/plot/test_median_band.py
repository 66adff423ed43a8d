"""A median with its band, read back from the axes."""

import matplotlib
import pandas as pd

import kdelab

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def test_a_median_has_the_middle_half_of_its_group_around_it():
    values = pd.DataFrame({"key": [1, 1, 1, 2, 2, 2], "error": [0.0, 1, 4, 10, 20, 30]})
    figure, axes = plt.subplots()
    kdelab.style.median_band(axes, values.groupby("key").error, "black", "measured")
    (line,), (band,) = axes.lines, axes.collections
    assert (line.get_xdata().tolist(), line.get_ydata().tolist(), line.get_label()) == ([1, 2], [1, 20], "measured")
    corners = band.get_paths()[0].vertices
    assert sorted(set(corners[corners[:, 0] == 1, 1])) == [0.5, 2.5]
    assert sorted(set(corners[corners[:, 0] == 2, 1])) == [15, 25]
    plt.close(figure)
