"""Clusters of Arrow's list columns, whose points aren't copied, and of tables: the bits of the same lists."""

import copy
import gc
import pickle
import subprocess
import sys
from decimal import Decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import kdelab
from kdelab import Clusters, CrossEntropy, Laplace

LISTS = [[-0.3, 0.1, 0.2], [0.4, 0.6], [0.5], [-0.9, 0.9, 0.1, 0.3]]
LOWER, UPPER = [0.0, 0.1, 0.45, -0.2], [0.2, 0.3, 0.45, 0.7]
OFFSETS = [0, 3, 5, 6, 10]


def capsule(column, name: str):
    """What knows Arrow's PyCapsule protocol, an array's or a stream's, and no more."""
    return type("Foreign", (), {name: lambda self, requested_schema=None: getattr(column, name)(requested_schema)})()


def in_slices(lists, kind):
    """A slice of a longer column: offsets that don't begin at 0."""
    return pa.array([[9.0, 8.0], *lists, [7.0]], kind).slice(1, len(lists))


LARGE, SMALL = pa.large_list(pa.float64()), pa.list_(pa.float64())
SHARED = {
    "list": lambda: pa.array(LISTS, SMALL),
    "large list": lambda: pa.array(LISTS, LARGE),
    "slice": lambda: in_slices(LISTS, SMALL),
    "large slice": lambda: in_slices(LISTS, LARGE),
    "one chunk": lambda: pa.chunked_array([pa.array(LISTS, SMALL)]),
    "one chunk and empty ones": lambda: pa.chunked_array([pa.array([], SMALL), in_slices(LISTS, SMALL), []], SMALL),
    "capsule": lambda: capsule(pa.array(LISTS, SMALL), "__arrow_c_array__"),
    "stream": lambda: capsule(pa.chunked_array([in_slices(LISTS, LARGE)]), "__arrow_c_stream__"),
    "table of one column": lambda: pa.table({"points": in_slices(LISTS, SMALL)}),
    "polars": lambda: pl.Series(LISTS, dtype=pl.List(pl.Float64)),
    "polars slice": lambda: pl.Series([[9.0], *LISTS, [8.0]]).slice(1, 4),
    "pandas of Arrow": lambda: pd.Series(pa.array(LISTS, SMALL), dtype=pd.ArrowDtype(SMALL)),
}
COPIED = {
    "chunks": lambda: pa.chunked_array([in_slices(LISTS[:2], SMALL), in_slices(LISTS[2:3], SMALL), LISTS[3:]]),
    "pandas": lambda: pd.Series(LISTS),
    "DuckDB": lambda: duckdb.from_arrow(pa.table({"p": pa.array(LISTS), "x": [1, 2, 3, 4]})).project("p"),
    "polars chunks": lambda: pl.concat([pl.Series(LISTS[:1]), pl.Series(LISTS[1:])], rechunk=False),
}

if duckdb.__version__ < "1.2":  # whose relations take no schema that is asked for
    del COPIED["DuckDB"]


def addresses(column) -> list[tuple[int, int]]:
    """Where the buffers of a column's values begin and end."""
    chunks = pa.chunked_array(column if hasattr(column, "__arrow_c_stream__") else [pa.array(column)]).chunks
    chunks = [chunk.field(0) if pa.types.is_struct(chunk.type) else chunk for chunk in chunks]
    buffers = [chunk.values.buffers()[1] for chunk in chunks if len(chunk)]
    return [(buffer.address, buffer.address + buffer.size) for buffer in buffers]


@pytest.mark.parametrize("form", [*SHARED, *COPIED])
def test_clusters_of_arrow_have_the_bits_of_lists(form) -> None:
    column = (SHARED | COPIED)[form]()
    made, lists = Clusters.from_arrow(column, LOWER, UPPER), Clusters.from_lists(LISTS, LOWER, UPPER)
    for name in ("points", "offsets", "lower", "upper"):
        ours, theirs = getattr(made, name), getattr(lists, name)
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype
        assert not ours.flags.writeable
        assert ours.flags.c_contiguous
        assert ours.flags.aligned
    logits = np.linspace(-1, 1, 10)
    (value, gradient), (expected, slope) = (
        CrossEntropy(clusters, Laplace(0.1)).value_and_grad(logits) for clusters in (made, lists)
    )
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_array_equal(gradient, slope)


