"""Cells, and what is read from them."""

import numpy as np
import pandas as pd
import pytest

from kdelab.gun.compare import cells


@pytest.fixture
def table():
    """Two learners in ten battles, of which the first is a hundred times as long; the other hits more only there."""
    rows = [
        (learner, battle, seed, shots, hits)
        for battle in range(10)
        for seed in (0, 1)
        for shots in (1000 if battle == 0 else 10,)
        for learner, hits in (("one", shots / 2), ("other", shots * (0.8 if battle == 0 else 0.5)))
    ]
    return pd.DataFrame(rows, columns=["learner", "battle", "seed", "shots", "hits"])


def test_every_battle_weighs_the_same_unless_pooled(table):
    rng = np.random.default_rng(0)
    each = cells.contrast(table, "hits", "other", "one", rng)
    assert each.difference == pytest.approx(0.3 / 10)
    assert each.units == 10
    pooled = cells.contrast(table, "hits", "other", "one", rng, pooled=True)
    assert pooled.difference == pytest.approx(0.3 * 1000 / 1090)
    assert cells.rate(table, "hits", "one") == pytest.approx(0.5)


def test_a_higher_level_is_a_wider_interval(table):
    usual, sure = (
        cells.contrast(table, "hits", "other", "one", np.random.default_rng(0), level=level) for level in (0.95, 0.99)
    )
    assert sure.low <= usual.low <= usual.difference <= usual.high < sure.high


def test_a_contrast_in_other_units():
    apart = cells.Contrast(0.01, -0.02, 0.03, 9).times(-100)
    np.testing.assert_allclose(apart, (-1.0, -3.0, 2.0, 9))
    assert apart.text("+.1f") == "-1.0 (-3.0 to +2.0)"


def test_cells_are_sums_of_what_is_there():
    judged = pd.DataFrame({"battle": ["a", "a", "b"], "hit": [True, False, True]})
    made = cells.summed(judged, ["battle"], learner="one")
    assert made.to_dict("list") == {"battle": ["a", "b"], "shots": [2, 1], "hits": [1, 1], "learner": ["one", "one"]}
    assert cells.summed(judged, ["battle"], {"mine": "hit"})["mine"].tolist() == [1, 1]


def test_what_isn_t_there_is_said(table):
    with pytest.raises(ValueError, match="learner 'third' has no cells; there are one, other"):
        cells.contrast(table, "hits", "third", "one", np.random.default_rng(0))
    with pytest.raises(ValueError, match="name: 'nobody' given"):
        cells.load("nobody")
    named = table.assign(set="samples")
    assert len(cells.of_set(named, "samples")) == len(table)
    with pytest.raises(ValueError, match="name: 'confirm' given, there are cells of 'samples'"):
        cells.of_set(named, "confirm")
