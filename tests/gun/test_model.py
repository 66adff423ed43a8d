"""The gun that learns: gradients, repeatability, states on disk, exports, errors, aims."""

import json
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
from made_up_waves import learnable
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import kdelab

SMALL = {"neighbours": 15, "max_iter": 15, "retrievals": 2, "predictions": 120}


@pytest.mark.parametrize("form", ["scale", "linear", "power"])
def test_forms_agree_with_each_other(form: str) -> None:
    """A form's gradient is that of all parameters, pulled back; at the start all forms are one gun."""
    waves = learnable(waves=200)
    model = kdelab.NeighbourModel(form=form, validation=0, **SMALL).fit(waves)
    start = model.at(0)
    assert start.score(waves) == kdelab.NeighbourModel(**SMALL).unlearned(waves).score(waves)
    assert model.history_[-1].after < model.history_[0].before


def test_fitting_finds_the_features_that_matter_and_hits_more_often() -> None:
    waves, test = learnable(1), learnable(2)
    model = kdelab.NeighbourModel(neighbours=30).fit(waves)
    order = model.feature_names_in_[np.argsort(-model.weights_)]
    assert set(order[:2]) == {"lateral_speed", "room_ahead"}
    unlearned = kdelab.NeighbourModel(neighbours=30, form="scale").fit(waves)
    assert model.score(test) > unlearned.score(test) + 0.2
    assert model.hit_rate(test) > unlearned.hit_rate(test) + 0.1


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    waves = learnable(waves=300)
    one, two = (kdelab.NeighbourModel(random_state=3, **SMALL).fit(waves) for _ in range(2))
    np.testing.assert_allclose(one.weights_, two.weights_, rtol=0, atol=1e-10)
    other = kdelab.NeighbourModel(random_state=4, **SMALL).fit(waves)
    assert not np.allclose(one.weights_, other.weights_)


def test_the_best_round_by_held_out_loss_is_kept() -> None:
    model = kdelab.NeighbourModel(patience=None, **SMALL).fit(learnable(waves=300))
    held_out = [entry.held_out for entry in model.history_]
    best = model.at(int(np.argmin(held_out)))
    np.testing.assert_allclose(model.weights_, best.weights_)
    assert len(held_out) == 3


def test_fifty_waves_in_memory_are_enough_and_waves_held_out_are_never_trained_on(
    capsys: pytest.CaptureFixture,
) -> None:
    waves = learnable(battles=1, waves=200).assign(round=np.repeat([10, 11, 12, 13], 50))
    enough = kdelab.NeighbourModel(**SMALL).fit(waves)
    assert set(waves["round"][enough.predictions_]) == {11, 12}, "13 is the last fifth of four rounds"
    assert capsys.readouterr() == ("", ""), "no bar unless asked for"
    one = waves.drop(index=[0]).reset_index(drop=True)
    assert set(one["round"][kdelab.NeighbourModel(**SMALL).fit(one).predictions_]) == {12}


def test_any_objective_can_be_trained() -> None:
    from kdelab.study.rivals import MeanSquaredError

    waves = learnable(waves=300)
    model = kdelab.NeighbourModel(loss=MeanSquaredError, **SMALL).fit(waves)
    assert model.history_[1].after < model.history_[1].before
    assert not np.allclose(model.weights_, kdelab.NeighbourModel(**SMALL).fit(waves).weights_)


@pytest.mark.parametrize("kernel", [kdelab.Box(0.2), kdelab.Cauchy(0.1), "interval"])
def test_other_kernels(kernel) -> None:
    waves = learnable(waves=300)
    model = kdelab.NeighbourModel(kernel=kernel, background=0.05, aim="intervals", **SMALL).fit(waves)
    assert model.history_[-1].after < model.history_[0].before
    assert model.hit_rate(waves) > 0.3


class DiesInTheMiddle(kdelab.CrossEntropy):
    """The loss, in a process that is killed while it trains."""

    calls = 0
    deadly = False
    interrupts = False

    def value_and_grad(self, logits):
        DiesInTheMiddle.calls += 1
        if DiesInTheMiddle.calls > 8 and DiesInTheMiddle.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        if DiesInTheMiddle.calls > 8 and DiesInTheMiddle.interrupts:
            raise KeyboardInterrupt
        return super().value_and_grad(logits)


def fit_and_die(path: Path) -> None:
    DiesInTheMiddle.deadly, DiesInTheMiddle.calls = True, 0
    kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(learnable(waves=300), checkpoint=path)


