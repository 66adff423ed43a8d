"""Notebook 14 under deliberately wrong libraries."""

from dataclasses import replace

import numpy as np
import pytest
from sabotage import assert_caught

from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import rest

pytestmark = pytest.mark.xdist_group("14")
NOTEBOOK = "14-where-it-comes-to-rest.ipynb"
SMALL = {"predictions": 5, "steps": 80, "trained_on": 20, "judged_on": 20, "bandwidths": "0.1"}


def gradient_five_percent_too_large(monkeypatch):
    honest = CrossEntropy.value_and_grad

    def wrong(self, logits):
        value, gradient = honest(self, logits)
        return value, 1.05 * gradient

    monkeypatch.setattr(CrossEntropy, "value_and_grad", wrong)


def certificate_five_percent_too_small(monkeypatch):
    honest = rest.Rates.certificate
    monkeypatch.setattr(rest.Rates, "certificate", lambda *given: 0.95 * honest(*given))


def certificate_without_the_division(monkeypatch):
    honest = rest.Rates.__init__

    def prepare(self, loss):
        honest(self, loss)
        self.loss = loss

    def wrong(self, logits):
        return np.log1p(self.loss.clusters.max(-self.loss.value_and_grad(logits)[1]))

    monkeypatch.setattr(rest.Rates, "__init__", prepare)
    monkeypatch.setattr(rest.Rates, "certificate", wrong)


def kernel_a_little_too_wide(monkeypatch):
    honest = CrossEntropy.__init__

    def wrong(self, clusters, kernel, *others, **named):
        honest(self, clusters, replace_bandwidth(kernel, 1.03), *others, **named)

    monkeypatch.setattr(CrossEntropy, "__init__", wrong)


def replace_bandwidth(kernel, factor):
    return replace(kernel, bandwidth=kernel.bandwidth * factor)


def em_strides_too_far(monkeypatch):
    honest = rest.Rates.em_step
    monkeypatch.setattr(rest.Rates, "em_step", lambda self, logits: logits + 4 * (honest(self, logits) - logits))


CASES = [
    ("second derivative by a logit in the two-point case, -1/36", gradient_five_percent_too_large),
    ("certificate of a starved point, log 2 in truth", certificate_five_percent_too_small),
    ("certificate less the real distance from the best, least", certificate_without_the_division),
    ("one point takes all, Laplace: widest target, in h", kernel_a_little_too_wide),
    ("largest rise of the loss in a step of EM", em_strides_too_far),
]


@pytest.mark.parametrize(("check", "wrong"), CASES, ids=lambda value: getattr(value, "__name__", None))
def test_wrong_libraries_are_caught(check, wrong, monkeypatch):
    assert_caught(NOTEBOOK, "point-of-rest", check, wrong, monkeypatch, **SMALL)
