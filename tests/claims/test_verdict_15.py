"""Notebook 15 under deliberately wrong libraries, and under tables of guns that say otherwise."""

import numpy as np
import pandas as pd
import pytest
from sabotage import assert_caught, instead, scaled_gradient, slow_but_first

import kdelab
from kdelab.gun.compare import cells, censored
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


def of_log(table):
    return (table["learner"] == censored.LOG).to_numpy()


def points_more_for_the_log(points):
    def wrong(honest):
        def load(name):
            table = honest(name)
            return table.assign(hits=table["hits"] + np.where(of_log(table), points / 100 * table["shots"], 0.0))

        return load

    return wrong


def nats_more_for_the_log(honest):
    def load(name):
        table = honest(name)
        return table.assign(loss=table["loss"] + np.where(of_log(table), 0.03 * table["shots"], 0.0))

    return load


def closer(table):
    """Guns of which the two trained ones lie half as far apart: so close that the claim holds."""
    keys = [name for name in ("set", "battle", "seed", "learner") if name in table]
    sums = table.set_index(keys).sort_index().astype(float)
    log, thread = (sums.xs(name, level="learner") for name in (censored.LOG, censored.THREAD))
    sums.loc[sums.index.get_level_values("learner") == censored.LOG] = ((log + thread) / 2).to_numpy()
    return sums.reset_index()


@pytest.fixture(autouse=True)
def guns_alike(monkeypatch):
    """What was recorded may leave the claim on the gun undecided, and what is undecided can't be refuted."""
    load, case_cells = cells.load, censored.case_cells
    monkeypatch.setattr(cells, "load", lambda name: closer(load(name)))
    monkeypatch.setattr(censored, "case_cells", lambda *given: [closer(pd.concat(case_cells(*given)))])


LOSS = "log-of-integral"
CASES = {
    "one tail 3 % up": (
        *(LOSS, "loss against 80 digits, error over its bound"),
        instead(rivals, "log_mean", one_tail_three_percent_up),
    ),
    "eight midpoints": (
        *(LOSS, "gradient against 80 digits, error over its bound"),
        instead(LogOfIntegral, "__init__", eight_midpoints),
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
    "5 % of a background": (
        *("covers-the-target", "log of the integral at rest, above the best single point, nats"),
        instead(LogOfIntegral, "value_and_grad", five_percent_of_something_else),
    ),
    "thread's loss is the other": (
        *("covers-the-target", "middle of three points: what the thread's loss takes"),
        instead(CrossEntropy, "value_and_grad", log_of_the_integral),
    ),
    "thread's loss at the centre": (
        *("covers-the-target", "thread's loss at rest: points' worth of weight, median"),
        instead(CrossEntropy, "__init__", at_the_centre),
    ),
    "trained with one tail 3 % up": (
        *("log-of-integral-gun", "cells computed again: largest difference from the file, nats a shot"),
        instead(rivals, "log_mean", one_tail_three_percent_up),
    ),
    "2 points more": (
        *("log-of-integral-gun", "hits: far end of the interval of the difference, percentage points"),
        instead(cells, "load", points_more_for_the_log(2)),
    ),
    "0.03 nats more": (
        *("log-of-integral-gun", "cross-entropy: far end of the interval of the difference, nats"),
        instead(cells, "load", nats_more_for_the_log),
    ),
}


@pytest.mark.parametrize("name", slow_but_first(CASES, claim=lambda name: CASES[name][0]))
def test_wrong_libraries_are_caught(name):
    claim, check, wrong = CASES[name]
    assert_caught(NOTEBOOK, claim, check, wrong, **SMALL)
