"""Sums without rounding: fractions are the witness, and neither order nor partition shows."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdelab.learn.sums import WORDS, exact_sums, rounded, total

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)


def exactly(values):
    """Their sum in fractions, rounded once."""
    whole = sum(map(Fraction, values), Fraction(0))
    try:
        return float(whole)
    except OverflowError:
        return math.copysign(math.inf, whole.numerator // abs(whole.numerator))


@settings(max_examples=300)
@given(st.lists(finite, max_size=40))
def test_a_sum_is_the_one_of_fractions(values):
    assert total(np.array(values)) == exactly(values)


@settings(max_examples=100)
@given(st.lists(st.tuples(finite, st.floats(0, 1)), min_size=1, max_size=40), st.integers(0, 2**32 - 1))
def test_neither_order_nor_partition_shows(pairs, seed):
    values, counts = np.array(pairs).T
    rng = np.random.default_rng(seed)
    table = np.column_stack([values, values[::-1], np.ones(len(values))])
    whole = rounded(exact_sums(table, counts))
    order = rng.permutation(len(values))
    cut = rng.integers(0, len(values) + 1)
    halves = [exact_sums(table[part], counts[part]) for part in (order[:cut], order[cut:])]
    np.testing.assert_array_equal(rounded(halves[1] + halves[0]), whole)
    assert halves[0].shape == (3, WORDS)


def test_what_cancels_leaves_what_is_small():
    huge = np.array([1.7e308, 5e-324, 1.7e308, -1.7e308, 1e-20, -1.7e308])
    assert total(huge) == 1e-20
    assert total(huge[[0, 1, 3]]) == 5e-324
    assert total(np.full(4, 1.7e308)) == math.inf
    assert total(np.full(4, -1.7e308)) == -math.inf
    assert total(np.empty(0)) == 0.0


def test_many_parts_leave_room():
    words = exact_sums(np.full((1000, 1), -np.pi), np.ones(1000))
    added = np.sum([words] * 5000, axis=0)
    assert rounded(added)[0] == -float(5_000_000 * Fraction(np.pi))
    assert (np.abs(words) < 2**32).all(), "carried, so that 2^31 such parts may be added up"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(ValueError, match="values must be finite"):
        exact_sums(np.array([[1.0], [bad]]), np.ones(2))
    with pytest.raises(ValueError, match="products"):
        exact_sums(np.array([[1e300]]), np.array([1e300]))
