"""The experiments behind notebooks 08 and 09: who is trained on what, and what their controls leave as it was."""

import numpy as np
import pandas as pd
import pytest

import kdelab
from kdelab.gun.compare import cells, retraining
from kdelab.gun.compare import hard as experiment
from kdelab.gun.recall import Recall
from kdelab.loss.clusters import Clusters
from kdelab.loss.kernels import Laplace


@pytest.fixture(scope="module")
def waves():
    table = kdelab.load_waves()
    return table[table["battle"].isin(sorted(table["battle"].unique())[:3])].reset_index(drop=True)


@pytest.fixture(scope="module")
def parts(waves):
    return experiment.early_and_late(waves)


def test_a_case_is_hard_if_no_neighbour_s_middle_is_within_a_bandwidth_of_its_target(parts):
    _, late = parts
    unlearned = kdelab.NeighbourModel(**experiment.SETTINGS | {"neighbours": 10}).unlearned(late.recall)
    _, _, found = unlearned.logits(late.recall, late.rows)
    lower, upper = late.recall.intervals(late.rows)
    for i in range(0, len(late.rows), 17):
        points = late.recall.targets.middles[found.rows[found.offsets[i] : found.offsets[i + 1]]]
        assert late.hard[i] == all(x < lower[i] - 0.1 or x > upper[i] + 0.1 for x in points)


def test_picks_don_t_depend_on_which_battles_are_asked_for(waves, parts):
    one = waves["battle"].unique()[:1]
    _, few = experiment.early_and_late(waves, battles=one)
    _, late = parts
    mine = np.isin(late.recall.battles[late.rows], one)
    assert few.rows.tolist() == late.rows[mine].tolist()
    assert set(few.judged()[0].rows) <= set(late.judged()[0].rows)


def test_guns_are_trained_on_what_their_names_say(parts):
    early, _ = parts
    is_hard = pd.Series(early.hard, early.rows)
    picked = experiment.samples(early, np.random.default_rng(0))
    assert is_hard[picked["only hard"]].all()
    assert not is_hard[picked["as few others"]].any()
    assert len(picked["only hard"]) == len(picked["as few others"]) == early.hard.sum() // 2
    mixed, without = (set(picked[name]) for name in ("mixed", "without"))
    assert not is_hard[sorted(without)].any()
    assert {row for row in mixed if not is_hard[row]} <= without


def test_dealt_targets_stay_in_their_battle_and_points_stay_where_they_are():
    battles = np.repeat([0, 1], 20)
    lower = np.arange(40) / 100
    clusters = Clusters.from_lists([[0.1, 0.2]] * 40, lower, lower + 0.1)
    dealt = experiment.Dealt(battles, np.random.default_rng(0))(clusters, Laplace(0.1)).clusters
    assert dealt.points.tolist() == clusters.points.tolist()
    assert dealt.lower.tolist() != lower.tolist()
    for battle in (0, 1):
        assert sorted(dealt.lower[battles == battle]) == lower[battles == battle].tolist()


def test_placebos_have_the_same_weights_and_the_same_or_longer_changes(waves):
    gun = kdelab.NeighbourModel().unlearned(Recall(waves))
    gun.weights_ = np.exp(np.linspace(-1, 1, len(gun.weights_)))
    placebo = experiment.moved(gun, np.random.default_rng(0))
    assert sorted(placebo.weights_) == sorted(gun.weights_)
    assert placebo.weights_.tolist() != gun.weights_.tolist()
    longer = np.log(retraining.stretched(placebo, 2.0).weights_)
    np.testing.assert_allclose(np.diff(longer), 2 * np.diff(np.log(placebo.weights_)), atol=1e-12)


def test_a_placebo_that_goes_as_far_replaces_as_many_neighbours(parts):
    early, late = parts
    settings = retraining.SETTINGS | {"neighbours": 10}
    unlearned = kdelab.NeighbourModel(**settings).unlearned(early.recall)
    before = retraining.Before(late, unlearned)
    like = kdelab.NeighbourModel(**settings).unlearned(early.recall)
    like.weights_ = np.exp(np.linspace(-1, 1, len(like.weights_)))
    shy = retraining.stretched(experiment.moved(like, np.random.default_rng(1)), 0.3)
    assert before.new(unlearned) == 0
    far = before.as_far(shy, like)
    assert abs(before.new(far) - before.new(like)) < 0.06 < abs(before.new(shy) - before.new(like))


def test_pooled_shots_weigh_the_same_and_else_battles_do():
    table = pd.DataFrame(
        {
            "learner": np.repeat(["a", "b"], 2),
            "battle": [0, 1, 0, 1],
            "seed": 0,
            "shots": [1, 9, 1, 9],
            "loss": [1.0, 0.0, 0.0, 0.0],
        }
    )
    rng = np.random.default_rng(0)
    assert cells.contrast(table, "loss", "a", "b", rng).difference == pytest.approx(0.5)
    assert cells.contrast(table, "loss", "a", "b", rng, pooled=True).difference == pytest.approx(0.1)
