"""Memory is made of the table's own rows: cutting some out is seen, and the right ways of splitting are silent."""

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    ShuffleSplit,
    TimeSeriesSplit,
    cross_val_score,
    train_test_split,
)

import kdelab
from kdelab.gun.compare.baselines import Histogram
from kdelab.gun.compare.trials import late_rounds
from kdelab.gun.recall import retrieve

CUT = "rows were left out in the middle of rounds"
FORGOTTEN = "this gun was fitted on more waves of"
RECIPE = r"predict\(waves, rows=mask\).*groups=waves\['battle'\], cv=GroupKFold"


def gun() -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(neighbours=15, max_iter=3, retrievals=1, predictions=40)


@pytest.fixture
def silent() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    return learnable(battles=4, waves=400)


@pytest.mark.parametrize(
    "cv",
    [
        KFold(3, shuffle=True, random_state=0),
        KFold(3),
        ShuffleSplit(2, test_size=0.3, random_state=0),
        ShuffleSplit(2, test_size=0.7, random_state=0),
        TimeSeriesSplit(2),
    ],
)
def test_random_rows_are_noticed_under_scikit_learn(cv, waves: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match=RECIPE):
        cross_val_score(gun(), waves, cv=cv)


def test_the_splits_of_scikit_learn_that_are_right_are_silent(silent: None, waves: pd.DataFrame) -> None:
    battles = waves["battle"]
    scores = cross_val_score(gun(), waves, groups=battles, cv=GroupKFold(3))
    assert np.isfinite(scores).all()
    for cv in (GroupKFold(2, shuffle=True, random_state=1), GroupShuffleSplit(2, random_state=1)):
        cross_val_score(gun(), waves, groups=battles, cv=cv)
    assert len(cross_val_score(gun(), waves, groups=waves["enemy"], cv=LeaveOneGroupOut())) == 4
    search = GridSearchCV(gun(), {"neighbours": [5, 15]}, cv=GroupKFold(2)).fit(waves, groups=battles)
    assert search.best_params_["neighbours"] in (5, 15)
    search.predict(waves)
    # by hand: what a fold's score must be, battles apart and memory whole
    train, test = next(GroupKFold(3).split(waves, groups=battles))
    assert scores[0] == gun().fit(waves.iloc[train]).score(waves.iloc[test].reset_index(drop=True))


def test_the_search_over_random_rows_is_noticed(waves: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match=CUT):
        GridSearchCV(gun(), {"neighbours": [5]}, cv=KFold(2, shuffle=True, random_state=0)).fit(waves)


@pytest.mark.parametrize(
    "cut",
    [
        lambda waves: waves[np.random.default_rng(0).random(len(waves)) < 0.5],
        lambda waves: waves.sample(800, random_state=1),
        lambda waves: waves[::2],
        lambda waves: waves[::-2],
        lambda waves: waves[waves["real"]],
        lambda waves: waves.drop(index=[20]),
        lambda waves: train_test_split(waves, random_state=0)[1],
        lambda waves: waves.astype({"round": str}).query("speed > 4"),
    ],
)
def test_rows_cut_out_are_noticed_by_all_that_remember(cut, waves: pd.DataFrame) -> None:
    part = cut(waves)
    other = learnable(seed=9, battles=4, waves=400).assign(battle="another")
    stranger = gun().unlearned(other)
    for ask in (stranger.predict, stranger.score, stranger.hit_rate, stranger.judge, gun().fit):
        with pytest.warns(UserWarning, match=f"{CUT}.*{RECIPE}"):
            ask(part)
    with pytest.warns(UserWarning, match=CUT):
        retrieve(part, np.random.default_rng(0), 5)
    with pytest.warns(UserWarning, match=CUT):
        Histogram().predict(part)
    fitted = gun().fit(waves)
    whole = part.reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stranger.predict(whole)  # said to be all that there was
    with pytest.warns(UserWarning, match=f"{FORGOTTEN}.*{RECIPE}"):
        fitted.predict(whole)  # but this one has seen more
    with pytest.warns(UserWarning, match=FORGOTTEN):
        fitted.at(1).score(whole)


def test_the_warning_points_at_the_line_that_asked(waves: pd.DataFrame) -> None:
    with pytest.warns(UserWarning, match=CUT) as caught:
        gun().unlearned(waves.head(50)).predict(waves[::2])
    assert {entry.filename for entry in caught} == {__file__}


def test_late_rounds_without_the_early_ones_are_noticed(waves: pd.DataFrame) -> None:
    late = late_rounds(waves)
    fitted = gun().fit(waves[~late])
    with pytest.warns(UserWarning, match=r"more waves of 16 rounds .*first of round 0 of a in a vs 0"):
        fitted.predict(waves[late])


def test_one_wave_that_is_missing_is_noticed(waves: pd.DataFrame) -> None:
    lonely = pd.concat([waves.head(1).assign(round=-1), waves], ignore_index=True)
    with pytest.warns(UserWarning, match=r"more waves of 1 rounds .*first of round -1 of a in a vs 0"):
        gun().unlearned(lonely).predict(waves)


def test_whole_rounds_are_silent(silent: None, waves: pd.DataFrame) -> None:
    late = late_rounds(waves)
    fitted = gun().fit(waves[~late])
    fitted.score(waves, rows=late)
    fitted.predict(waves.head(200))
    fitted.predict(waves[waves["battle"] == "a vs 3"])
    fitted.predict(waves[~late])
    fitted.predict(waves[waves["round"] <= 2])
    fitted.predict(waves[waves["round"] != 3], rows=[0, 1])  # these two remember nothing of round 3
    fitted.predict(waves.sample(frac=1, random_state=0))
    fitted.predict(learnable(seed=2, waves=100).assign(battle="today's"))
    gun().fit(waves[waves["battle"].isin(["a vs 0", "a vs 2"])])
    kdelab.NeighbourModel.from_json(fitted.to_json()).predict(waves[late])  # from a file: it has seen nothing
    together = pd.concat([waves, learnable(seed=3).assign(battle="b")])  # labels that stand twice tell nothing
    gun().unlearned(together).predict(together)


def test_the_recordings_that_ship_are_whole(silent: None) -> None:
    for name in ("samples", "surfers"):
        waves = kdelab.load_waves(name)
        late = late_rounds(waves)
        fitted = kdelab.NeighbourModel().unlearned(waves[~late])
        fitted.predict(waves, np.flatnonzero(late)[:20])
