"""Notebook 01 under wrong libraries: bins in the wrong place, of the wrong kernel, in the wrong order."""

import numpy as np
import pytest
from sabotage import assert_caught, prepared_with, slow_but_first

from kdelab.loss.clusters import Clusters
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.rules import Midpoint

pytestmark = pytest.mark.xdist_group("01")

SMALL = {"predictions": 60, "most_bins": 256}


def shifted_bins(bins):
    """The bins' centres lie ``bins`` of a bin's width too far right: a half makes it a right-hand rule."""

    def change(clusters, kernel, quadrature):
        if isinstance(quadrature, Midpoint):
            step = bins * (clusters.upper - clusters.lower) / quadrature.bins
            clusters = Clusters(clusters.points, clusters.offsets, clusters.lower + step, clusters.upper + step)
        return clusters, kernel

    return prepared_with(change)


def bandwidth_off_in_the_bins(factor):
    def change(clusters, kernel, quadrature):
        if isinstance(quadrature, Midpoint):
            kernel = type(kernel)(**{**vars(kernel), "bandwidth": factor * kernel.bandwidth})
        return clusters, kernel

    return prepared_with(change)


def log_of_the_mean(monkeypatch):
    """-log mean p, the loss of an interval-censored likelihood, instead of -mean log p."""
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        if isinstance(self.quadrature, Midpoint):
            u = (np.arange(self.quadrature.bins) + 0.5) / self.quadrature.bins
            wide = self.clusters.upper - self.clusters.lower
            for n in range(len(values)):
                part = slice(self.clusters.offsets[n], self.clusters.offsets[n + 1])
                one = Clusters.from_lists(
                    [self.clusters.points[part]], self.clusters.lower[[n]], self.clusters.upper[[n]]
                )
                density = CrossEntropy(one, self.kernel, background=self.background)
                x = self.clusters.lower[n] + wide[n] * u
                values[n] = -np.log(density.density(logits[part], x).mean())
        return values, gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


def gradient_of_bins_flipped(monkeypatch):
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        return values, -gradient if isinstance(self.quadrature, Midpoint) else gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


@pytest.mark.parametrize(
    ("wrong", "check"),
    slow_but_first(
        [
            (bandwidth_off_in_the_bins(1.01), "order, loss, Gaussian, recorded clusters"),
            (shifted_bins(0.5), "order, loss, Gaussian, toy clusters"),
            (shifted_bins(0.05), "order, loss, Laplace, recorded clusters"),
            (log_of_the_mean, "order, loss, Laplace, toy clusters"),
            (gradient_of_bins_flipped, "order, gradient, Laplace, recorded clusters"),
        ]
    ),
    ids=[
        "bandwidth off by 1 %",
        "right-hand rule",
        "bins off by 5 %",
        "log of the mean",
        "gradient flipped",
    ],
)
def test_the_verdict_changes_under_a_wrong_library(wrong, check):
    assert_caught("01-the-loss.ipynb", "binning", check, wrong, **SMALL)
