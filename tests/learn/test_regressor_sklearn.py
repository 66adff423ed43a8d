"""The regressor at home in scikit-learn: its own checks, searches, pipelines, tables, routing, pickles, threads."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.parallel import joblib

import kdelab

SMALL = {"neighbours": 20, "retrievals": 1, "max_iter": 10}


def regressor(**settings):
    return kdelab.KernelDensityRegressor(**SMALL | settings)


def data(n=90):
    rng = np.random.default_rng(0)
    X = rng.random((n, 3))
    return X, X[:, 0] ** 2 + 0.1 * rng.normal(size=n)


@pytest.mark.filterwarnings("ignore:y. targets agree so closely")  # they round them
@parametrize_with_checks([kdelab.KernelDensityRegressor(), regressor(kernel="gaussian", form="power", n_jobs=2)])
def test_all_checks_of_scikit_learn(estimator, check):
    check(estimator)


def test_a_grid_searches_kernels_and_bandwidths():
    X, y = data()
    grid = {"kernel": ["laplace", "gaussian"], "bandwidth": [0.01, 0.1, 1.0]}
    search = GridSearchCV(regressor(), grid, cv=KFold(3, shuffle=True, random_state=0)).fit(X, y)
    assert search.best_params_["bandwidth"] == 0.1
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.score(X, y) == search.best_estimator_.score(X, y)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_tables_go_through_pipelines_and_keep_their_names(kind):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X, y = X.iloc[:120], y.iloc[:120]
    table = X if kind == "pandas" else pl.from_pandas(X)
    targets = y if kind == "pandas" else pl.Series(y.to_numpy())
    pipeline = make_pipeline(PowerTransformer().set_output(transform=kind), regressor()).fit(table, targets)
    model = pipeline[-1]
    assert list(model.feature_names_in_) == list(X.columns) == list(model.metric_.ranges)
    plain = make_pipeline(PowerTransformer(), regressor()).fit(X.to_numpy(), y.to_numpy())
    # the transformer adds up in the order in which its table lies in memory
    np.testing.assert_allclose(pipeline.predict(table), plain.predict(X.to_numpy()), rtol=1e-9)
    np.testing.assert_array_equal(regressor().fit(table, targets).predict(table), regressor().fit(X, y).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.iloc[:, ::-1] if kind == "pandas" else table[:, ::-1])


def test_groups_are_routed_to_the_fit_and_to_the_splitter():
    X, y = data()
    groups = np.arange(90) // 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = regressor().set_fit_request(groups=True)
        found = cross_validate(model, X, y, params={"groups": groups}, cv=GroupKFold(3), return_estimator=True)
        pipeline = make_pipeline(StandardScaler(), model).fit(X, y, groups=groups)
    for (train, test), one, score in zip(
        GroupKFold(3).split(X, y, groups), found["estimator"], found["test_score"], strict=True
    ):
        by_hand = regressor().fit(X[train], y[train], groups=groups[train])
        np.testing.assert_array_equal(one.predict(X), by_hand.predict(X))
        assert score == by_hand.score(X[test], y[test])
        assert by_hand.bandwidth_ != regressor().fit(X[train], y[train]).bandwidth_
    scaled = StandardScaler().fit_transform(X)
    assert pipeline[-1].bandwidth_ == regressor().fit(scaled, y, groups=groups).bandwidth_


def test_a_clone_is_unfitted_and_fits_alike_and_a_pickle_predicts_alike_to_the_last_bit():
    X, y = data()
    model = regressor(statistic="median").fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    again = clone(model)
    with pytest.raises(NotFittedError):
        again.predict(X)
    again.fit(X, y)
    for other in (copy, again):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        np.testing.assert_array_equal(other.predict_interval(X), model.predict_interval(X))
        np.testing.assert_array_equal(other.sample(X, 3, 0), model.sample(X, 3, 0))
        assert other.score(X, y) == model.score(X, y)


def test_no_digit_depends_on_threads_or_processes():
    X, y = data(1200)
    one = regressor(n_jobs=1).fit(X, y)
    for model in (regressor(n_jobs=3).fit(X, y), regressor(n_jobs=-1).fit(X, y)):
        assert model.history_ == one.history_
        np.testing.assert_array_equal(model.predict(X, statistic="mode"), one.predict(X, statistic="mode"))
    with joblib.parallel_backend("loky", n_jobs=2):
        assert regressor().fit(X, y).history_ == one.history_
    scores = [cross_val_score(regressor(), X, y, cv=3, n_jobs=jobs) for jobs in (1, 2)]
    np.testing.assert_array_equal(*scores)


def test_a_random_state_picks_the_predictions_and_draws():
    X, y = data()
    fits = [regressor(predictions=40, random_state=seed).fit(X, y) for seed in (1, 1, 2)]
    assert fits[0].history_ == fits[1].history_ != fits[2].history_
    np.testing.assert_array_equal(fits[0].sample(X, 2), fits[1].sample(X, 2))
    assert not np.array_equal(fits[0].sample(X, 2), fits[0].sample(X, 2, random_state=3))
    assert regressor(random_state=np.random.RandomState(0)).fit(X, y).sample(X).shape == (90, 1)
    assert regressor(random_state=None).fit(X, y).history_ == regressor(random_state=None).fit(X, y).history_


def test_a_pandas_frame_of_intervals_and_weights_as_a_series_are_taken():
    X, y = data()
    ends = pd.DataFrame({"from": y - 0.1, "to": y + 0.1})
    weights = pd.Series(np.ones(90))
    model = regressor().fit(X, ends, sample_weight=weights)
    assert model.bandwidth_ == regressor().fit(X, ends.to_numpy()).bandwidth_
    assert model.score(X, ends, sample_weight=weights) == pytest.approx(model.score(X, ends), rel=1e-14)


def test_the_learner_without_its_face_loads_no_scikit_learn():
    script = "import sys, kdelab.learn.fit, kdelab.learn.others; print('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout == "False\n"
    missing = """
import sys
sys.modules["sklearn"] = None
import kdelab
try:
    kdelab.KernelDensityRegressor
except kdelab.extras.MissingExtra as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", missing], capture_output=True, text=True).stdout
    assert said == (
        "scikit-learn is not installed, but needed for the regressor (kdelab.KernelDensityRegressor): "
        'pip install "kdelab[sklearn]"\n'
    )
