"""Tables of waves on disk."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kdelab
from kdelab.files import replacing
from kdelab.gun.battles.turns import load_round
from kdelab.gun.waves import samples, store
from kdelab.gun.waves.from_turns import waves_of

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
    own = waves.assign(
        mood=0.25,
        rate=(waves["lower"] + 1) / 2 * 4e-7,
        huge=1e300,
        gap=np.where(waves.index % 2, np.nan, np.pi),
        count=np.arange(len(waves)) + 2**53,
        place=["here", "there"] * (len(waves) // 2) + ["here"] * (len(waves) % 2),
        sure=waves["real"],
    )
    store.save_waves(tmp_path / "mine.parquet", own, {})
    again = kdelab.load_waves(tmp_path / "mine.parquet")
    pd.testing.assert_frame_equal(again, own, check_exact=True)
    own.to_parquet(tmp_path / "pandas.parquet")
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "pandas.parquet"), own, check_exact=True)


def test_numbers_of_many_decimals_are_kept_too(tmp_path, waves):
    fine = waves.assign(distance=waves["distance"] / 3, lower=waves["lower"] - 1e-9)
    store.save_waves(tmp_path / "mine.parquet", fine, {})
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "mine.parquet"), fine, check_exact=True)


@pytest.mark.parametrize("large", [999.999999, 1000.0, 1000.000001])
def test_numbers_around_the_largest_decimal_are_kept(tmp_path, waves, large):
    own = waves.assign(mine=np.where(waves.index % 2, large, -large))
    store.save_waves(tmp_path / "mine.parquet", own, {})
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "mine.parquet"), own, check_exact=True)


@pytest.mark.parametrize(
    "change",
    [
        {"fired": None},
        {"hit": None, "passed": None},
        {"lower": "float32", "distance": "float16"},
        {"round": "Int64", "real": "boolean", "speed": "Float32", "hit": "Int8", "battle": "string"},
        {"shooter": "category", "enemy": "category", "battle": "category", "round": "category"},
        {"round": "float64", "turn": "uint16", "orbit_direction": "float32"},
        {"real": "int64", "passed": "Int64", "acceleration": "int64"},
        {"hit": "boolean", "real": "float64"},
        {"battle": "object", "round": "object"},
    ],
    ids=lambda change: ", ".join(f"{name} {kind}" for name, kind in change.items()),
)
def test_other_programs_types_come_back_as_documented(tmp_path, waves, change):
    """Whatever the file's types, the columns have one type in memory, with the values that the file's could hold."""
    first = waves.copy()
    for name, kind in change.items():
        if kind is None:
            first[name] = None
        elif name == "acceleration":
            first[name] = first[name].round().astype(kind)
        else:
            first[name] = first[name].astype(kind)
    first.to_parquet(tmp_path / "theirs.parquet")
    store.save_waves(tmp_path / "ours.parquet", first, {})
    second = kdelab.load_waves(tmp_path / "theirs.parquet")
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "ours.parquet"), second, check_exact=True)
    assert (second.dtypes == waves.dtypes).all()
    for name, kind in change.items():
        expected = [np.nan] * len(waves) if kind is None else first[name].astype(waves[name].dtype)
        np.testing.assert_array_equal(second[name], expected)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("lower", "wide", "needed are numbers"),
        ("distance", pd.Timestamp("2026-01-01"), "needed are numbers"),
        ("hit", "no", "needed are numbers"),
        ("hit", 0.5, "0.5 in row 0; allowed are 0 and 1"),
        ("real", 2, "2 in row 0; allowed are 0 and 1"),
        ("real", None, "is missing in"),
        ("round", 0.5, "0.5 in row 0; allowed are whole numbers"),
        ("turn", np.nan, "is missing in"),
        ("passed", 1.5, "1.5 in row 0"),
        ("battle", 3, "needed is text"),
        ("shooter", None, "needed is text"),
        ("fired", pd.Timedelta(1), "needed are numbers"),
    ],
)
def test_columns_of_the_wrong_type_are_named(tmp_path, waves, name, values, message):
    bad = waves.assign(**{name: values})
    with pytest.raises(ValueError, match=rf"waves\['{name}'\] .*{message}"):
        store.save_waves(tmp_path / "ours.parquet", bad, {})
    assert list(tmp_path.iterdir()) == []
    bad.to_parquet(tmp_path / "x.parquet")
    with pytest.raises(ValueError, match=rf"x\.parquet'.*'{name}'.*{message}"):
        kdelab.load_waves(tmp_path / "x.parquet")


def test_a_filtered_table_of_pandas_brings_no_index_column(tmp_path, waves):
    waves[waves["real"]].to_parquet(tmp_path / "x.parquet")
    assert list(kdelab.load_waves(tmp_path / "x.parquet").columns) == list(waves.columns)


def test_every_flipped_bit_is_noticed_or_changes_nothing(tmp_path):
    """Pages, their headers, the footer."""
    waves = waves_of(load_round(), every=0).head(30).assign(rate=4e-7)
    store.save_waves(tmp_path / "whole.parquet", waves, {"who": "Ä"})
    whole = (tmp_path / "whole.parquet").read_bytes()
    rng, messages = np.random.default_rng(0), []
    places = [*rng.choice(len(whole) - 3000, 150, replace=False), *range(len(whole) - 3000, len(whole), 19)]
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << rng.integers(8)
        (tmp_path / "x.parquet").write_bytes(flipped)
        try:
            again = kdelab.load_waves(tmp_path / "x.parquet")
        except ValueError as error:
            messages.append(str(error))
        else:
            pd.testing.assert_frame_equal(again, waves, check_exact=True)
            assert again.attrs == {"schema": 2, "who": "Ä"}
    assert len(messages) > len(places) / 3
    assert all("x.parquet" in message for message in messages)


def test_pages_carry_checksums_that_others_can_verify(tmp_path, waves):
    store.save_waves(tmp_path / "x.parquet", waves, {})
    data = bytearray((tmp_path / "x.parquet").read_bytes())
    lower = pq.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0).column(list(waves).index("lower"))
    data[lower.data_page_offset + lower.total_compressed_size - 1] ^= 4
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(OSError, match="page integrity"):
        pq.read_table(tmp_path / "x.parquet", page_checksum_verification=True)


@pytest.mark.parametrize("schema", [None, 1, 3])
def test_tables_of_another_schema_are_refused_in_a_sentence_that_helps(tmp_path, waves, schema):
    said = {"seeds": {"a vs b": 7}} | ({} if schema is None else {"schema": schema})
    table = pa.Table.from_pandas(waves.drop(columns="passed"))
    table = table.replace_schema_metadata({store.METADATA_KEY: json.dumps(said).encode()})
    pq.write_table(table, tmp_path / "old.parquet")
    with pytest.raises(
        ValueError, match=rf"old\.parquet' is .* schema {schema or 1}, .* reads schema 2: .*'a vs b': 7"
    ):
        kdelab.load_waves(tmp_path / "old.parquet")


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
    assert (DATA / f"{name}.parquet").stat().st_size <= 4_500_000
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
    assert (DATA.parents[1] / "battles" / "data" / "one_round.npz").stat().st_size < 60_000


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