@pytest.mark.slow
def test_a_killed_fit_leaves_its_last_state_and_goes_on_from_it(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    process = multiprocessing.get_context("spawn").Process(target=fit_and_die, args=(path,))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    state = json.loads(path.read_text())
    start = state["rounds"][0]["theta"]
    assert state["theta"] != start, "some steps are on disk"
    assert [entry.name for entry in tmp_path.iterdir() if not entry.name.startswith(".")] == ["state.json"]

    waves = learnable(waves=300)
    resumed = kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(waves, checkpoint=path)
    straight = kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(waves)
    assert resumed.history_[1].evaluations < straight.history_[1].evaluations + 5
    assert resumed.history_[1].after <= straight.history_[1].after + 2e-3
    again = kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(waves, checkpoint=path)
    np.testing.assert_array_equal(again.weights_, resumed.weights_)

    with pytest.raises(ValueError, match="other data or settings"):
        kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(learnable(seed=2, waves=300), checkpoint=path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(ValueError, match="is not the state of a fit"):
        kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL).fit(waves, checkpoint=path)


def test_an_interrupted_model_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DiesInTheMiddle, "interrupts", True)
    monkeypatch.setattr(DiesInTheMiddle, "calls", 0)
    waves = learnable(waves=300)
    model = kdelab.NeighbourModel(loss=DiesInTheMiddle, **SMALL)
    with pytest.raises(KeyboardInterrupt):
        model.fit(waves)
    assert np.isfinite(model.score(waves))


def test_conventions_of_scikit_learn() -> None:
    model = kdelab.NeighbourModel(form="power", neighbours=7)
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(neighbours=9).neighbours == 9
    waves = learnable(waves=200)
    for use in (model.predict, model.score, model.hit_rate, model.density):
        with pytest.raises(NotFittedError):
            use(waves, 0.0) if use == model.density else use(waves)
    with pytest.raises(NotFittedError):
        model.to_json()
    fitted = kdelab.NeighbourModel(**SMALL)
    assert fitted.fit(waves) is fitted
    assert fitted.n_features_in_ == len(fitted.feature_names_in_) == 14
    with pytest.raises(NotFittedError):
        clone(fitted).predict(waves)


@pytest.mark.parametrize("form", ["linear", "power"])
@pytest.mark.parametrize("kernel", [kdelab.GeneralizedNormal(0.7, 0.1), kdelab.Laplace(1 / 3), "interval"])
def test_exports_come_back_without_loss(form: str, kernel) -> None:
    waves = learnable(waves=200)
    model = kdelab.NeighbourModel(kernel, form=form, background=0.01, aim="intervals", **SMALL).fit(waves)
    for back in (
        kdelab.NeighbourModel.from_json(model.to_json()),
        kdelab.NeighbourModel.from_java(model.to_java("MyGun")),
    ):
        assert (back.scale_, back.ranges_, back.kernel) == (model.scale_, model.ranges_, model.kernel)
        for name in ("weights_", "exponents_", "offsets_"):
            np.testing.assert_array_equal(getattr(back, name), getattr(model, name))
        np.testing.assert_array_equal(back.predict(waves), model.predict(waves))
        np.testing.assert_array_equal(back.losses(waves), model.losses(waves))


def test_what_is_no_export_is_refused() -> None:
    model = kdelab.NeighbourModel(**SMALL).unlearned(learnable(waves=200))
    with pytest.raises(ValueError, match="not a gun that to_json wrote"):
        kdelab.NeighbourModel.from_json(model.to_json()[:-20])
    with pytest.raises(ValueError, match="not a gun that to_java wrote"):
        kdelab.NeighbourModel.from_java("class Nothing {}")
    with pytest.raises(ValueError, match="14 rows of three"):
        kdelab.NeighbourModel.from_java(model.to_java().replace("{1.0, 0.0, 1.0}", "{1.0, 0.0}", 1))
    with pytest.raises(ValueError, match="a Java class needs"):
        model.to_java("no class")


def test_java_has_a_row_a_feature() -> None:
    source = kdelab.NeighbourModel(form="power", **SMALL).fit(learnable(waves=200)).to_java("MyGun")
    assert "public final class MyGun {" in source
    assert source.count("{") == source.count("}")
    assert sum("}, //" in line for line in source.splitlines()) == 14