@pytest.mark.parametrize("form", SHARED)
def test_points_are_not_copied_but_shared_with_arrow(form) -> None:
    column = SHARED[form]()
    ((first, end),) = addresses(column)
    points = Clusters.from_arrow(column, LOWER, UPPER).points
    assert first <= points.ctypes.data < end
    assert points.ctypes.data + points.nbytes <= end


def test_arrow_s_buffer_lives_as_long_as_the_clusters() -> None:
    column = pa.array([[0.25] * 1000, [0.5] * 5000])
    before = pa.total_allocated_bytes()
    clusters = Clusters.from_arrow(column.slice(1), [0.0], [1.0])
    del column
    gc.collect()
    spoil = [pa.array([9.0] * 6000) for _ in range(3)]
    np.testing.assert_array_equal(clusters.points, 0.5)
    del spoil
    kept = before - pa.total_allocated_bytes()
    assert kept < 8 * 6000
    points = clusters.points.copy()
    del clusters
    gc.collect()
    assert before - pa.total_allocated_bytes() >= 8 * 6000
    clusters = Clusters.from_arrow(pa.array([points]), [0.0], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        clusters.points[0] = 1.0
    with pytest.raises(ValueError, match="WRITEABLE"):
        clusters.points.flags.writeable = True


def test_copies_and_pickles_of_shared_clusters_are_whole() -> None:
    clusters = Clusters.from_arrow(in_slices(LISTS, SMALL), LOWER, UPPER)
    for one in (pickle.loads(pickle.dumps(clusters)), copy.copy(clusters), copy.deepcopy(clusters)):
        np.testing.assert_array_equal(one.points, clusters.points)
        np.testing.assert_array_equal(one.offsets, OFFSETS)
        assert not one.points.flags.writeable
    assert np.shares_memory(clusters.take(slice(1, 3)).points, clusters.points)


def test_lists_of_fixed_size_are_shared_too() -> None:
    flat = pa.array(np.linspace(-1, 1, 12))
    column = pa.FixedSizeListArray.from_arrays(flat, 3)
    for part, first in ((column, 0), (column.slice(1, 2), 3)):
        n = len(part)
        clusters = Clusters.from_arrow(part, np.zeros(n), np.ones(n))
        np.testing.assert_array_equal(clusters.points, flat.to_numpy()[first : first + 3 * n])
        np.testing.assert_array_equal(clusters.offsets, 3 * np.arange(n + 1))
        assert np.shares_memory(clusters.points, flat.to_numpy())
    polars = pl.Series(np.linspace(-1, 1, 12).reshape(4, 3))
    assert polars.dtype == pl.Array(pl.Float64, 3)
    np.testing.assert_array_equal(Clusters.from_arrow(polars, [0] * 4, [1] * 4).points, flat.to_numpy())


def test_a_buffer_that_isn_t_aligned_is_copied() -> None:
    raw = b"\0" * 4 + np.arange(5.0).tobytes()
    flat = pa.Array.from_buffers(pa.float64(), 5, [None, pa.py_buffer(raw).slice(4)])
    clusters = Clusters.from_arrow(pa.ListArray.from_arrays([0, 2, 5], flat), [0, 0], [1, 1])
    assert clusters.points.flags.aligned
    np.testing.assert_array_equal(clusters.points, np.arange(5.0))


@pytest.mark.parametrize(
    "kind", [pa.float32(), pa.float16(), pa.int8(), pa.int64(), pa.uint64(), pa.decimal128(30, 3), pa.bool_()], ids=str
)
def test_values_of_other_types_are_converted(kind) -> None:
    plain = [[0, 1, 1], [1], [0, 1]]
    if pa.types.is_decimal(kind):
        plain = [[Decimal("0.001"), Decimal("-5.1")], [Decimal("123456789123456789.123")], [Decimal(7)]]
    elif pa.types.is_boolean(kind):
        plain = [[False, True, True], [True], [False]]
    elif pa.types.is_int64(kind):
        plain = [[2**53 + 1, -1], [2], [3]]
    elif pa.types.is_floating(kind):
        plain = [[np.float16(0.1), np.float16(0.5)], [np.float16(2.5)], [np.float16(1)]]
    column = pa.array(plain, pa.list_(kind))
    clusters = Clusters.from_arrow(column, [0, 0, 0], [1, 1, 1])
    np.testing.assert_array_equal(clusters.points, [float(x) for part in plain for x in part])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (pa.array([[0.1], None, [0.2]]), "points is missing in 1 rows, first in row 1"),
        (pa.array([[9.0], [0.1], [0.3, None], [None]]).slice(1), r"points lacks 2 values, first points\[1\]\[1\]"),
        (pa.array([[0.1], [0.2], []]), r"points\[2\] is empty: a cluster has at least one point"),
        (pa.chunked_array([[[0.1]], [[0.2], []]]), r"points\[2\] is empty"),
        (pa.chunked_array([[[0.1]], [[0.2, 0.3], [0.1, np.inf]]]), r"points must be finite.* points\[2\]\[1\] is inf"),
        (pa.array([[0.1], [np.nan], [0.2]]), r"points must be finite, but 1 of 3 are not: points\[1\]\[0\] is nan"),
        (pa.array([["a"], ["b"], ["c"]]), "points must be lists of numbers, not of type string"),
        (pa.array([[[0.1]], [[0.2]], [[0.3]]]), "points must be lists of numbers, not of type list"),
        (pa.array(["a"] * 3).dictionary_encode(),
         "points must be a list column of Arrow.*not of type dictionary"),
        (pa.array([0.1, 0.2, 0.3]), "points must be a list column of Arrow.*not of type double"),
        (pa.table({"a": [[0.1]] * 3, "b": [1] * 3}), "this pyarrow Table has 2: a, b"),
        (pa.FixedSizeListArray.from_arrays(pa.array([0.1, 0.2, 0.3]), 1, mask=pa.array([False, True, False])),
         "points is missing in 1 rows, first in row 1"),
        (pa.array([[]] * 3, pa.list_(pa.float64(), 0)), r"points\[0\] is empty"),
        (LISTS[:3], "points must be a list column of Arrow.*not list"),
        (np.zeros((3, 2)), "points must be a list column of Arrow.*not numpy ndarray"),
        (None, "points must be a list column of Arrow.*not NoneType"),
        (pl.Series([[1.0], [None], [2.0]]), r"points lacks 1 values, first points\[1\]\[0\]"),
        (pa.array([[0.1], [0.2]]), "lower has 3 entries where 2 are needed"),
    ],
)  # fmt: skip
def test_what_is_no_list_column_of_numbers_is_refused(column, message) -> None:
    with pytest.raises(ValueError, match=message):
        Clusters.from_arrow(column, [0.0] * 3, [1.0] * 3)


