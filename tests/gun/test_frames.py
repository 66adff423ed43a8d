"""Tables of polars, pyarrow and DuckDB go where pandas' go, give the same to the last bit, and come back in kind."""

import copy
import pickle
from decimal import Decimal

import duckdb
import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from made_up_waves import learnable
from sklearn.model_selection import GroupKFold, cross_val_score

import kdelab
from kdelab.gun.compare import leave_out, trials
from kdelab.gun.compare.baselines import HeadOn, Histogram
from kdelab.gun.recall import memory_of, middles, retrieve, scaled
from kdelab.gun.training.trained import trained
from kdelab.gun.waves.frames import like, pandas_of, taken
from kdelab.gun.waves.parquet import from_arrow
from kdelab.gun.waves.parts import save_parts
from kdelab.gun.waves.store import save_waves

SMALL = {"retrievals": 1, "max_iter": 5, "neighbours": 20, "predictions": 200}


class Capsule:
    """What knows Arrow's PyCapsule protocol, and no more."""

    def __init__(self, waves: pd.DataFrame) -> None:
        self._table = pa.Table.from_pandas(waves, preserve_index=False)

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


KINDS = {
    "pandas": (lambda waves: waves, pd.DataFrame),
    "polars": (pl.from_pandas, pl.DataFrame),
    "polars, lazy": (lambda waves: pl.from_pandas(waves).lazy(), pl.DataFrame),
    "pyarrow": (lambda waves: pa.Table.from_pandas(waves, preserve_index=False), pa.Table),
    "DuckDB": (lambda waves: duckdb.from_arrow(pa.Table.from_pandas(waves, preserve_index=False)), pa.Table),
    "capsule": (Capsule, pa.Table),
}
OTHERS = [kind for kind in KINDS if kind != "pandas"]


@pytest.fixture(scope="module")
def waves() -> pd.DataFrame:
    made = learnable(battles=3, waves=150)
    turns = made.groupby(["battle", "round"]).cumcount() * 3
    passed = (turns + 20.0).where(turns % 5 > 0)
    return made.assign(turn=turns, passed=passed, mine=np.arange(len(made)) % 17)


@pytest.fixture(scope="module")
def gun(waves: pd.DataFrame) -> kdelab.NeighbourModel:
    return kdelab.NeighbourModel(**SMALL, within_round=True).fit(waves)


@pytest.mark.parametrize("kind", KINDS)
def test_a_gun_of_any_table_is_that_of_pandas_to_the_last_bit(kind, waves, gun) -> None:
    make, back = KINDS[kind]
    other = kdelab.NeighbourModel(**SMALL, within_round=True).fit(make(waves))
    assert other.to_json() == gun.to_json()
    pd.testing.assert_frame_equal(other.rounds_, gun.rounds_)
    rows = np.arange(len(waves)) % 3 == 0
    for given in (make(waves), kdelab.Recall(make(waves), within_round=True)):
        for ask in ("predict", "losses"):
            np.testing.assert_array_equal(getattr(other, ask)(given, rows), getattr(gun, ask)(waves, rows))
        np.testing.assert_array_equal(other.density(given, [0.0, 0.3]), gun.density(waves, [0.0, 0.3]))
        np.testing.assert_array_equal(other.logits(given)[1], gun.logits(waves)[1])
        assert other.score(given) == gun.score(waves)
        assert other.hit_rate(given) == gun.hit_rate(waves)
        judged = other.judge(given, rows)
        assert isinstance(judged, back)
        mine = nw.from_native(judged)
        expected = gun.judge(waves, rows)
        assert mine.columns == list(expected.columns)
        for name in expected.columns:
            np.testing.assert_array_equal(mine[name].to_numpy(), expected[name].to_numpy())
            assert np.asarray(mine[name].to_numpy()).dtype.kind in (expected[name].to_numpy().dtype.kind, "O", "U")
    assert kdelab.NeighbourModel(**SMALL).unlearned(make(waves)).ranges_ == gun.ranges_


