"""Notebook 14 under deliberately wrong libraries."""

from dataclasses import replace

import numpy as np
import pytest
from sabotage import assert_caught, slow_but_first

from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import rest

pytestmark = pytest.mark.xdist_group("14")
NOTEBOOK = "14-where-it-comes-to-rest.ipynb"
SMALL = {"predictions": 5, "steps": 80, "trained_on": 20, "judged_on": 20, "bandwidths": (0.1,), "rested": 20}


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


def the_worst_for_all(monkeypatch):
    honest = rest.Rates.certificate
    monkeypatch.setattr(rest.Rates, "certificate", lambda *given: np.full_like(honest(*given), honest(*given).max()))


def em_strides(factor):
    def wrong(monkeypatch):
        honest = rest.Rates.em_step
        monkeypatch.setattr(
            rest.Rates, "em_step", lambda self, logits: logits + factor * (honest(self, logits) - logits)
        )

    return wrong


def nothing_settles(monkeypatch):
    monkeypatch.setattr(rest, "settle", lambda objective, clusters, logits, *more: logits)


def one_point_up_to_two_and_a_half(monkeypatch):
    monkeypatch.setattr(rest, "one_point_limit", lambda kernel: 2.5)


def a_best_that_is_not(monkeypatch):
    honest = rest.Rates.best
    monkeypatch.setattr(rest.Rates, "best", lambda self: honest(self) * 10)


CASES = {
    "gradient 5 % too large": (
        "second derivative by a logit in the two-point case, -1/36",
        gradient_five_percent_too_large,
    ),
    "certificate 5 % too small": ("certificate of a starved point, log 2 in truth", certificate_five_percent_too_small),
    "certificate without the division": (
        "certificate less the real distance from the best, least",
        certificate_without_the_division,
    ),
    "kernel 3 % too wide": ("one point takes all, Laplace: widest target, in h", kernel_a_little_too_wide),
    "kernel 3 % too wide, by the formula": (
        "q by the formulas against the library, largest difference",
        kernel_a_little_too_wide,
    ),
    "EM strides too far": ("largest rise of the loss in a step of EM", em_strides(5.0)),
    "the worst certificate for all": (
        "L-BFGS at rest, recorded clusters: median certificate, nats",
        the_worst_for_all,
    ),
    "half a step": ("a step of EM against S - g, largest difference of the weights", em_strides(0.5)),
    "1.3 steps": ("a step of EM against S - g, largest difference of the weights", em_strides(1.3)),
    "1.05 steps": ("a step of EM against S - g, largest difference of the weights", em_strides(1.05)),
    "nothing settles": ("L-BFGS at rest, recorded clusters: median certificate, nats", nothing_settles),
    "limit 2.5": ("limits measured against those of q(x), largest difference, in h", one_point_up_to_two_and_a_half),
    "a best that isn't": ("certificate of the best by Newton's method, most", a_best_that_is_not),
}


@pytest.mark.parametrize("name", slow_but_first(CASES))
def test_wrong_libraries_are_caught(name):
    check, wrong = CASES[name]
    assert_caught(NOTEBOOK, "point-of-rest", check, wrong, **SMALL)
