"""Sorting within clusters, against NumPy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from kdelab.loss.engines.sort import FEW, order_within, sort
from kdelab.loss.ragged import offsets_of

some = st.lists(st.lists(st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1e300]) | st.floats(-9, 9), min_size=1, max_size=40))


@given(some)
def test_small_clusters_in_their_order_and_ties_as_they_come(groups):
    sizes = np.array([len(group) for group in groups], np.int64)
    order = order_within(offsets_of(sizes), np.array([x for group in groups for x in group], np.float64))
    expected = [np.argsort(group, kind="stable") for group in groups]
    np.testing.assert_array_equal(order, np.concatenate([np.empty(0), *expected]))


def test_large_clusters_whatever_their_order():
    rng = np.random.default_rng(0)
    for size in (FEW, FEW + 1, 5_000):
        for values in (rng.random(size), np.arange(size) * 1.0, -np.arange(size) * 1.0, rng.integers(0, 9, size) * 1.0):
            order = order_within(np.array([0, size]), values)
            assert sorted(order) == list(range(size))
            assert (np.diff(values[order]) >= 0).all()


def test_names_are_anything():
    rng = np.random.default_rng(1)
    values, names = rng.integers(0, 9, 50) * 1.0, rng.integers(-99, 99, 50).astype(np.int32)
    order = np.argsort(values, kind="stable")
    expected = values[order], names[order]
    sort(values, names, np.empty((3, FEW)))
    np.testing.assert_array_equal(values, expected[0])
    np.testing.assert_array_equal(names, expected[1])