def test_columns_of_no_lists_are_no_predictions() -> None:
    for column in (pa.array([], SMALL), pa.chunked_array([], LARGE), pl.Series([], dtype=pl.List(pl.Float64))):
        assert len(Clusters.from_arrow(column, [], [])) == 0


@pytest.mark.parametrize(
    "made", [pa.array, pl.Series, pd.Series, np.array, lambda x: pa.chunked_array([x[:1], x[1:]]), list,
             lambda x: capsule(pa.array(x), "__arrow_c_array__"), lambda x: pa.table({"x": x})],
)  # fmt: skip
def test_targets_may_be_columns_of_any_kind(made) -> None:
    clusters = Clusters.from_arrow(pa.array(LISTS), made(LOWER), made(UPPER))
    np.testing.assert_array_equal(clusters.lower, LOWER)
    np.testing.assert_array_equal(clusters.upper, UPPER)
    assert clusters.lower.dtype == np.float64


def test_targets_that_are_no_numbers_are_refused() -> None:
    for lower in (pa.array([0.1, None, 0.2, 0.3]), pl.Series([0.1, None, 0.2, 0.3])):
        with pytest.raises(ValueError, match="lower is missing in 1 rows, first in row 1"):
            Clusters.from_arrow(pa.array(LISTS), lower, UPPER)
    for upper in (pa.array(["a"] * 4), pl.Series(["a"] * 4)):
        with pytest.raises(ValueError, match="upper must be numbers, not of type"):
            Clusters.from_arrow(pa.array(LISTS), LOWER, upper)
    with pytest.raises(ValueError, match="lower must not exceed upper"):
        Clusters.from_arrow(pa.array(LISTS), UPPER, LOWER)


