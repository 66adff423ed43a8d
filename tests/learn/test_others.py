"""Neighbours among the others: against loops over rows, whatever the ties, the groups and the parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_memory import brute_nearest

from kdelab.learn import others
from kdelab.learn.others import Others


def brute(positions, group, sample, size):
    """The nearest of other groups and their distances; of equally near ones the lower row first."""
    return brute_nearest(positions, np.flatnonzero(group != group[sample]), sample, size)


def assert_right(positions, group, neighbours, wanted=None):
    memory = Others(group)
    wanted = np.arange(len(group)) if wanted is None else wanted
    found = memory.nearest(positions, wanted, neighbours)
    for i, sample in enumerate(wanted):
        part = slice(found.offsets[i], found.offsets[i + 1])
        right, distances = brute(positions, group, sample, neighbours)
        assert found.rows[part].tolist() == right
        assert found.distances[part].tolist() == distances, "to the last bit"
        assert memory.stored[sample] == len(memory.rows(sample)) == (group != group[sample]).sum()


@pytest.mark.parametrize("neighbours", [1, 7, 100, 1000])
def test_all_samples_but_oneself(neighbours):
    rng = np.random.default_rng(neighbours)
    assert_right(rng.normal(size=(150, 3)), np.arange(150), neighbours, rng.permutation(150)[:60])


@pytest.mark.parametrize("groups", [2, 3, 40])
def test_all_samples_of_other_groups_even_if_the_own_lie_all_around(groups):
    rng = np.random.default_rng(groups)
    group = rng.integers(0, groups, 150)
    group[:groups] = np.arange(groups)
    assert_right(rng.normal(size=(150, 2)) + 10.0 * group[:, None], group, 9)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_with_many_ties(data):
    n = data.draw(st.integers(2, 40))
    group = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    group[:2] = [0, 1]
    positions = np.random.default_rng(n).integers(0, 3, (n, 2)).astype(float)
    assert_right(positions, group, data.draw(st.integers(1, 12)))


def test_where_all_lie_in_one_place_the_lower_rows_count():
    found = Others(np.arange(50)).nearest(np.zeros((50, 2)), np.array([0, 2, 49]), 3)
    assert found.rows.tolist() == [1, 2, 3, 0, 1, 3, 0, 1, 2]


def test_an_answer_does_not_depend_on_parts_threads_or_who_else_is_asked_about(monkeypatch):
    positions, group = np.round(np.random.default_rng(2).random((300, 2)), 1), np.arange(300) % 20
    wanted = np.arange(300)
    together = Others(group).nearest(positions, wanted, 8)
    threaded = Others(group, workers=3).nearest(positions, wanted, 8)
    monkeypatch.setattr(others, "_PAIRS", 100)
    in_parts = Others(group).nearest(positions, wanted, 8)
    for one, two, three in zip(together, in_parts, threaded, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(one, three)
    for sample in wanted[::17]:
        alone = Others(group).nearest(positions, np.array([sample]), 8)
        np.testing.assert_array_equal(alone.rows, together.rows[8 * sample : 8 * sample + 8])


def test_the_last_answer_is_kept_and_no_other(monkeypatch):
    rng, memory = np.random.default_rng(1), Others(np.arange(40))
    positions, wanted = rng.random((40, 2)), np.arange(40)
    first = memory.nearest(positions, wanted, 5)
    assert memory.nearest(positions.copy(), wanted, 5) is first
    for question in ((positions + 1e-9, wanted, 5), (positions, wanted[1:], 5), (positions, wanted, 6)):
        found, anew = memory.nearest(*question), Others(np.arange(40)).nearest(*question)
        assert found is not first
        np.testing.assert_array_equal(found.rows, anew.rows)


def test_who_has_no_others_is_told():
    with pytest.raises(ValueError, match="row 0 has 0 others in memory"):
        Others(np.zeros(5, dtype=int)).nearest(np.zeros((5, 1)), np.arange(5), 3)
    with pytest.raises(ValueError, match="neighbours"):
        Others(np.arange(5)).nearest(np.zeros((5, 1)), np.arange(5), 0)
    nothing = Others(np.arange(5)).nearest(np.zeros((5, 1)), np.arange(0), 3)
    assert nothing.offsets.tolist() == [0]
