"""Public functions return arrays of the shapes that their docstrings promise."""

from functools import partial

import numpy as np
import pytest
import shapes
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import baselines
from kdelab.study import rivals
from kdelab.study.rest import Rates

CLUSTERS = kdelab.Clusters.from_lists([[0.1, 0.3], [-0.2, 0.0, 0.1, 0.4]], [0.0, -0.1], [0.2, 0.1])
LOGITS = np.array([0.0, 1.0, 0.5, -0.5, 0.0, 0.2])
SIZES = {"n": 2, "total": 6, "m": 5, "rows": 3, "features": 14}
X = np.linspace(-1, 1, 5)
KERNEL = kdelab.Laplace(0.1)
LOSS = kdelab.CrossEntropy(CLUSTERS, KERNEL)
TWO_PASS = kdelab.TwoPass(CLUSTERS.scatter(np.random.default_rng(1), 2), KERNEL)

RIVALS = [rivals.MeanSquaredError, rivals.SquaredDistance, rivals.Wasserstein, rivals.CRPS, rivals.LogOfIntegral,
          rivals.DensitySquaredError, partial(rivals.Power, alpha=0.5)]  # fmt: skip
OF_LOGITS = [LOSS.value_and_grad, LOSS.value, TWO_PASS.value_and_grad, TWO_PASS.value, Rates(LOSS).em_step,
             Rates(LOSS).certificate, CLUSTERS.log_softmax, CLUSTERS.softmax,
             *(rival(CLUSTERS, KERNEL).value_and_grad for rival in RIVALS)]  # fmt: skip


@pytest.mark.parametrize("function", OF_LOGITS, ids=lambda function: function.__qualname__)
def test_what_takes_logits_returns_the_shapes_that_it_promises(function):
    assert shapes.kept(function, function(LOGITS), SIZES)


@pytest.mark.parametrize("x", [X, np.array([X, X])])
def test_a_density_has_a_row_a_prediction(x):
    assert shapes.kept(LOSS.density, LOSS.density(LOGITS, x), SIZES)
    assert shapes.kept(LOSS.log_density, LOSS.log_density(LOGITS, x), SIZES)


@pytest.mark.parametrize("gun", [kdelab.NeighbourModel(), baselines.Linear(), baselines.Histogram()])
def test_a_gun_answers_for_the_rows_that_it_is_asked_about(gun):
    waves = learnable(waves=100)
    gun = gun.unlearned(waves) if isinstance(gun, kdelab.NeighbourModel) else gun.fit(waves)
    assert shapes.kept(gun.predict, gun.predict(waves, rows=[90, 91, 99]), SIZES)


def test_a_regressor_answers_for_the_rows_that_it_is_asked_about():
    table = np.random.default_rng(0).random((30, 2))
    model = kdelab.KernelDensityRegressor().fit(table, table[:, 0])
    asked, sizes = table[:3], SIZES | {"2": 2}
    for promise in (model.predict, model.predict_interval):
        assert shapes.kept(promise, promise(asked), sizes)
    assert shapes.kept(model.predict_density, model.predict_density(asked, X), sizes)
    assert shapes.kept(model.sample, model.sample(asked, 2), sizes)


def test_a_broken_promise_is_seen():
    def short(logits):
        """Return something, (total,)."""
        return logits[1:]

    assert not shapes.kept(short, short(LOGITS), SIZES)
    assert not shapes.kept(len, 0, SIZES)