def long(**changes) -> pd.DataFrame:
    """A row a neighbour; predictions told apart by a battle and a shot."""
    sizes = [len(part) for part in LISTS]
    columns = {
        "battle": np.repeat(["b", "a", "a", "b"], sizes),
        "shot": np.repeat([2, 1, 2, 1], sizes),
        "point": np.concatenate(LISTS),
        "lower": np.repeat(LOWER, sizes),
        "upper": np.repeat(UPPER, sizes),
        "logit": np.linspace(-1, 1, 10),
        "other": None,
    }
    return pd.DataFrame(columns | changes)


TABLES = {
    "pandas": lambda frame: frame,
    "polars": pl.from_pandas,
    "polars, lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "polars, categories": lambda frame: pl.from_pandas(frame).with_columns(pl.col("battle").cast(pl.Categorical)),
    "pyarrow": pa.Table.from_pandas,
    "chunks": lambda frame: pa.concat_tables([pa.Table.from_pandas(frame).slice(*part) for part in ((0, 4), (4,))]),
    "DuckDB": lambda frame: duckdb.from_arrow(pa.Table.from_pandas(frame)),
    "capsule": lambda frame: capsule(pa.Table.from_pandas(frame), "__arrow_c_stream__"),
}


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("by", [["battle", "shot"], ("shot", "battle"), "key"])
def test_clusters_of_a_long_table_have_the_bits_of_lists_and_go_with_its_logits(kind, by) -> None:
    frame = long(key=np.repeat([5.5, -1.0, 7.25, 0.0], [3, 2, 1, 4]))
    made = Clusters.from_table(TABLES[kind](frame), by, "point")
    lists = Clusters.from_lists(LISTS, LOWER, UPPER)
    for name in ("points", "offsets", "lower", "upper"):
        np.testing.assert_array_equal(getattr(made, name), getattr(lists, name))
    values = CrossEntropy(made, Laplace(0.1)).value(frame["logit"])
    np.testing.assert_array_equal(values, CrossEntropy(lists, Laplace(0.1)).value(np.linspace(-1, 1, 10)))


@pytest.mark.parametrize("kind", TABLES)
def test_clusters_of_a_table_with_a_row_a_prediction(kind) -> None:
    frame = pd.DataFrame({"points": LISTS, "low": LOWER, "high": UPPER})
    if kind in ("chunks", "polars, categories"):
        frame["battle"] = "b"
    if kind == "chunks":
        frame = pd.concat([frame, frame])
    made = Clusters.from_table(TABLES[kind](frame), lower="low", upper="high")
    assert made.points.tolist()[:10] == np.concatenate(LISTS).tolist()
    assert made.offsets.tolist()[:5] == OFFSETS
    assert made.lower.tolist()[:4] == LOWER


def test_a_table_s_columns_are_copied() -> None:
    frame = long()
    made = Clusters.from_table(frame, ["battle", "shot"], "point")
    frame.loc[:, "point"] = 9.0
    np.testing.assert_array_equal(made.points, np.concatenate(LISTS))