@pytest.mark.parametrize("kind", OTHERS)
def test_whatever_takes_waves_takes_any_table(kind, waves, tmp_path) -> None:
    make, back = KINDS[kind]
    np.testing.assert_array_equal(memory_of(make(waves), True).stored, memory_of(waves, True).stored)
    np.testing.assert_array_equal(middles(make(waves)), middles(waves))
    np.testing.assert_array_equal(scaled(make(waves)), scaled(waves))
    np.testing.assert_array_equal(trials.late_rounds(make(waves)), trials.late_rounds(waves))
    one, other = (retrieve(table, np.random.default_rng(1), 50) for table in (make(waves), waves))
    np.testing.assert_array_equal(one.logits, other.logits)
    for gun in (HeadOn(), Histogram()):
        judged = gun.fit(make(waves)).judge(make(waves))
        assert isinstance(judged, back)
        np.testing.assert_array_equal(nw.from_native(judged)["aim"].to_numpy(), gun.judge(waves)["aim"])
    rows = trials.shots(make(waves), np.random.default_rng(1), 40)
    np.testing.assert_array_equal(rows, trials.shots(waves, np.random.default_rng(1), 40))
    guns = {"head-on": HeadOn(), "one scale": kdelab.NeighbourModel(**SMALL).unlearned(waves)}
    for ask in (lambda t: trials.trial(t, guns, rows), lambda t: leave_out.leave_robots_out(t, {"h": HeadOn()})):
        mine, theirs = ask(make(waves)), ask(waves)
        assert isinstance(mine, back)
        assert nw.from_native(mine)["hit"].to_list() == theirs["hit"].to_list()
    results = trials.trial(make(waves), guns, rows)
    told = trials.summary(results, "one scale", 0)
    pd.testing.assert_frame_equal(told, trials.summary(trials.trial(waves, guns, rows), "one scale", 0))
    save_waves(tmp_path / "one.parquet", make(waves), {})
    save_waves(tmp_path / "other.parquet", waves, {})
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "other.parquet").read_bytes()
    save_parts(tmp_path / "parts", make(waves), 2, {})
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "parts"), kdelab.load_waves(tmp_path / "one.parquet"))


