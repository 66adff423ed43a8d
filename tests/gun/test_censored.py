"""The cells of guns trained on two losses: what one holds, and whether the shipped ones are all there."""

import pandas as pd
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.gun.compare import cells, censored, trials
from kdelab.loss.cross_entropy import CrossEntropy


@pytest.fixture(scope="module")
def waves():
    parts = [learnable(waves=400).assign(battle=name) for name in ("one", "two")]
    return pd.concat(parts, ignore_index=True)


def test_a_cell_is_the_sum_over_its_shots(waves):
    rows = censored.shots(waves)
    table = pd.concat(censored.case_cells(waves, [3]))
    assert set(table.learner) == {censored.THREAD, censored.LOG, censored.UNLEARNED}
    assert table.groupby("learner").shots.sum().tolist() == [len(rows)] * 3
    gun = kdelab.NeighbourModel(**censored.SETTINGS, random_state=3)
    gun.fit(waves[~trials.late_rounds(waves)].reset_index(drop=True))
    mine = table[table.learner == censored.THREAD].set_index("battle")
    for battle in ("one", "two"):
        here = rows[(waves.battle == battle).to_numpy()[rows]]
        clusters, logits, _ = gun.logits(waves, here)
        values = CrossEntropy(clusters, censored.SETTINGS["kernel"]).value(logits)
        assert mine.loss[battle] == pytest.approx(values.sum())
        assert mine.log_of_integral[battle] <= mine.loss[battle]
        aims = gun.predict(waves, here)
        hits = (waves.lower.to_numpy()[here] <= aims) & (aims <= waves.upper.to_numpy()[here])
        assert mine.hits[battle] == hits.sum()


def test_some_battles_have_the_cells_that_they_have_among_all(waves):
    whole = pd.concat(censored.case_cells(waves, [3]))
    part = pd.concat(censored.case_cells(waves, [3], ["two"]))
    pd.testing.assert_frame_equal(part.reset_index(drop=True), whole[whole.battle == "two"].reset_index(drop=True))


def test_the_shipped_table_has_every_cell():
    every = cells.load("censored")
    for _, table in every.groupby("set"):
        assert set(table.seed) == set(censored.SEEDS)
        assert len(table) == table.battle.nunique() * len(censored.SEEDS) * 3
        assert (table.hits <= table.shots).all()
        assert (table.log_of_integral <= table.loss + 1e-4).all()
