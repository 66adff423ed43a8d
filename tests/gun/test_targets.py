"""What a gun is trained on and judged by: the intervals of its table, ends included, and nothing beyond."""

from typing import ClassVar

import numpy as np
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import learned, trials
from kdelab.gun.recall import Recall, retrieve
from kdelab.loss.intervals import IntervalCrossEntropy


class Fixed:
    """A gun that aims where it is told to."""

    def __init__(self, aims):
        self.aims, self.weights_ = np.asarray(aims), np.ones(1)

    def predict(self, waves, rows):
        return self.aims[rows]

    def losses(self, waves, rows):
        return np.zeros(len(rows))

    def judge(self, waves, rows):
        table = Recall.of(waves).waves.iloc[rows]
        return table.assign(row=rows, hit=Recall.of(waves).hit(self.aims[rows], rows))


@pytest.mark.parametrize("beyond", [1e-12, 1e-6, 0.005, 0.01])
def test_a_hit_is_inside_of_the_interval_ends_included(beyond):
    waves = learnable(waves=60).assign(hit=1.0)
    waves["real"] = True
    inside = [waves["lower"], waves["upper"], (waves["lower"] + waves["upper"]) / 2]
    outside = [waves["lower"] - beyond, waves["upper"] + beyond]
    rows = np.flatnonzero(waves["round"] > 2)
    for aims, hit in [(aims, True) for aims in inside] + [(aims, False) for aims in outside]:
        gun = Fixed(aims)
        assert (Recall(waves).hit(gun.aims, np.arange(len(waves))) == hit).all()
        assert (trials.trial(waves, {"fixed": gun}, rows)["hit"] == hit).all()
        shots = learned.shots(gun, Recall(waves), learned.own_shots(waves, "a").rows)
        assert len(shots) == len(waves)
        assert (shots["hit"] == hit).all()


@pytest.mark.parametrize("aim", ["density", "intervals"])
def test_a_learning_gun_hits_inside_of_the_interval_alone(aim):
    waves = learnable(waves=150)
    gun = kdelab.NeighbourModel(neighbours=10, aim=aim).unlearned(waves)
    rows = np.flatnonzero(waves["round"] == 5)  # nobody's memory, so aims stay as they are
    aims = gun.predict(waves, rows)
    for left, right, hit in ((0, 0.1, True), (-0.1, 0, True), (1e-6, 0.1, False), (-0.1, -1e-6, False)):
        moved = waves.copy()
        moved.loc[rows, "lower"], moved.loc[rows, "upper"] = aims + left, aims + right
        assert (gun.judge(moved, rows)["hit"] == hit).all()
        assert gun.hit_rate(moved, rows=rows) == hit


class Seen(kdelab.CrossEntropy):
    """The loss, which shows the targets that it is given."""

    targets: ClassVar[list] = []

    def __init__(self, clusters, kernel):
        Seen.targets.append((clusters.lower.copy(), clusters.upper.copy()))
        super().__init__(clusters, kernel)


@pytest.mark.parametrize("kernel", [kdelab.Laplace(0.1), "interval"])
def test_targets_are_the_intervals_of_the_table_wherever_they_are_judged(kernel):
    waves = learnable(waves=120)
    gun = kdelab.NeighbourModel(kernel, neighbours=10, background=0.01, aim="intervals").unlearned(waves)
    lower, upper = waves["lower"].to_numpy(), waves["upper"].to_numpy()
    table = gun.judge(waves)
    rows = table["row"].to_numpy()
    clusters, logits, found = gun.logits(waves, rows)
    points = (lower + upper)[found.rows] / 2
    if kernel == "interval":
        right = kdelab.Clusters(points, found.offsets, lower[rows], upper[rows])
        losses = IntervalCrossEntropy(right, lower[found.rows], upper[found.rows], 0.01).value(logits)
    else:
        losses = [
            kdelab.reference.loss(points[part], logits[part], lower[row], upper[row], kernel, 0.01)
            for row, part in zip(rows[:20], map(slice, found.offsets, found.offsets[1:]), strict=False)
        ]
    np.testing.assert_allclose(table["cross_entropy"][: len(losses)], losses, rtol=1e-9)
    np.testing.assert_allclose(gun.losses(waves, rows)[: len(losses)], losses, rtol=1e-9)
    got = retrieve(waves, np.random.default_rng(0), 30)
    for found_clusters, at in ((clusters, rows), (got.clusters, got.predictions)):
        np.testing.assert_array_equal(found_clusters.lower, lower[at])
        np.testing.assert_array_equal(found_clusters.upper, upper[at])


def test_training_sees_the_intervals_of_the_table():
    waves = learnable(waves=200)
    Seen.targets.clear()
    model = kdelab.NeighbourModel(loss=Seen, neighbours=10, predictions=40, retrievals=2, max_iter=2, patience=None)
    model.fit(waves)
    assert len(Seen.targets) >= 2
    for lower, upper in Seen.targets:
        np.testing.assert_array_equal(lower, waves["lower"].to_numpy()[model.predictions_])
        np.testing.assert_array_equal(upper, waves["upper"].to_numpy()[model.predictions_])


@pytest.mark.parametrize(("anew", "batches"), [(True, 3), (False, 1)])
def test_neighbours_are_retrieved_anew_for_every_round_of_training_or_never(anew, batches):
    waves = learnable(waves=200)
    Seen.targets.clear()
    small = {"neighbours": 10, "predictions": 40, "retrievals": 3, "max_iter": 2, "patience": None}
    kdelab.NeighbourModel(loss=Seen, retrieve_anew=anew, **small).fit(waves)
    assert len(Seen.targets) == batches


def test_a_gun_of_one_weight_looks_at_that_feature_alone():
    waves = learnable(waves=150)
    gun = kdelab.NeighbourModel(neighbours=8).unlearned(waves)
    gun.weights_ = (np.array(gun.feature_names_in_) == "facing") * 14.0
    _, logits, found = gun.logits(waves, waves["round"] == 5)
    facing = (waves["facing"].to_numpy() + 1) / 2
    for i, row in enumerate(np.flatnonzero(waves["round"] == 5)):
        stored = np.flatnonzero((waves["battle"] == waves["battle"][row]) & (waves["round"] < 5))
        part = slice(found.offsets[i], found.offsets[i + 1])
        apart = np.abs(facing[stored] - facing[row])
        np.testing.assert_allclose(-logits[part] / gun.scale_ / 14, np.sort(apart)[: len(logits[part])], atol=1e-12)
