"""Batches of whole predictions: every prediction once, nothing lost, the same batches everywhere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernels_under_test import sized

import kdelab
from kdelab.loss.parts import Part
from kdelab.study.shuffled import by_itself

KERNELS = sized(0.1, 0.3)


def generator(seed):
    return np.random.Generator(np.random.PCG64(seed))


def ragged(seed, n):
    rng = generator(seed)
    sizes = rng.integers(1, 8, n)
    lower = rng.uniform(-0.9, 0.5, n)
    clusters = kdelab.Clusters.from_lists(
        [rng.uniform(-1, 1, k) for k in sizes], lower, lower + rng.choice([0.0, 0.1, 0.4], n)
    )
    return clusters, rng.standard_normal(len(clusters.points))


@given(st.integers(0, 999), st.integers(0, 12), st.integers(1, 15))
@settings(max_examples=60)
def test_an_epoch_holds_every_prediction_once_with_its_points_and_target(seed, n, size):
    clusters, logits = ragged(seed, n)
    seen = []
    for batch in clusters.minibatches(generator(seed), size):
        assert 1 <= len(batch.clusters) <= size
        assert np.array_equal(batch.clusters.points, clusters.points[batch.rows])
        assert len(logits[batch.rows]) == batch.clusters.offsets[-1]
        for i, (points, lower, upper) in zip(batch.predictions, batch.clusters, strict=True):
            assert np.array_equal(points, clusters.points[clusters.offsets[i] : clusters.offsets[i + 1]])
            assert (lower, upper) == (clusters.lower[i], clusters.upper[i])
        seen += batch.predictions.tolist()
    assert sorted(seen) == list(range(n))


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: type(kernel).__name__)
def test_the_gradients_of_an_epoch_add_up_to_the_gradient_of_the_whole(kernel):
    clusters, logits = ragged(3, 40)
    values, whole = kdelab.CrossEntropy(clusters, kernel).value_and_grad(logits)
    found, gradient = np.zeros(len(clusters)), np.zeros(len(logits))
    for batch in clusters.minibatches(generator(1), 7):
        value, part = kdelab.CrossEntropy(batch.clusters, kernel).value_and_grad(logits[batch.rows])
        found[batch.predictions] += value
        gradient[batch.rows] += part
    assert np.array_equal(np.isinf(found), np.isinf(values))
    finite = np.isfinite(values)
    assert abs(found[finite] - values[finite]).max() <= 1e-12
    assert abs(gradient - whole).max() <= 1e-12


def test_the_same_seed_gives_these_very_batches():
    """Raw words of PCG64 never change, so the order stands here as a literal, for every platform and NumPy."""
    clusters = kdelab.Clusters.from_lists([[0.1, 0.2, 0.3]] * 10, np.zeros(10), np.ones(10))
    rng = generator(2022)
    epochs = [[batch.predictions.tolist() for batch in clusters.minibatches(rng, 4)] for _ in range(2)]
    assert epochs == EXPECTED
    assert [part.rows.tolist() for part in clusters.take(slice(3)).scatter(generator(2022), 3)] == EXPECTED_PARTS


def test_each_epoch_is_shuffled_anew():
    clusters, _ = ragged(0, 50)
    rng = generator(0)
    first, second = (np.concatenate([b.predictions for b in clusters.minibatches(rng, 8)]) for _ in range(2))
    assert not np.array_equal(first, second)


def test_split_gives_views_in_order():
    clusters, _ = ragged(5, 11)
    batches = list(clusters.split(4))
    assert [batch.predictions.tolist() for batch in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    for batch in batches:
        assert np.shares_memory(batch.clusters.points, clusters.points)
        assert np.array_equal(clusters.points[batch.rows], batch.clusters.points)


@given(st.integers(0, 99), st.integers(0, 9), st.data())
@settings(max_examples=40)
def test_take_by_slice_index_or_mask(seed, n, data):
    clusters, _ = ragged(seed, n)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), dtype=bool)
    index = np.flatnonzero(mask)
    for given_as in (mask, index, index.tolist()):
        taken = clusters.take(given_as)
        assert taken.sizes.tolist() == clusters.sizes[index].tolist()
        assert np.array_equal(taken.points, clusters.points[clusters.rows(given_as)])
        assert np.array_equal(taken.lower, clusters.lower[index])
    for which in (slice(None), slice(2, None), slice(5, 2), slice(None, None, -1), slice(1, 8, 3), slice(-3, None)):
        direct = clusters.take(np.arange(n)[which])
        taken = clusters.take(which)
        assert np.array_equal(taken.points, direct.points)
        assert np.array_equal(taken.offsets, direct.offsets)
        assert np.array_equal(clusters.points[clusters.rows(which)], direct.points)


def test_concatenate_undoes_split():
    clusters, _ = ragged(7, 10)
    again = kdelab.Clusters.concatenate(batch.clusters for batch in clusters.split(3))
    for name in ("points", "offsets", "lower", "upper"):
        assert np.array_equal(getattr(again, name), getattr(clusters, name))
    assert len(kdelab.Clusters.concatenate([])) == 0


@given(st.integers(0, 999), st.integers(0, 10), st.integers(1, 40))
@settings(max_examples=60)
def test_scattered_parts_hold_every_point_once_and_remember_where_it_was(seed, n, count):
    clusters, _ = ragged(seed, n)
    parts = clusters.scatter(generator(seed), count)
    assert len(parts) == count
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows.tolist()) == list(range(len(clusters.points)))
    owner = np.repeat(np.arange(n), clusters.sizes)
    for number, part in enumerate(parts):
        assert part.number == number
        assert np.array_equal(part.points, clusters.points[part.rows])
        assert np.array_equal(part.prediction, owner[part.rows])
        alone = by_itself(part)
        assert np.array_equal(alone.clusters.points, part.points)
        assert np.array_equal(np.repeat(alone.predictions, alone.clusters.sizes), part.prediction)


def test_bad_input_is_named():
    clusters, _ = ragged(0, 4)
    total = len(clusters.points)
    for call, name in (
        (lambda: clusters.take([4]), "predictions"),
        (lambda: clusters.take([-1]), "predictions"),
        (lambda: clusters.take([0.5]), "predictions"),
        (lambda: clusters.take(np.ones(3, dtype=bool)), "predictions"),
        (lambda: list(clusters.split(0)), "size"),
        (lambda: list(clusters.minibatches(generator(0), 0)), "size"),
        (lambda: list(clusters.minibatches(7, 2)), "rng"),
        (lambda: clusters.scatter(np.random.RandomState(0), 2), "rng"),
        (lambda: clusters.scatter(generator(0), 0), "parts"),
        (lambda: clusters.cut(np.zeros(total - 1, dtype=int), 2), "assignment"),
        (lambda: clusters.cut(np.full(total, 2), 2), "assignment"),
        (lambda: clusters.cut(np.full(total, 0.5), 2), "assignment"),
        (lambda: kdelab.Clusters.concatenate([clusters, None]), "batches"),
        (lambda: kdelab.Clusters([0.1, 0.2], [0, 1], [0.0], [0.1]), "offsets"),
        (lambda: kdelab.Clusters([0.1, 0.2], [0, 3], [0.0], [0.1]), "offsets"),
    ):
        with pytest.raises(ValueError, match=name):
            call()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"prediction": [-1, 0, 1]}, "prediction"),
        ({"prediction": [0, 1, 2]}, "prediction"),
        ({"prediction": [1, 0, 1]}, "prediction"),
        ({"prediction": [0, 1]}, "prediction"),
        ({"rows": [0, 1, -1]}, "rows"),
        ({"rows": [0, 1]}, "rows"),
        ({"rows": [0, 1.5, 2]}, "rows"),
        ({"points": [0.0, 0.1, np.nan]}, "points"),
        ({"upper": [0.1]}, "upper"),
        ({"lower": np.ma.array([0.0, 0.1])}, "lower"),
        ({"number": 2}, "number must lie between 0 and 1, since there are 2 parts, but it is 2"),
        ({"number": -1}, "number"),
        ({"of": 0}, "of"),
    ],
    ids=str,
)
def test_a_part_of_ones_own_is_checked(change, named):
    right = {
        "points": [0.0, 0.1, 0.2], "prediction": [0, 1, 1], "rows": [0, 3, 4], "lower": [0.0, 0.1],
        "upper": [0.1, 0.2], "number": 1, "of": 2, "batch": "name",
    }  # fmt: skip
    assert len(Part(**right)) == 3
    with pytest.raises(ValueError, match=f"^{named}\\b"):
        Part(**(right | change))


EXPECTED = [[[7, 3, 1, 6], [0, 8, 2, 4], [5, 9]], [[3, 1, 4, 2], [7, 5, 8, 6], [0, 9]]]
EXPECTED_PARTS = [[1, 3, 7], [0, 6, 8], [2, 4, 5]]
