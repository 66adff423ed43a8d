"""The regressor: what it learns, what weights, groups and intervals mean, and that its densities are densities."""

import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score

import kdelab
from kdelab.learn.regressor.bandwidth import Losses, least
from kdelab.learn.regressor.tails import NAMES

SMALL = {"neighbours": 30, "retrievals": 2, "max_iter": 30}


def regressor(**settings):
    return kdelab.KernelDensityRegressor(**SMALL | settings)


def noisy(seed=0, n=300, sigma=0.2):
    """A curve of the first of three features, with normal noise."""
    rng = np.random.default_rng(seed)
    X = rng.random((n, 3))
    return X, np.sin(5 * X[:, 0]) + sigma * rng.normal(size=n)


def same(one, other, X):
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    np.testing.assert_array_equal(one.predict_interval(X), other.predict_interval(X))
    assert one.bandwidth_ == other.bandwidth_
    assert one.history_ == other.history_


@pytest.fixture(scope="module")
def fitted():
    return regressor().fit(*noisy())


def test_it_finds_the_feature_that_matters_and_predicts_better_for_it(fitted):
    assert fitted.feature_importances_[0] > 0.8
    assert fitted.feature_importances_.sum() == pytest.approx(1)
    X, y = noisy(1)
    unlearned = regressor(retrievals=0).fit(*noisy())
    assert unlearned.metric_.weights.tolist() == [1, 1, 1]
    assert fitted.score(X, y) > unlearned.score(X, y) + 0.1
    assert np.mean((fitted.predict(X) - np.sin(5 * X[:, 0])) ** 2) < 0.02


def leave_one_out(model, X, y, weights, bandwidth):
    """The mean loss of each sample, by hand, from all others."""
    within = model.metric_.parameters.positions(model._fitted.x.clipped(X))
    losses = []
    for i in range(len(X)):
        z = np.log(weights) - np.abs(within - within[i]).sum(axis=1)
        others = np.delete(np.arange(len(X)), i)
        near = others[np.argsort(np.abs(within[others] - within[i]).sum(axis=1), kind="stable")[: model.neighbours]]
        S = np.exp(z[near] - z[near].max())
        losses.append(-np.log(S @ np.exp(kdelab.Laplace(bandwidth).log(y[i] - y[near])) / S.sum()))
    return np.average(losses, weights=weights)


@pytest.mark.parametrize("form", ["linear", "power", "scale"])
def test_training_lowers_the_leave_one_out_loss_and_the_best_retrieval_is_kept(form):
    X, y = noisy()
    weights = 10 ** np.random.default_rng(1).uniform(0, 2, len(X))
    model = regressor(form=form).fit(X, y, sample_weight=weights)
    losses = [entry.held_out for entry in model.history_]
    assert min(losses) < losses[0]
    found = leave_one_out(model, X, y, weights, model.bandwidth_)
    assert found == pytest.approx(min(losses), abs=1e-10)
    for factor in (0.93, 1.07):
        assert leave_one_out(model, X, y, weights, factor * model.bandwidth_) > found


def test_a_density_and_its_mean_are_those_of_the_formula():
    X, y = noisy(n=100)
    weights = 10 ** np.random.default_rng(1).uniform(0, 2, 100)
    model = regressor(background=0.1).fit(X, y, sample_weight=weights)
    asked, at = noisy(4, n=5)
    within, there = (model.metric_.parameters.positions(model._fitted.x.clipped(rows)) for rows in (X, asked))
    for i in range(5):
        far = np.abs(within - there[i]).sum(axis=1)
        near = np.argsort(far, kind="stable")[: model.neighbours]
        S = weights[near] * np.exp(-far[near])
        S /= S.sum()
        uniform = (y.min() <= at[i] <= y.max()) / np.ptp(y)
        density = 0.9 * S @ np.exp(kdelab.Laplace(model.bandwidth_).log(at[i] - y[near])) + 0.1 * uniform
        assert model.predict_density(asked[i : i + 1], at[i : i + 1])[0, 0] == pytest.approx(density, rel=1e-10)
        mean = 0.9 * S @ y[near] + 0.1 * (y.min() + y.max()) / 2
        assert model.predict(asked[i : i + 1])[0] == pytest.approx(mean, rel=1e-10)


