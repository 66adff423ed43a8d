"""Notebook 10 under deliberately wrong libraries."""

import numpy as np
import pytest
from sabotage import assert_caught, slow_but_first

from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import rivals, shortcuts

pytestmark = pytest.mark.xdist_group("10")
NOTEBOOK = "10-the-per-point-sum.ipynb"
SMALL = {
    "predictions": 20,
    "counted": 20,
    "settled": 1,
    "neighbours": 10,
    "trained": "",
    "trained_on": 20,
    "judged_on": 20,
}


def gradient_changed(owner, change, monkeypatch):
    """Let the gradient of `owner.value_and_grad` be `change(objective, logits, gradient)`."""
    honest = owner.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, change(self, np.asarray(logits), gradient)

    monkeypatch.setattr(owner, "value_and_grad", wrong)


def true_gradient_too_large(monkeypatch):
    gradient_changed(CrossEntropy, lambda loss, z, gradient: 1.05 * gradient, monkeypatch)


def true_gradient_is_that_of_the_shortcut(monkeypatch):
    def soft_labels(loss, z, gradient):
        return shortcuts.NormalisedSoftLabels(loss.clusters, loss.kernel).value_and_grad(z)[1]

    gradient_changed(CrossEntropy, soft_labels, monkeypatch)


def the_shortcut_is_fixed(monkeypatch):
    honest = rivals.Power.per_bin

    def per_bin(self, logits, log_weight):
        vars(self)["alpha"] = 0.0
        return honest(self, logits, log_weight)

    monkeypatch.setattr(shortcuts.SoftLabels, "per_bin", per_bin)


def linear_loss_a_little_too_steep(monkeypatch):
    honest = rivals.Power.per_bin

    def per_bin(self, logits, log_weight):
        value, gradient = honest(self, logits, log_weight)
        return value, gradient * (1 + 0.04 * self.alpha)

    monkeypatch.setattr(rivals.Power, "per_bin", per_bin)


def whole_targets_differ_by_three_percent(monkeypatch):
    def change(loss, z, gradient):
        wide = np.repeat(loss.clusters.upper > loss.clusters.lower, loss.clusters.sizes)
        return np.where(wide, 1.03, 1.0) * gradient

    gradient_changed(CrossEntropy, change, monkeypatch)


def log_of_the_integral_too_flat(monkeypatch):
    gradient_changed(rivals.LogOfIntegral, lambda loss, z, gradient: 0.97 * gradient, monkeypatch)


def a_floor_under_the_density(monkeypatch):
    honest = rivals.Power.responsibilities

    def responsibilities(self, log_weight, log_density):
        return honest(self, log_weight, np.logaddexp(log_density, np.log(0.02)))

    monkeypatch.setattr(rivals.Power, "responsibilities", responsibilities)


def responsibilities_not_quite_subtracted(monkeypatch):
    def slope(self, log_weight, held):
        return np.exp(log_weight) * self.clusters.spread(self.clusters.sum(held)) - 0.98 * held

    monkeypatch.setattr(shortcuts.FixedResponsibilities, "slope", slope)


def rest_without_its_own_point(monkeypatch):
    def held(self, logits):
        terms = self.clusters.log_softmax(np.asarray(logits)) + self.log_kernel
        return self.clusters.spread(self.clusters.log_sum(terms))

    monkeypatch.setattr(shortcuts.FixedRest, "held", held)


def the_value_is_that_of_a_sum(monkeypatch):
    honest = CrossEntropy.value_and_grad

    def value_and_grad(self, logits):
        value = shortcuts.LogOfKernels(self.clusters, self.kernel).value_and_grad(logits)[0]
        return value, honest(self, logits)[1]

    monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)


def one_softmax_without_its_number_of_clusters(monkeypatch):
    honest = shortcuts.OneSoftmax.per_bin

    def per_bin(self, logits, log_weight):
        value, gradient = honest(self, logits, log_weight)
        share = np.exp(logits - np.logaddexp.reduce(logits))
        return value, gradient - (len(self.clusters) - 1) * share

    monkeypatch.setattr(shortcuts.OneSoftmax, "per_bin", per_bin)


def labels_not_normalised(monkeypatch):
    monkeypatch.setattr(shortcuts.NormalisedSoftLabels, "per_bin", shortcuts.SoftLabels.per_bin)


def log_of_the_integral_from_one_bin(monkeypatch):
    honest = rivals.LogOfIntegral.__init__

    def prepare(self, clusters, *more):
        honest(self, clusters.one_bin(), *more)

    monkeypatch.setattr(rivals.LogOfIntegral, "__init__", prepare)


CASES = [
    ("per-point-sum", "interaction of the true gradient, 0 for every sum over points", true_gradient_too_large),
    ("per-point-sum", "true g_1 of the two-point case, -2/15", true_gradient_is_that_of_the_shortcut),
    ("per-point-sum", "smallest difference between it and a reading that is a sum", the_shortcut_is_fixed),
    ("per-point-sum", "library against fractions", linear_loss_a_little_too_steep),
    ("no-integral", "closed form against the slow reference, Laplace, recorded clusters", true_gradient_too_large),
    ("no-integral", "one bin against the target, Laplace, clusters on one side", whole_targets_differ_by_three_percent),
    (
        "no-integral",
        "log of the integral against the loss, Laplace, clusters on one side",
        log_of_the_integral_too_flat,
    ),
    ("relative-closeness", "change of the gradient under a factor a bin, in proportion", a_floor_under_the_density),
    ("relative-closeness", "one number a point, Laplace, clusters on one side", log_of_the_integral_too_flat),
    ("per-point-sum", "coupling measured against r_i r_j - S_i S_j, largest difference", true_gradient_too_large),
    ("per-point-sum", "two moves of weight in the true loss, median cluster, nats", the_value_is_that_of_a_sum),
    ("per-point-sum", "library against fractions", one_softmax_without_its_number_of_clusters),
    ("per-point-sum", "library against fractions", labels_not_normalised),
    ("no-integral", "means over a target against error functions", log_of_the_integral_from_one_bin),
    (
        "repaired-sum",
        "D, responsibilities held fixed: difference from the true gradient",
        responsibilities_not_quite_subtracted,
    ),
    ("repaired-sum", "value of R against k times the loss", rest_without_its_own_point),
]


@pytest.mark.parametrize(
    ("claim", "check", "wrong"),
    slow_but_first(CASES, claim=lambda case: case[0]),
    ids=lambda value: getattr(value, "__name__", None),
)
def test_wrong_libraries_are_caught(claim, check, wrong):
    assert_caught(NOTEBOOK, claim, check, wrong, **SMALL)