def test_a_table_of_no_rows_is_no_predictions() -> None:
    for table in (long()[:0].astype({"battle": str}), pl.from_pandas(long()).head(0)):
        assert len(Clusters.from_table(table, ["battle", "shot"], "point")) == 0


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(
    ("change", "by", "message"),
    [
        ({"shot": [2] * 3 + [1] * 3 + [2] + [1] * 3}, ["battle", "shot"],
         "rows of a prediction must stand together, but those of battle = b, shot = 2 begin again in row 6; sort"),
        ({"shot": [3] * 3 + [1] * 3 + [3] * 2 + [1] * 2}, ["shot"],
         "stand together, but those of shot = 3 begin again in row 6; sort it by shot"),
        ({"lower": [0.0, 0.0, 0.01, *np.repeat(LOWER[1:], [2, 1, 4])]}, ["battle", "shot"],
         "table: lower must be the same in all rows of a prediction, but is 0.0 in row 0 and 0.01 in row 2"),
        ({"upper": [*np.repeat(UPPER[:3], [3, 2, 1]), 0.7, 0.7, 0.8, 0.8]}, ["battle", "shot"],
         "table: upper must be the same in all rows of a prediction, but is 0.7 in row 6 and 0.8 in row 8"),
        ({"lower": [None, *[0.0] * 9]}, ["battle", "shot"], r"table\['lower'\] is missing in 1 rows, first in row 0"),
        ({"point": [0.0] * 9 + [None]}, ["battle", "shot"], r"table\['point'\] is missing in 1 rows, first in row 9"),
        ({"battle": ["a"] * 4 + [None] * 6}, ["battle"], r"table\['battle'\] is missing in 6 rows, first in row 4"),
        ({"point": ["x"] * 10}, ["battle", "shot"], r"table\['point'\] must be numbers, not of type .*string"),
        ({}, ["battle", "round", "turn"], "table lacks the columns round, turn; it has battle, shot, point, lower,"),
    ],
)  # fmt: skip
def test_faults_of_a_table_are_named_with_column_and_row(kind, change, by, message) -> None:
    with pytest.raises(ValueError, match=message):
        Clusters.from_table(TABLES[kind](long(**change)), by, "point")


@pytest.mark.parametrize("table", [None, [1], {"points": [[1.0]]}, np.zeros(3), pd.Series([1.0]), pl.Series([1.0])])
def test_what_is_no_table_is_refused(table) -> None:
    with pytest.raises(ValueError, match="table must be a pandas or polars DataFrame, a polars LazyFrame, a pyarrow"):
        Clusters.from_table(table, "shot")


@pytest.mark.parametrize("by", [3, [], ["shot", 3], [None]])
def test_columns_are_named_by_text(by) -> None:
    with pytest.raises(ValueError, match="must name columns, not"):
        Clusters.from_table(long(), by, "point")


def test_predictions_are_not_told_apart_by_lists() -> None:
    table = pa.table({"key": [[1], [2]], "points": [0.1, 0.2], "lower": [0, 0], "upper": [1, 1]})
    with pytest.raises(ValueError, match=r"table\['key'\] is of type list<.*>: that tells no predictions apart"):
        Clusters.from_table(table, "key")


def test_a_column_may_be_named_twice() -> None:
    assert len(Clusters.from_table(long(), ["logit", "point"], "point")) == 10


def test_many_columns_of_many_values_tell_predictions_apart() -> None:
    """More combinations than an int64 counts."""
    rng = np.random.default_rng(1)
    keys = {f"k{i}": rng.permutation(2000) for i in range(7)}
    table = pa.table(keys | {"points": rng.random(2000), "lower": [0] * 2000, "upper": [1] * 2000})
    clusters = Clusters.from_table(table, list(keys))
    np.testing.assert_array_equal(clusters.sizes, 1)
    np.testing.assert_array_equal(clusters.points, table["points"])


def test_tables_are_imported_when_one_comes() -> None:
    script = """
import sys, kdelab
clusters = kdelab.Clusters([0.1, 0.2], [0, 2], [0.0], [1.0])
print(*sorted({"pyarrow", "narwhals", "pandas", "polars", "duckdb"} & set(sys.modules)))
import pyarrow
column, seen = pyarrow.array([[0.1]]), set(sys.modules)
kdelab.Clusters.from_arrow(column, [0.0], [1.0])
print(*sorted({"narwhals", "pandas", "polars", "duckdb"} & (set(sys.modules) - seen)))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.split() == []


@pytest.mark.parametrize("absent", ["pyarrow", "narwhals"])
def test_without_the_extra_a_sentence_says_what_is_missing(absent, monkeypatch) -> None:
    frame, column = long(), pa.array(LISTS)
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(kdelab.extras.MissingExtra, match=rf'{absent} is not .*: pip install "kdelab\[tables\]"'):
        Clusters.from_table(frame, "shot", "point")
    if absent == "pyarrow":
        with pytest.raises(kdelab.extras.MissingExtra, match=r"kdelab\[tables\]"):
            Clusters.from_arrow(column, LOWER, UPPER)