@pytest.mark.parametrize("kernel", NAMES)
def test_a_density_integrates_to_one_and_intervals_cover_what_they_say(kernel):
    X, y = noisy(n=120)
    model = regressor(kernel=kernel, background=0.05, bandwidth=0.2, retrievals=1).fit(X, y)
    row = X[:1]
    low, high = model.predict_interval(row, coverage=0.8)[0]
    assert np.trapezoid(model.predict_density(row, np.linspace(low, high, 20_001))[0]) * (high - low) / 20_000 == (
        pytest.approx(0.8, abs=1e-3)
    )
    median = model.predict(row, statistic="median")[0]
    assert low < median < high
    places = np.linspace(y.min() - 1, y.max() + 1, 400)
    mode = model.predict(row, statistic="mode")
    assert model.predict_density(row, mode)[0, 0] >= model.predict_density(row, places).max() * (1 - 1e-9)
    drawn = model.sample(row, 500, random_state=0)
    assert drawn.shape == (1, 500)
    assert np.mean((low <= drawn) & (drawn <= high)) == pytest.approx(0.8, abs=0.07)


def test_a_score_is_the_mean_log_density(fitted):
    X, y = noisy(2, n=40)
    density = fitted.predict_density(X, y[:, None])[:, 0]
    assert fitted.score(X, y) == pytest.approx(np.log(density).mean(), rel=1e-12)
    weights = np.arange(40.0)
    assert fitted.score(X, y, weights) == pytest.approx(np.average(np.log(density), weights=weights), rel=1e-12)
    np.testing.assert_array_equal(fitted.predict_density(X, [0.1, 0.5])[:, 1:], fitted.predict_density(X, [0.5]))


def test_of_an_interval_the_score_is_the_mean_log_density_over_it(fitted):
    X, y = noisy(2, n=3)
    intervals = np.stack([y - 0.3, y + 0.1], axis=1)
    places = y[:, None] + np.linspace(-0.3, 0.1, 20_001)
    logs = np.log(fitted.predict_density(X, places))
    assert fitted.score(X, intervals) == pytest.approx(np.trapezoid(logs).mean() / 20_000, abs=1e-6)


def test_intervals_without_width_are_points_and_the_neighbours_point_is_the_middle():
    X, y = noisy(n=100)
    same(regressor().fit(X, y), regressor().fit(X, np.stack([y, y], axis=1)), X)
    wide = regressor(bandwidth=0.1, retrievals=0).fit(X, np.stack([y - 0.5, y + 0.5], axis=1))
    narrow = regressor(bandwidth=0.1, retrievals=0).fit(X, y)
    np.testing.assert_allclose(wide.predict(X), narrow.predict(X), atol=1e-12)


def test_rounded_targets_are_told_and_their_intervals_have_a_bandwidth():
    X, y = noisy(n=200)
    y = np.round(y)
    with pytest.warns(UserWarning, match="give the intervals that it was rounded from"):
        assert regressor(kernel="cauchy").fit(X, y).bandwidth_ < 1e-5
    model = regressor(kernel="cauchy").fit(X, np.stack([y - 0.5, y + 0.5], axis=1))
    assert model.bandwidth_ > 0.05


def test_a_weight_is_so_many_copies_and_none_is_no_sample_whatever_the_order():
    X, y = noisy(n=80)
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, 80)
    weighted = regressor().fit(X, y, sample_weight=weights)
    copies = rng.permutation(np.repeat(np.arange(80), weights))
    same(weighted, regressor().fit(X[copies], y[copies]), X)
    same(weighted, regressor().fit(X[weights > 0], y[weights > 0], sample_weight=weights[weights > 0]), X)
    assert not np.array_equal(weighted.predict(X), regressor().fit(X, y).predict(X))


def test_a_copy_does_not_predict_itself():
    X, y = noisy(n=100)
    alone, twice = regressor().fit(X, y), regressor().fit(np.repeat(X, 2, axis=0), np.repeat(y, 2))
    same(alone, twice, X)
    with pytest.warns(UserWarning, match="agree so closely"):
        different = regressor().fit(np.repeat(X, 2, axis=0), np.repeat(y, 2), groups=np.arange(200))
    assert different.bandwidth_ < alone.bandwidth_ / 100  # each has its twin right where it is


