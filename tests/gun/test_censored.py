"""The table of guns trained on two losses: what a cell holds, and intervals over it."""

import numpy as np
import pandas as pd
import pytest
from made_up_waves import learnable

from kdelab.gun.compare import censored, trials
from kdelab.loss.cross_entropy import CrossEntropy


@pytest.fixture(scope="module")
def waves():
    parts = [learnable(waves=400).assign(battle=name) for name in ("one", "two")]
    return pd.concat(parts, ignore_index=True)


def test_a_cell_is_the_sum_over_its_shots(waves):
    rows = np.flatnonzero(trials.late_rounds(waves))
    table = censored.cells(waves, [3], rows)
    assert set(table.gun) == {censored.THREAD, censored.LOG, censored.UNLEARNED}
    assert table.groupby("gun").shots.sum().tolist() == [len(rows)] * 3
    gun = censored.NeighbourModel(
        censored.KERNEL, neighbours=50, predictions=600, retrievals=1, validation=0.0, max_iter=30, random_state=3
    ).fit(waves[~trials.late_rounds(waves)].reset_index(drop=True))
    mine = table[table.gun == censored.THREAD].set_index("battle")
    for battle in ("one", "two"):
        here = rows[(waves.battle == battle).to_numpy()[rows]]
        clusters, logits, _ = gun.logits(waves, here)
        assert mine.cross_entropy[battle] == pytest.approx(CrossEntropy(clusters, censored.KERNEL).value(logits).sum())
        assert mine.log_of_integral[battle] <= mine.cross_entropy[battle]
        aims = gun.predict(waves, here)
        hits = (waves.lower.to_numpy()[here] <= aims) & (aims <= waves.upper.to_numpy()[here])
        assert mine.hits[battle] == hits.sum()


def made_up(battles, seeds, gain, rng):
    """Cells of guns of which one hits so much more often, the rest luck."""
    rows = []
    for battle in range(battles):
        shots, rate = int(rng.integers(50, 150)), rng.uniform(0.3, 0.8)
        for seed in range(seeds):
            for gun, more in ((censored.THREAD, 0.0), (censored.LOG, gain)):
                hits = rng.binomial(shots, rate + more)
                rows.append((str(battle), seed, gun, shots, hits, 0.0, 0.0))
    return pd.DataFrame(rows, columns=["battle", "seed", "gun", "shots", *censored.JUDGED])


def test_the_interval_finds_the_gain_that_was_put_in():
    rng = np.random.default_rng(7)
    inside = []
    for _ in range(40):
        found = censored.differences(made_up(20, 5, 0.05, rng), "hits", rng, draws=200).loc[censored.LOG]
        assert found.low <= found.difference <= found.high
        inside.append(found.low <= 0.05 <= found.high)
    assert np.mean(inside) >= 0.85


def test_too_few_battles_give_no_interval():
    rng = np.random.default_rng(7)
    found = censored.differences(made_up(5, 5, 0.05, rng), "hits", rng).loc[censored.LOG]
    assert np.isnan(found.low)
    assert np.isnan(censored.farthest(found))


def test_the_shipped_table_has_every_cell():
    for name in censored.SETS:
        table = censored.load(name)
        assert set(table.seed) == set(censored.SEEDS)
        assert len(table) == table.battle.nunique() * len(censored.SEEDS) * 3
        assert (table.hits <= table.shots).all()
        assert (table.log_of_integral <= table.cross_entropy + 1e-4).all()


def test_errors_name_the_argument():
    with pytest.raises(ValueError, match="name must be one of samples, surfers"):
        censored.load("others")
    with pytest.raises(ValueError, match="column must be one of hits"):
        censored.differences(censored.load("samples"), "shots", np.random.default_rng(0))
