"""The house style's small helps."""

import matplotlib
import numpy as np

import kdelab

matplotlib.use("Agg")
import matplotlib.pyplot as plt


def test_a_logarithmic_axis_marks_the_values_given_and_no_others():
    figure, axes = plt.subplots()
    axes.set(xscale="log", xlim=(0.05, 200))
    kdelab.style.ticks(axes.xaxis, np.array([0.1, 1, 100]))
    figure.canvas.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0.1", "1", "100"]
    assert len(axes.get_xticks(minor=True)) == 0
    plt.close(figure)
