"""Notebook 15 under deliberately wrong libraries, and under tables of guns that say otherwise."""

import numpy as np
import pytest
from sabotage import assert_caught, instead, scaled_gradient

import kdelab
from kdelab.gun.compare import censored
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.study import rivals
from kdelab.study.rivals import LogOfIntegral

pytestmark = pytest.mark.xdist_group("15")
NOTEBOOK = "15-log-of-the-integral.ipynb"
SMALL = {"predictions": 200, "settled": 5, "recomputed": 1, "gun_waves": "surfers"}


def eight_midpoints(honest):
    return lambda self, clusters, kernel, quadrature=None: honest(self, clusters, kernel, kdelab.Midpoint(8))


def one_tail_three_percent_up(honest):
    return lambda kernel, points, lower, upper: (
        honest(kernel, points, lower, upper) + np.where(points > upper, np.log(1.03), 0.0)
    )


def integral_of_the_log(honest):
    return lambda self, logits: CrossEntropy(self.clusters, self.kernel).value_and_grad(logits)


def five_percent_of_something_else(honest):
    """A background that the loss isn't asked for."""

    def value_and_grad(self, logits):
        values, gradient = honest(self, logits)
        return -np.log(0.95 * np.exp(-values) + 0.05 * 0.5), gradient

    return value_and_grad


def log_of_the_integral(honest):
    return lambda self, logits: LogOfIntegral(self.clusters, self.kernel).value_and_grad(logits)


def at_the_centre(honest):
    def prepare(self, clusters, *more, **named):
        honest(self, clusters.one_bin(), *more, **named)

    return prepare


def points_more_for_the_log(points):
    def wrong(honest):
        def load(name):
            table = honest(name)
            of_log = table.gun == censored.LOG
            return table.assign(hits=table.hits + np.where(of_log, points / 100 * table.shots, 0.0))

        return load

    return wrong


def nats_more_for_the_log(honest):
    def load(name):
        table = honest(name)
        of_log = table.gun == censored.LOG
        return table.assign(cross_entropy=table.cross_entropy + np.where(of_log, 0.03 * table.shots, 0.0))

    return load


def closer(honest):
    """Guns of which the two trained ones lie half as far apart: so close that the claim holds."""

    def cells(*given):
        table = honest(*given).copy()
        of_log, of_thread = ((table["gun"] == name).to_numpy() for name in (censored.LOG, censored.THREAD))
        for column in censored.JUDGED:
            values = table[column].to_numpy(dtype=float, copy=True)
            values[of_log] = (values[of_log] + values[of_thread]) / 2
            table[column] = values
        return table

    return cells


@pytest.fixture(autouse=True)
def guns_alike(monkeypatch):
    """What was recorded leaves the claim on the gun undecided, and what is undecided can't be refuted."""
    for name in ("load", "cells"):
        monkeypatch.setattr(censored, name, closer(getattr(censored, name)))


LOSS = "log-of-integral"
CASES = {
    "eight midpoints": (
        *(LOSS, "gradient against 80 digits, error over its bound"),
        instead(LogOfIntegral, "__init__", eight_midpoints),
    ),
    "one tail 3 % up": (
        *(LOSS, "loss against 80 digits, error over its bound"),
        instead(rivals, "log_mean", one_tail_three_percent_up),
    ),
    "integral of the log": (
        *(LOSS, "gradient against 80 digits, error over its bound"),
        instead(LogOfIntegral, "value_and_grad", integral_of_the_log),  # the two are then all the same
    ),
    "thread's gradient 3 % short": (LOSS, "one bin: difference of the gradients", scaled_gradient(0.97)),
    "thread's gradient 20 % short": (
        *(LOSS, "difference of the gradients, targets up to 2 h, summed up"),
        scaled_gradient(0.8),
    ),
    "thread's loss is the other": (
        *("covers-the-target", "middle of three points: what the thread's loss takes"),
        instead(CrossEntropy, "value_and_grad", log_of_the_integral),
    ),
    "thread's loss at the centre": (
        *("covers-the-target", "thread's loss at rest: points' worth of weight, median"),
        instead(CrossEntropy, "__init__", at_the_centre),
    ),
    "5 % of a background": (
        *("covers-the-target", "log of the integral at rest, above the best single point, nats"),
        instead(LogOfIntegral, "value_and_grad", five_percent_of_something_else),
    ),
    "trained with one tail 3 % up": (
        *("log-of-integral-gun", "cells computed again: largest difference from the file, nats a shot"),
        instead(rivals, "log_mean", one_tail_three_percent_up),
    ),
    "2 points more": (
        *("log-of-integral-gun", "hits: far end of the interval of the difference, percentage points"),
        instead(censored, "load", points_more_for_the_log(2)),
    ),
    "0.03 nats more": (
        *("log-of-integral-gun", "cross-entropy: far end of the interval of the difference, nats"),
        instead(censored, "load", nats_more_for_the_log),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_wrong_libraries_are_caught(name, monkeypatch):
    claim, check, wrong = CASES[name]
    assert_caught(NOTEBOOK, claim, check, wrong, monkeypatch, **SMALL)