def test_one_error_names_everything_that_is_wrong_with_a_table() -> None:
    waves = learnable(waves=200)
    waves.loc[[7, 9], "distance"] = np.nan
    waves.loc[11, "lower"] = 0.9
    waves.loc[11, "upper"] = 0.9
    waves.loc[13, "speed"] = 99.0
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        kdelab.NeighbourModel().fit(waves)
    for part in (
        "distance is not a finite number in 2 rows, first in row 7",
        "the interval is empty, lower >= upper, in 1 rows, first in row 11",
        "speed is outside its range [0, 8] in 1 rows, first in row 13 (speed = 99.0)",
    ):
        assert part in str(caught.value)
    with pytest.raises(ValueError, match="lacks the columns round, speed"):
        kdelab.NeighbourModel().fit(learnable().drop(columns=["round", "speed"]))
    with pytest.raises(ValueError, match="must be a pandas or polars DataFrame"):
        kdelab.NeighbourModel().fit(np.zeros((3, 3)))
    text = learnable(waves=200).astype({"round": object})
    text.loc[3, "round"] = "third"
    with pytest.raises(ValueError, match=r"round is not a finite number in 1 rows, first in row 3 \(round = third\)"):
        kdelab.NeighbourModel().fit(text)
    with pytest.raises(ValueError, match="none of the 40 can be trained on"):
        kdelab.NeighbourModel().fit(learnable(battles=1, waves=40))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel": "laplace"}, "kernel must be a kdelab kernel"),
        ({"form": "cubic"}, "form: 'cubic' given, allowed are scale, linear, power"),
        ({"neighbours": 0}, "neighbours must be a whole number of at least 1"),
        ({"loss": 3}, "loss must be called with"),
        ({"aim": "high"}, "aim: 'high' given"),
        ({"kernel": kdelab.Box(0.1)}, "background must be greater than 0 with Box"),
        ({"kernel": "interval"}, "background must be greater than 0 with 'interval'"),
        ({"features": ["speed", "speed"]}, "each once"),
        *(
            ({"features": wrong}, "features must be columns")
            for wrong in ("speed", [], 3, [3], ["speed", 3], [["speed"]])
        ),
        ({"retrieve_anew": "no"}, "retrieve_anew must be True or False"),
        ({"neighbours": 2**31}, "neighbours must be at most 2147483647"),
        ({"validation": 1.0}, "validation must be at least 0 and less than 1"),
        ({"random_state": -1}, "random_state must be a whole number"),
    ],
)
def test_wrong_parameters_are_named(parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kdelab.NeighbourModel(**parameters).fit(learnable(waves=200))


def test_wrong_weights_and_rows_are_named() -> None:
    waves = learnable(waves=200)
    with pytest.raises(ValueError, match="sample_weight has 3 entries where 400 are needed"):
        kdelab.NeighbourModel().fit(waves, sample_weight=[1, 1, 1])
    with pytest.raises(ValueError, match="sample_weight must not be negative"):
        kdelab.NeighbourModel().fit(waves, sample_weight=np.zeros(400))
    model = kdelab.NeighbourModel().unlearned(waves)
    with pytest.raises(ValueError, match="rows must be a mask or a list of rows from 0 to 399"):
        model.predict(waves, [400])
    with pytest.raises(ValueError, match="as a mask it needs"):
        model.predict(waves, np.ones(3, dtype=bool))
    with pytest.raises(ValueError, match="bot_width must be given"):
        model.predict(waves.drop(columns="escape_angle"))


def test_features_of_ones_own() -> None:
    waves = learnable(waves=300)
    waves["mine"] = 1000 * waves["lateral_speed"] - 77
    model = kdelab.NeighbourModel(features=["mine", "power"], form="linear", **SMALL).fit(waves)
    assert model.ranges_["mine"] == (waves["mine"].min(), waves["mine"].max())
    assert model.weights_[0] > model.weights_[1]


def test_predictions_without_a_memory_are_head_on() -> None:
    waves = learnable(waves=200)
    model = kdelab.NeighbourModel().unlearned(waves)
    first = waves["round"].to_numpy() == 0
    assert (model.predict(waves, first) == 0).all()
    np.testing.assert_allclose(model.losses(waves, first), np.log(2))
    np.testing.assert_allclose(model.density(waves, [-0.3, 0.9], first), 0.5)
    with pytest.raises(ValueError, match="none of the"):
        model.score(waves, rows=first)


@pytest.mark.parametrize("aim", ["density", "intervals"])
def test_judging_says_what_the_single_questions_say(aim: str) -> None:
    waves = learnable(waves=200)
    model = kdelab.NeighbourModel(neighbours=20, aim=aim).unlearned(waves)
    rows = np.arange(10, 390, 7)
    table = model.judge(waves, rows)
    known = np.isin(rows, table["row"])
    assert 0 < known.sum() < len(rows)
    np.testing.assert_array_equal(table["aim"], model.predict(waves, rows)[known])
    np.testing.assert_array_equal(table["cross_entropy"], model.losses(waves, rows)[known])
    assert table["hit"].mean() == pytest.approx(model.hit_rate(waves, rows=rows))
    clusters, _, _ = model.logits(waves, rows)
    for nearest, (points, lower, upper) in zip(table["nearest"], clusters, strict=True):
        assert nearest == min(max(lower - x, x - upper, 0.0) for x in points)
