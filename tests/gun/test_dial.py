"""The dial: how loudly cases are heard, and what is made of it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import brentq

import kdelab
from kdelab.gun.compare import cells, dial, trials

FEW = dial.SETTINGS | {"predictions": 60, "max_iter": 3, "neighbours": 20}
SOME = {name: dial.POSITIONS[name] for name in ("alpha 0", "alpha 0.6", "alpha 0.6, placebo")}


@given(arrays(float, st.integers(1, 40), elements=st.floats(-5, 50)), st.floats(-10, 10), st.floats(1.01, 20))
def test_the_weights_have_mean_1_and_none_is_louder_than_allowed(losses, alpha, loudest):
    weights = dial.loudness(losses, alpha, loudest)
    assert weights.mean() == pytest.approx(1, abs=1e-9)
    assert weights.max() <= loudest * (1 + 1e-12)
    order = np.argsort(alpha * losses, kind="stable")
    assert (np.diff(weights[order]) <= 1e-12).all()  # the louder, the less alpha L0


def test_below_the_bound_weights_are_as_written():
    losses = np.array([0.0, 1.0, 2.0, 5.0, 9.0])
    for alpha in (-0.6, 0.4):
        loud = np.exp(-alpha * losses)

        def excess(scale, loud=loud):
            return np.minimum(scale * loud, 2.0).mean() - 1

        scale = brentq(excess, 1e-6, 1e6)
        np.testing.assert_allclose(dial.loudness(losses, alpha, 2.0), np.minimum(scale * loud, 2.0), rtol=1e-9)
    np.testing.assert_array_equal(dial.loudness(losses, 0.0), 1.0)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (([0.0, np.nan], 0.5), "losses must be finite"),
        (([0.0], 11), "alpha: 11 given"),
        (([0.0], 0.5, 1.0), "loudest: 1.0 given"),
    ],
)
def test_what_is_no_loudness_is_refused(given, named):
    with pytest.raises(ValueError, match=named):
        dial.loudness(*given)


@pytest.fixture(scope="module")
def waves():
    table = kdelab.load_waves("samples")
    some = pd.unique(table["battle"])[:8]
    return table[table["battle"].isin(some)].reset_index(drop=True)


def test_a_placebo_has_the_same_weights_of_other_cases(waves, monkeypatch):
    heard = []
    fit = kdelab.NeighbourModel.fit

    def listening(self, recall, **named):
        heard.append(named["sample_weight"])
        return fit(self, recall, **named)

    monkeypatch.setattr(kdelab.NeighbourModel, "fit", listening)
    list(dial.trained(waves, [3], SOME, FEW))
    plain, loud, placebo = heard
    assert set(plain) == {0.0, 1.0}
    np.testing.assert_array_equal(np.sort(loud), np.sort(placebo))
    assert (loud != placebo).mean() > 0.5
    np.testing.assert_array_equal(loud > 0, plain > 0)


def test_training_knows_nothing_of_late_rounds(waves):
    late = trials.late_rounds(waves)
    noise = waves.copy()
    rng = np.random.default_rng(0)
    noise.loc[late, ["lower", "upper"]] = noise.loc[late, ["lower", "upper"]].to_numpy()[rng.permutation(late.sum())]
    for one, other in zip(dial.trained(waves, [0], SOME, FEW), dial.trained(noise, [0], SOME, FEW), strict=True):
        assert one[:2] == other[:2]
        np.testing.assert_array_equal(one[2].weights_, other[2].weights_)


@pytest.mark.parametrize("job", dial.JOBS)
def test_cells_are_of_late_real_shots(waves, job):
    made = dial.gun_cells if job == "gun" else dial.surfer_cells
    table = pd.concat(made(waves, [0, 1], learners=SOME, settings=FEW))
    assert set(table["learner"]) == set(SOME)
    assert set(table["seed"]) == {0, 1}
    late = waves[trials.late_rounds(waves) & waves["real"]]
    shots = table[(table["learner"] == "alpha 0") & (table["seed"] == 0)].set_index("battle")["shots"]
    assert (shots <= late.groupby("battle").size()[shots.index]).all()
    assert ((table["hits"] >= 0) & (table["hits"] <= table["shots"])).all()
    contrast = cells.contrast(table, "hits", "alpha 0.6", "alpha 0", np.random.default_rng(0))
    assert contrast.units == shots.index.nunique()


def test_what_is_no_exam_is_refused():
    with pytest.raises(ValueError, match="job: 'tank' given"):
        dial.exam("samples", "tank")
    with pytest.raises(ValueError, match="nobody in 'samples'"):
        dial.exam("samples", "surfer")
    assert set(dial.exam("surfers", "surfer")["shooter"]) == {"kc.mega.BeepBoop", "voidious.Diamond"}
