"""One learner, two faces: the gun and the regressor hand the same fit their examples, and reach the same weights."""

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun import model as gun
from kdelab.learn.checkpoint import opened
from kdelab.learn.examples import Examples
from kdelab.learn.fit import Schedule, fit, reached
from kdelab.learn.regressor import estimator
from kdelab.learn.regressor.bandwidth import Losses
from kdelab.learn.regressor.samples import Samples

SETTINGS = {"form": "power", "neighbours": 15, "retrievals": 2, "max_iter": 20, "shrinkage": 1.0}


def handed_over(module, monkeypatch, learn):
    """What a face gives the learner: examples and schedule."""
    given = []

    def listening(*arguments):
        given.append(arguments)
        return fit(*arguments)

    monkeypatch.setattr(module, "fit", listening)
    learn()
    ((examples, _, schedule, shrinkage, _),) = given
    return examples, schedule, shrinkage


def test_both_faces_hand_examples_to_the_same_learner(monkeypatch):
    X = np.random.default_rng(0).random((80, 3))
    faces = {
        gun: lambda: kdelab.NeighbourModel(validation=0, **SETTINGS).fit(learnable(waves=100)),
        estimator: lambda: kdelab.KernelDensityRegressor(**SETTINGS).fit(X, X[:, 0] ** 2),
    }
    for module, learn in faces.items():
        assert module.fit is fit
        examples, schedule, shrinkage = handed_over(module, monkeypatch, learn)
        assert isinstance(examples, Examples)
        assert isinstance(schedule, Schedule)
        assert examples.form.kinds == 3
        assert shrinkage == 1.0


@pytest.mark.parametrize("background", [0.0, 0.1])
def test_with_the_gun_s_memory_the_regressor_s_loss_leads_to_the_gun_s_weights(monkeypatch, background):
    model = kdelab.NeighbourModel(validation=0, background=background, **SETTINGS)
    waves = learnable(waves=300)
    examples, schedule, shrinkage = handed_over(gun, monkeypatch, lambda: model.fit(waves))
    n = len(waves)
    samples = Samples(
        examples.retriever.features, waves["lower"].to_numpy(), waves["upper"].to_numpy(), np.ones(n), np.arange(n)
    )
    mine = examples._replace(objective=Losses(samples, kdelab.Laplace, background, bandwidth=0.1))
    with opened(None, {}) as state:
        fit(mine, mine._replace(rows=mine.rows[:0], weights=mine.weights[:0]), schedule, shrinkage, state)
    assert reached(state).tolist() == list(model.history_[-1].theta), "to the last bit"