def test_samples_of_a_group_are_not_predicted_from_one_another():
    X, y = noisy(n=100)
    near = 1e-6 * np.random.default_rng(1).normal(size=(2, 100))
    doubled = np.concatenate([X, X + near[0, :, None]]), np.concatenate([y, y + near[1]])
    groups = np.tile([f"robot {i}" for i in range(100)], 2)
    with pytest.warns(UserWarning, match="agree so closely"):
        leaking = regressor().fit(*doubled)
    right = regressor().fit(*doubled, groups=groups)
    assert right.bandwidth_ > 20 * leaking.bandwidth_
    assert right.bandwidth_ == pytest.approx(regressor(neighbours=15).fit(X, y).bandwidth_, rel=0.05)
    held_out = noisy(5, n=400)
    assert right.score(*held_out) > leaking.score(*held_out) + 0.5


def test_folds_are_right_since_what_is_held_out_is_not_in_memory():
    X, y = noisy(n=600)
    truth = -0.5 * np.log(2 * np.pi * np.e * 0.2**2)
    scores = cross_val_score(regressor(kernel="gaussian"), X, y, cv=KFold(4, shuffle=True, random_state=0))
    assert truth - 0.15 < scores.mean() < truth + 0.03
    model = regressor(kernel="gaussian").fit(X, y)
    assert -model.history_[-1].held_out == pytest.approx(scores.mean(), abs=0.05)  # the leave-one-out loss says so, too


def test_the_bandwidth_is_that_of_least_leave_one_out_loss():
    X, y = noisy(n=200)
    weights = 10 ** np.random.default_rng(3).uniform(0, 3, len(X))
    unlearned = regressor(retrievals=0).fit(X, y, weights)
    for factor in (0.5, 0.95, 1.05, 2.0):
        other = regressor(retrievals=0, bandwidth=factor * unlearned.bandwidth_).fit(X, y, weights)
        np.testing.assert_array_equal(other.metric_.weights, unlearned.metric_.weights)
        assert other.history_[0].held_out > unlearned.history_[0].held_out


def test_the_bandwidth_is_chosen_for_all_samples_at_once(monkeypatch):
    asked = []
    prepare = Losses.__call__
    monkeypatch.setattr(Losses, "__call__", lambda self, rows, found: asked.append(rows) or prepare(self, rows, found))
    regressor(predictions=60).fit(*noisy())
    assert {len(rows) for rows in asked} == {60}


@pytest.mark.filterwarnings("error")
def test_a_least_is_found_behind_infinities_and_at_a_limit():
    assert least(lambda h: (np.log(h) - np.log(0.003)) ** 2, 0.25) == pytest.approx(0.003, rel=0.02)
    assert least(lambda h: (np.log(h) - np.log(2.0)) ** 2, 0.25) == pytest.approx(2.0, rel=0.02)
    assert least(lambda h: h if h > 0.7 else np.inf, 0.001) == pytest.approx(0.7, rel=0.02)
    assert least(lambda h: h, 0.25) == 1e-6
    assert least(lambda h: -h, 0.25) == 4.0


@pytest.mark.parametrize("kernel", ["box", "triangular", "epanechnikov"])
def test_a_kernel_that_ends_learns_a_bandwidth_that_reaches_all_and_is_told_if_it_can_not(kernel):
    X, y = noisy(n=120)
    model = regressor(kernel=kernel).fit(X, y)
    assert np.isfinite(model.history_[-1].held_out)
    far = y + 100.0 * (np.arange(120) == 7)
    assert model.score(X, far) == -np.inf
    assert np.isfinite(model.score(X, far, sample_weight=np.arange(120) != 7))
    with pytest.raises(ValueError, match="a kernel without tails needs a background"):
        regressor(kernel=kernel, bandwidth=1e-3).fit(X, y)
    assert np.isfinite(regressor(kernel=kernel, bandwidth=0.05, background=0.1).fit(X, y).score(X, y))


def test_constant_features_and_targets_do_no_harm():
    X, y = noisy(n=60)
    X[:, 1] = 7.0
    model = regressor(form="power").fit(X, y)
    assert model.feature_importances_[1] == 0
    moved = X.copy()
    moved[:, 1] = 1e300
    np.testing.assert_allclose(model.predict(moved), model.predict(X), atol=1e-12)
    with pytest.warns(UserWarning, match="bandwidth"):
        level = regressor().fit(X, np.full(60, 3.5))
    assert (level.predict(X) == 3.5).all()
    assert regressor(bandwidth=0.1).fit(np.zeros((60, 2)), y).feature_importances_.sum() == 0


