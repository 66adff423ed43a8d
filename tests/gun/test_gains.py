"""What training gains, from cells in which the truth is known."""

import numpy as np
import pytest
from made_up_cells import gained

from kdelab.gun.compare import gains, learned


def test_a_gain_is_positive_where_the_learned_gun_is_better():
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, 13, 4)
    hits, loss = gains.gain(table, learned.UNSEEN)
    assert hits.low < hits.difference < hits.high
    assert hits.low > 5
    assert loss.low > 0.3
    assert hits.units == loss.units == 13
    by = gains.by_unit(table, learned.UNSEEN)
    np.testing.assert_allclose(by["hits"].mean(), hits.difference)
    np.testing.assert_allclose(by["loss"].mean(), loss.difference)
    assert (by["shots"] == 200).all()


@pytest.mark.parametrize("units", [0, 1, 7])
def test_few_units_give_no_interval(units):
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, max(units, 1), 4)
    table = table if units else table[table["learner"] == learned.SCALE]
    assert np.isnan([gains.gain(table, learned.UNSEEN).hits.low, gains.gain(table, learned.SEEN).loss.high]).all()


def test_cells_computed_again_are_compared_with_the_table():
    table = gained(np.random.default_rng(1), learned.UNSEEN, 10.0, 0.5, 3, 2)
    again = table[(table["robot"] == "1 of the world") & (table["seed"] == 1)]
    assert gains.disagreement(table, again).hits.difference == gains.disagreement(table, again).loss.difference == 0
    other = again.assign(hits=again["hits"] + 2.0, loss=again["loss"] - 4.0)
    apart = gains.disagreement(table, other)
    np.testing.assert_allclose([apart.hits.difference, apart.loss.difference], [1.0, 0.02])
    for unknown in (again.assign(seed=7), again.assign(shots=3)):
        assert np.isnan(gains.disagreement(table, unknown).hits.difference)
