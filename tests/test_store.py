"""Tables of waves on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kdelab
from kdelab.gun import samples, store
from kdelab.gun.files import replacing
from kdelab.gun.turns import load_round
from kdelab.gun.waves import waves_of

DATA = Path(store.__file__).parent / "data"


@pytest.fixture(scope="module")
def waves():
    return waves_of(load_round(), every=4)


def test_what_is_saved_comes_back_to_the_last_decimal(tmp_path, waves):
    said = {"licence": "none", "seeds": {"a": 1}, "who": ["Ä", "B"]}
    store.save_waves(tmp_path / "mine.parquet", waves, said)
    again = kdelab.load_waves(tmp_path / "mine.parquet")
    pd.testing.assert_frame_equal(again, waves, check_exact=True)
    assert again.attrs == said | {"schema": 2}
    pd.testing.assert_frame_equal(kdelab.load_waves(str(tmp_path / "mine.parquet")), again)


def test_columns_of_ones_own_are_kept(tmp_path, waves):
    store.save_waves(tmp_path / "mine.parquet", waves.assign(mood=0.25), {})
    assert (kdelab.load_waves(tmp_path / "mine.parquet")["mood"] == 0.25).all()


def test_equal_tables_give_equal_bytes(tmp_path, waves):
    for name in ("a", "b"):
        store.save_waves(tmp_path / f"{name}.parquet", waves.copy(), {"b": 1, "a": 2})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_plain_parquet_by_others_is_read_too(tmp_path, waves):
    pq.write_table(pa.Table.from_pandas(waves), tmp_path / "plain.parquet")
    again = kdelab.load_waves(tmp_path / "plain.parquet")
    assert again.attrs == {}
    pd.testing.assert_frame_equal(again, waves)


@pytest.mark.parametrize("name", store.SETS)
def test_shipped_sets_are_small_and_say_where_they_come_from(name):
    assert (DATA / f"{name}.parquet").stat().st_size <= 2_500_000
    waves = kdelab.load_waves(name)
    assert waves.attrs["set"] == name
    assert {"attribution", "robocode", "java", "seeds", "licence", "virtual_every"} <= set(waves.attrs)
    assert any("Nelson" in line for line in waves.attrs["attribution"])
    said = (DATA / "README.md").read_text()
    assert f"{name}.parquet` | {len(waves):,} waves" in said


def test_the_default_set_is_the_sample_robots():
    waves = kdelab.load_waves()
    assert waves.attrs["set"] == "samples"
    assert set(waves["shooter"]) == set(samples.SHOOTERS)
    assert set(waves["enemy"]) == set(samples.ENEMIES)
    assert len(set(waves["enemy"])) >= 8
    assert (waves.groupby("battle")["round"].nunique() == samples.ROUNDS).all()
    assert waves.attrs["seeds"] == {f"{b.shooter} vs {b.enemy}": b.seed for b in samples.sample_battles()}


def test_the_excerpt_is_small():
    assert (DATA / "one_round.npz").stat().st_size < 60_000


def test_earlier_rounds_of_the_same_battle_can_be_told():
    waves = kdelab.load_waves("surfers")
    assert waves["round"].between(0, 11).all()
    for name, one in waves.groupby("battle"):
        pairs = set(zip(one["shooter"], one["enemy"], strict=True))
        first, second = name.split(", seed ")[0].split(" vs ")
        assert pairs == {(first, second), (second, first)}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("surfer", "neither a shipped set"),
        ("missing.parquet", "no such file"),
        ("text.parquet", "cannot be read as Parquet"),
        ("other.parquet", "not a table of waves: it lacks"),
    ],
)
def test_what_is_no_table_of_waves_is_refused(tmp_path, monkeypatch, argument, message):
    monkeypatch.chdir(tmp_path)
    Path("text.parquet").write_text("hello")
    pq.write_table(pa.table({"round": [1]}), "other.parquet")
    with pytest.raises(ValueError, match=f"name_or_path='{argument}'.*{message}"):
        kdelab.load_waves(argument)


def test_bad_tables_are_not_saved(tmp_path, waves):
    with pytest.raises(ValueError, match=r"waves lacks the columns \['lower'\]"):
        store.save_waves(tmp_path / "x.parquet", waves.drop(columns="lower"), {})
    for bad in (1e4, np.inf):
        with pytest.raises(ValueError, match="waves\\['distance'\\]"):
            store.save_waves(tmp_path / "x.parquet", waves.assign(distance=bad), {})
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_the_old_file_alone(tmp_path, waves, monkeypatch):
    path = tmp_path / "x.parquet"
    store.save_waves(path, waves, {})
    before = path.read_bytes()

    def fail(table, where, **options):
        Path(where).write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="disk full"):
        store.save_waves(path, waves.head(10), {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_files_appear_whole_and_readable_by_all(tmp_path):
    with replacing(tmp_path / "a") as temporary:
        temporary.write_text("x")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


def test_differences_between_recordings_are_named(waves):
    assert samples.difference(waves, waves.copy()) == ""
    assert samples.difference(waves.assign(lower=waves["lower"] + 1e-6), waves) == ""
    assert "'lower' differs in 1 of" in samples.difference(
        waves.assign(lower=waves["lower"].where(waves.index != 3, waves["lower"] + 3e-6)), waves
    )
    assert "'hit' differs" in samples.difference(waves.assign(hit=0.0), waves)
    assert "waves, not" in samples.difference(waves.head(5), waves)
    assert "columns differ" in samples.difference(waves.drop(columns="fired"), waves)
    assert "'enemy' differs" in samples.difference(waves.assign(enemy="x"), waves)