def test_neighbours_of_equal_distance_are_not_picked_by_their_targets():
    y = np.random.default_rng(0).permutation(np.linspace(0, 1, 500))
    model = regressor(retrievals=0).fit(np.zeros((500, 1)), y)
    assert model.predict([[0.0]])[0] == pytest.approx(0.5, abs=0.2)  # of the lowest thirty it would be 0.03


@pytest.mark.parametrize("scale", [1e-200, 1e-3, 1e9, 1e200])
def test_units_do_not_matter(scale):
    X, y = noisy(n=80)
    one, other = regressor().fit(X, y), regressor().fit(X * scale, y * scale)
    np.testing.assert_allclose(other.predict(X * scale), one.predict(X) * scale, rtol=1e-6)
    np.testing.assert_allclose(other.predict_interval(X * scale), one.predict_interval(X) * scale, rtol=1e-6)
    assert other.score(X * scale, y * scale) == pytest.approx(one.score(X, y) - np.log(scale), abs=1e-6)


def test_the_mean_of_a_cauchy_mixture_is_that_of_its_points():
    X, y = noisy(n=60)
    model = regressor(kernel="cauchy", bandwidth=0.3).fit(X, y)
    assert (model.predict(X) >= y.min()).all()
    assert (model.predict(X) <= y.max()).all()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kernel": "sech"}, "kernel must be one of laplace, gaussian"),
        ({"kernel": kdelab.Laplace(0.1)}, "kernel must be one of"),
        ({"bandwidth": 0.0}, "bandwidth"),
        ({"bandwidth": np.nan}, "bandwidth"),
        ({"form": "square"}, "form must be one of scale, linear, power"),
        ({"neighbours": 0}, "neighbours"),
        ({"background": 1.0}, "background"),
        ({"statistic": "best"}, "statistic must be one of mean, median, mode"),
        ({"retrievals": -1}, "retrievals"),
        ({"max_iter": 0}, "max_iter"),
        ({"predictions": 0}, "predictions"),
        ({"shrinkage": -1.0}, "shrinkage must be at least 0"),
        ({"random_state": "a"}, "random_state: 'a' cannot be used"),
    ],
)
def test_a_wrong_parameter_is_named(settings, said):
    with pytest.raises(ValueError, match=said):
        regressor(**settings).fit(*noisy(n=20))


def test_wrong_data_are_named(fitted):
    X, y = noisy(n=20)
    for targets, said in (
        (np.stack([y, y - 1], axis=1), r"y must not have lower ends above upper ones, but y\[0\]"),
        (np.stack([y, y, y], axis=1), "points .* or intervals"),
        (np.where(y > 0, np.nan, y), "NaN"),
    ):
        with pytest.raises(ValueError, match=said):
            regressor().fit(X, targets)
    with pytest.raises(ValueError, match="1 group of positive weight"):
        regressor().fit(X, y, groups=np.ones(20))
    with pytest.raises(ValueError, match="1 sample of positive weight"):
        regressor().fit(np.repeat(X[:1], 5, axis=0), np.ones(5))
    with pytest.raises(ValueError, match="weight"):
        regressor().fit(X, y, sample_weight=np.zeros(20))
    with pytest.raises(ValueError, match="egative"):
        regressor().fit(X, y, sample_weight=-np.ones(20))
    with pytest.raises(ValueError, match="groups"):
        regressor().fit(X, y, groups=np.full(20, np.nan))
    with pytest.raises(ValueError, match="span more than a float can hold"):
        regressor().fit(X, [-1e308, 1e308, *y[2:]])
    for coverage in (0.0, 1.0, np.nan, "all"):
        with pytest.raises(ValueError, match="coverage"):
            fitted.predict_interval(X, coverage=coverage)
    for at, said in (
        (np.zeros((3, 2)), "y must have the shape"),
        ([np.nan], "y must be numbers"),
        ([np.inf], "finite"),
    ):
        with pytest.raises(ValueError, match=said):
            fitted.predict_density(X, at)
    with pytest.raises(ValueError, match="statistic"):
        fitted.predict(X, statistic="most")
    with pytest.raises(ValueError, match="n must"):
        fitted.sample(X, 0)
