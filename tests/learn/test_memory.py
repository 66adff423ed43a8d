"""Memory within a time, against loops over rows: known is what came at an earlier time, or had become known by then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdelab.learn import memory as remembering
from kdelab.learn.memory import Memory


def brute(group, time, asked, known, sample):
    """Rows that a sample knows, ascending."""
    return [
        row
        for row in range(len(group))
        if group[row] == group[sample]
        and (time[row] < time[sample] or (time[row] == time[sample] and known[row] <= asked[sample]))
    ]


def brute_nearest(positions, rows, sample, size):
    """The nearest of some rows and their distances, added up feature by feature; of equally near the lower first."""
    pairs = []
    for row in rows:
        distance = 0.0
        for one, other in zip(positions[row], positions[sample], strict=True):
            distance += abs(other - one)
        pairs.append((distance, row))
    nearest = sorted(pairs)[:size]
    return [row for _, row in nearest], [distance for distance, _ in nearest]


def made_up(seed, n, groups=2, times=3, span=30, missing=0.1):
    """Samples of few groups and times, some never known within their time, in no order."""
    rng = np.random.default_rng(seed)
    group, time = rng.integers(0, groups, n), rng.integers(-1, times - 1, n)
    asked = rng.integers(0, span, n).astype(float)
    known = asked + rng.integers(1, max(span // 2, 2), n)
    known[rng.random(n) < missing] = np.nan
    return group, time, asked, known


def assert_right(group, time, asked, known, positions, neighbours, share):
    memory = Memory(group, time, asked, known)
    for sample in range(len(group)):
        rows = memory.rows(sample)
        assert sorted(rows) == brute(group, time, asked, known, sample)
        assert memory.stored[sample] == len(rows)
    wanted = np.flatnonzero(memory.stored >= share)[::-1]
    found = memory.nearest(positions, wanted, neighbours, share)
    assert found.offsets[-1] == len(found.rows) == len(found.distances)
    for i, sample in enumerate(wanted):
        part = slice(found.offsets[i], found.offsets[i + 1])
        size = min(neighbours, int(memory.stored[sample]) // share)
        right, distances = brute_nearest(positions, memory.rows(sample), sample, size)
        assert found.rows[part].tolist() == right
        assert found.distances[part].tolist() == distances, "to the last bit"


@pytest.mark.parametrize("missing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize(("neighbours", "share"), [(7, 5), (100, 1), (3, 2), (1, 1)])
def test_what_is_known_within_the_time_by_brute_force(neighbours, share, missing):
    table = made_up(neighbours, 240, missing=missing)
    assert_right(*table, np.random.default_rng(1).normal(size=(240, 14)), neighbours, share)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_by_brute_force(data):
    n = data.draw(st.integers(1, 40))
    whole = st.lists(st.integers(0, 2), min_size=n, max_size=n).map(np.array)
    asked = data.draw(st.lists(st.integers(-3, 6), min_size=n, max_size=n).map(lambda v: np.array(v, dtype=float)))
    flight = st.one_of(st.integers(1, 5).map(float), st.just(np.nan), st.just(np.inf))
    known = asked + data.draw(st.lists(flight, min_size=n, max_size=n).map(np.array))
    positions = np.random.default_rng(n).normal(size=(n, 3))
    share, neighbours = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 12))
    assert_right(data.draw(whole), data.draw(whole), asked, known, positions, neighbours, share)


def test_of_equally_near_ones_the_lower_row_comes_first():
    group, time, asked, known = made_up(3, 200, times=2)
    positions = np.random.default_rng(2).integers(0, 2, (200, 2)).astype(float)
    assert_right(group, np.zeros(200, dtype=int), asked, known, positions, 9, 2)  # all that decides is within the time
    assert_right(group, time, asked, known, positions, 200, 1)  # all are neighbours


def test_what_never_is_known_within_its_time_leaves_all_as_it_was():
    group, time, asked, _ = made_up(4, 300)
    positions = np.round(np.random.default_rng(2).random((300, 2)), 1)  # ties
    plain, other = Memory(group, time), Memory(group, time, asked, np.full(300, np.nan))
    np.testing.assert_array_equal(plain.stored, other.stored)
    wanted = np.flatnonzero(plain.stored >= 5)
    for one, two in zip(plain.nearest(positions, wanted, 8), other.nearest(positions, wanted, 8), strict=True):
        np.testing.assert_array_equal(one, two)
    for sample in range(300):
        np.testing.assert_array_equal(plain.rows(sample), other.rows(sample))


def test_an_answer_does_not_depend_on_who_else_is_asked_about(monkeypatch):
    table, positions = made_up(5, 300), np.round(np.random.default_rng(2).random((300, 2)), 1)
    memory = Memory(*table)
    wanted = np.flatnonzero(memory.stored >= 2)
    together = memory.nearest(positions, wanted, 8, 2)
    monkeypatch.setattr(remembering, "_PAIRS", 100)
    in_parts = memory.nearest(positions, wanted, 8, 2)
    for one, two in zip(together, in_parts, strict=True):
        np.testing.assert_array_equal(one, two)
    for i, sample in enumerate(wanted):
        alone = memory.nearest(positions, np.array([sample]), 8, 2)
        np.testing.assert_array_equal(alone.rows, together.rows[together.offsets[i] : together.offsets[i + 1]])


def test_what_cannot_be_remembered():
    group, time, asked, known = made_up(6, 20)
    for given_two in ((asked, None), (None, known)):
        with pytest.raises(ValueError, match="asked and known must be given together"):
            Memory(group, time, *given_two)
    known[7] = asked[7]
    with pytest.raises(ValueError, match="known: sample 7 is known as soon as it asks"):
        Memory(group, time, asked, known)
    assert len(Memory(group[:0], time[:0], asked[:0], known[:0]).stored) == 0