@pytest.mark.parametrize("kind", OTHERS)
def test_a_table_comes_as_load_waves_would_give_it(kind, waves, tmp_path) -> None:
    save_waves(tmp_path / "x.parquet", waves, {})
    loaded = kdelab.load_waves(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(pandas_of(KINDS[kind][0](waves)), loaded, check_exact=True)


def test_what_other_libraries_types_hold_is_the_same_to_the_last_bit(waves) -> None:
    """Categories, enums, decimals, narrow numbers, nulls: as pandas' table of the same values."""
    exact = [Decimal(int(100 * value)) / 100 for value in waves["distance"]]
    plain = waves.assign(
        distance=[float(value) for value in exact],
        speed=waves["speed"].astype("float32"),
        enemy=waves["enemy"].where(waves.index % 7 > 0),
    )
    frame = pl.from_pandas(plain)
    odd = frame.with_columns(
        pl.col("battle").cast(pl.Categorical),
        pl.col("shooter").cast(pl.Enum(["a", "b"])),
        pl.col("round").cast(pl.UInt8),
        pl.col("turn").cast(pl.Int32),
        pl.Series("distance", exact, dtype=pl.Decimal(12, 2)),
        pl.col("real").cast(pl.Int8),
        pl.col("mine").cast(pl.Int16),
    )
    assert odd["passed"].null_count() > 0
    assert odd["enemy"].null_count() > 0
    gun = kdelab.NeighbourModel(**SMALL, within_round=True).fit(plain)
    rows = plain["real"].to_numpy()
    for table in (odd, odd.lazy(), odd.to_arrow(), duckdb.sql("select * from odd"), odd.to_pandas()):
        other = kdelab.NeighbourModel(**SMALL, within_round=True).fit(table)
        assert other.to_json() == gun.to_json()
        np.testing.assert_array_equal(other.losses(table, rows), gun.losses(plain, rows))
    judged = gun.judge(odd)
    assert judged.schema["battle"] == pl.String
    assert judged["battle"].to_list() == gun.judge(plain)["battle"].to_list()


def test_decimals_are_the_nearest_numbers_however_many_digits_they_have() -> None:
    for text in ("0.1", "123456.789012345678901234", "99999999999999999.999", "-0.00000000000000000000000001", "8e9"):
        value = Decimal(text)
        column = pa.chunked_array([pa.array([value, None], pa.decimal128(38, max(0, -value.as_tuple().exponent)))])
        assert np.array_equal(from_arrow("distance", column), [float(value), np.nan], equal_nan=True)
    assert np.isnan(from_arrow("distance", pa.chunked_array([pa.array([None], pa.decimal128(9, 2))]))).all()


def test_a_checkpoint_of_a_fit_from_pandas_goes_on_from_polars(waves, tmp_path) -> None:
    made = {}
    for kind in KINDS:
        gun = kdelab.NeighbourModel(**SMALL).fit(KINDS[kind][0](waves), checkpoint=tmp_path / "state")
        made[kind] = gun.to_json()
    assert len(set(made.values())) == 1
    other = pl.from_pandas(waves).with_columns(pl.col("lower") - 1e-9)
    with pytest.raises(ValueError, match="waves"):
        kdelab.NeighbourModel(**SMALL).fit(other, checkpoint=tmp_path / "state")


@pytest.mark.parametrize("kind", KINDS)
def test_faults_are_said_as_of_pandas(kind, waves) -> None:
    bad = waves.astype({"distance": object})
    bad.loc[7, "distance"] = None
    bad = bad.astype({"distance": float})
    bad.loc[11, ["lower", "upper"]] = 0.9
    bad.loc[[13, 14], "shooter"] = None
    said = []
    for table in (bad, KINDS[kind][0](bad)):
        with pytest.raises(ValueError, match="waves: ") as caught:
            kdelab.Recall(table)
        said.append(str(caught.value).replace("= nan", "= None"))
    assert said[0] == said[1]
    assert "shooter is missing in 2 rows, first in row 13" in said[1]
    for change, message in (
        ({"round": waves["round"] + 0.5}, "round is not a whole number"),
        ({"round": "third"}, "round is not a finite number"),
        ({"lower": pd.Timestamp("2026-01-01")}, "lower is not a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            kdelab.Recall(KINDS[kind][0](waves.assign(**change)))
    with pytest.raises(ValueError, match="waves lacks the columns lower; it has"):
        kdelab.Recall(KINDS[kind][0](waves.drop(columns="lower")))


def test_numbers_as_names_of_battles_are_names_as_in_pandas(waves) -> None:
    numbered = waves.assign(battle=pd.factorize(waves["battle"])[0])
    gun = kdelab.NeighbourModel(**SMALL).fit(numbered)
    judged = gun.judge(pl.from_pandas(numbered))
    assert judged["battle"].to_list() == gun.judge(numbered)["battle"].to_list()


def test_two_columns_of_a_name_are_refused(waves) -> None:
    table = pa.Table.from_pandas(waves, preserve_index=False)
    twice = table.append_column("lower", table["lower"])
    with pytest.raises(ValueError, match=r"waves must be .* gives no table: .* unique .* 'lower' 2 times"):
        kdelab.Recall(twice)


@pytest.mark.parametrize(
    "given",
    [None, 3, "samples", [1, 2], {"lower": [1]}, np.zeros((3, 3)), pd.Series([1.0]), pl.Series([1.0]), pa.array([1.0])],
    ids=lambda given: type(given).__module__ + "." + type(given).__name__,
)
def test_what_is_no_table_is_one_error_that_says_what_is(given) -> None:
    message = "waves must be a pandas or polars DataFrame, a polars LazyFrame, a pyarrow Table or a DuckDB relation"
    for ask in (kdelab.Recall, kdelab.NeighbourModel().fit, memory_of, lambda w: save_waves("x.parquet", w, {})):
        with pytest.raises(ValueError, match=message) as caught:
            ask(given)
        assert type(given).__name__ in str(caught.value)


def test_a_query_that_fails_is_one_error(waves) -> None:
    lazy = pl.from_pandas(waves).lazy().with_columns(pl.col("no_such_column"))
    with pytest.raises(ValueError, match=r"this polars LazyFrame gives no table: .*no_such_column"):
        kdelab.Recall(lazy)


def test_a_prepared_table_remembers_its_kind(waves, gun) -> None:
    recall = kdelab.Recall(pl.from_pandas(waves), within_round=True)
    for one in (recall, copy.deepcopy(recall), pickle.loads(pickle.dumps(recall))):
        assert one.kind == "polars"
        assert isinstance(one.waves, pd.DataFrame)
        assert isinstance(gun.judge(one), pl.DataFrame)


def test_a_prepared_table_does_not_follow_changes_of_arrow_buffers(waves) -> None:
    own = np.array(waves["lower"])
    column = pa.Array.from_buffers(pa.float64(), len(own), [None, pa.py_buffer(own)])
    table = pa.Table.from_pandas(waves.drop(columns="lower"), preserve_index=False).append_column("lower", column)
    recall = kdelab.Recall(table)
    own[:] = 5.0
    np.testing.assert_array_equal(recall.numbers("lower"), waves["lower"])


def test_results_keep_nan_apart_from_nothing() -> None:
    frame = pd.DataFrame({"a": [1.0, np.nan], "b": ["x", "y"], "c": [True, False], "d": [1, 2]})
    assert like("pandas", frame) is frame
    back = like("polars", frame)
    assert back.schema == {"a": pl.Float64, "b": pl.String, "c": pl.Boolean, "d": pl.Int64}
    assert back["a"].is_nan().to_list() == [False, True]
    assert back.null_count().sum_horizontal().to_list() == [0]
    assert taken(back)[1] == "polars"


def test_a_gun_is_trained_from_a_log_of_any_kind(waves) -> None:
    few = waves[waves["battle"] != "a vs 2"]
    one, other = (trained(table, predictions=100) for table in (few, pl.from_pandas(few)))
    assert one.gun.to_json() == other.gun.to_json()
    assert one.report == other.report


def test_polars_frames_are_split_by_battles_in_scikit_learn(waves) -> None:
    gun = kdelab.NeighbourModel(**SMALL)
    folds = {"groups": waves["battle"], "cv": GroupKFold(3)}
    scores = cross_val_score(gun, pl.from_pandas(waves), **folds)
    np.testing.assert_array_equal(scores, cross_val_score(gun, waves, **folds))
