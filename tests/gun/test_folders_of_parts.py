"""A folder of Parquet parts: the same table, cut by whole battles; and one error that says all that is wrong."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from made_up_waves import learnable

import kdelab
from kdelab.files import sweep
from kdelab.gun.training.log import checked_log
from kdelab.gun.waves import parts, store

HELPERS = Path(__file__).parents[1] / "helpers"
BATTLES = 7


@pytest.fixture(scope="module")
def waves():
    made = learnable(battles=BATTLES, waves=40)
    return made.assign(mine=np.arange(len(made)), note="n", turn=np.arange(len(made)), sure=True)


@pytest.fixture
def folder(tmp_path, waves):
    parts.save_parts(tmp_path / "parts", waves, 4, {"licence": "none"})
    return tmp_path / "parts"


def rewritten(path: Path, change) -> None:
    """Write a part anew, changed, as another program would."""
    pq.write_table(change(pq.read_table(path).replace_schema_metadata(None)), path)


def damaged(path: Path, name: str) -> None:
    """Turn a bit in a page of a column."""
    group = pq.read_metadata(path).row_group(0)
    (column,) = (c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == name)
    raw = bytearray(path.read_bytes())
    raw[(column.dictionary_page_offset or column.data_page_offset) + column.total_compressed_size - 5] ^= 1
    path.write_bytes(raw)


def refused(folder: Path) -> str:
    """What `load_waves` says, and nothing is returned."""
    with pytest.raises(ValueError, match="can't be used") as caught:
        kdelab.load_waves(folder)
    return str(caught.value)


def test_a_folder_of_parts_is_the_table_that_was_cut(folder, waves):
    again = kdelab.load_waves(folder)
    pd.testing.assert_frame_equal(again, waves, check_exact=True)
    pd.testing.assert_frame_equal(kdelab.load_waves(str(folder)), again)
    assert list(again.attrs["parts"]) == [path.name for path in parts.paths(folder)]
    assert again.attrs["parts"]["part-000.parquet"] == {"licence": "none", "schema": 2}
    store.save_waves(folder.parent / "one.parquet", again, again.attrs)
    pd.testing.assert_frame_equal(kdelab.load_waves(folder.parent / "one.parquet"), again, check_exact=True)


@pytest.mark.parametrize("whole", [False, True])
def test_what_parts_hold_is_known_without_their_numbers(folder, waves, whole):
    known = parts.checked_parts(folder, whole)
    assert [part.path for part in known] == parts.paths(folder)
    assert sum((part.battles for part in known), ()) == tuple(waves["battle"].unique())
    for part in known:
        table = parts.read_part(part.path)
        assert part.rows == len(table)
        assert part.battles == tuple(table["battle"].unique())
        assert list(part.kinds) == list(waves.columns)
    kinds = {name: known[0].kinds[name] for name in ("lower", "round", "real", "mine", "note", "sure")}
    assert list(kinds.values()) == ["numbers", "numbers", "numbers", "whole numbers", "text", "truth values"]


@pytest.mark.parametrize("number", [1, 2, 3, BATTLES])
def test_battles_stay_whole_and_parts_are_about_equal(tmp_path, waves, number):
    mixed = waves.sample(frac=1, random_state=1)
    written = parts.save_parts(tmp_path / "p", mixed, number, {})
    tables = [parts.read_part(path) for path in written]
    assert [path.name for path in written] == [f"part-{i:03}.parquet" for i in range(number)]
    assert sum(table["battle"].nunique() for table in tables) == BATTLES
    assert max(map(len, tables)) - min(map(len, tables)) <= 40
    expected = pd.concat([mixed[mixed["battle"] == name] for name in mixed["battle"].unique()], ignore_index=True)
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "p"), expected, check_exact=True)


def test_a_great_battle_leaves_no_part_empty(tmp_path, waves):
    for great in (0, 3, BATTLES - 1):
        few = waves[(waves["battle"] == f"a vs {great}") | (waves.index % 40 == 0)]
        for path in parts.save_parts(tmp_path / f"{great}", few, 6, {}):
            assert len(parts.read_part(path)) > 0


def test_a_folder_appears_whole_or_not_at_all(tmp_path, waves, monkeypatch):
    with pytest.raises(ValueError, match=r"parts=8 given, but waves has 7 battles"):
        parts.save_parts(tmp_path / "p", waves, BATTLES + 1, {})
    with pytest.raises(ValueError, match=r"waves\['lower'\] is 1e\+300"):
        parts.save_parts(tmp_path / "p", waves.assign(lower=np.where(waves["battle"] == "a vs 6", 1e300, 0)), 3, {},
                         ranges={"lower": (-1, 1)})  # fmt: skip
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "p").mkdir()
    parts.save_parts(tmp_path / "p", waves, 2, {})
    with pytest.raises(ValueError, match="must not be there, or be empty"):
        parts.save_parts(tmp_path / "p", waves, 3, {})
    assert [path.name for path in (tmp_path / "p").iterdir()] != []
    assert len(parts.paths(tmp_path / "p")) == 2
    assert os.listdir(tmp_path) == ["p"]
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o755


KILLED = """
import os, sys
from kdelab.gun.waves import parts, store
from made_up_waves import learnable
save, written = store.save_waves, []
def killed(path, *rest):
    save(path, *rest)
    if len(written) == 1:
        print("half", flush=True)
        sys.stdin.read()
    written.append(path)
store.save_waves = killed
parts.save_parts(sys.argv[1], learnable(battles=3, waves=20), 3, {})
"""


def test_what_a_killed_process_left_is_swept_and_a_living_one_s_is_left_alone(tmp_path, waves):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "p")]
    path = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(HELPERS), str(HELPERS.parents[1])])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, **pipes) as process:
        assert process.stdout.readline() == "half\n"
        (left,) = tmp_path.glob(".p-*")
        assert len(list(left.iterdir())) == 2
        sweep(tmp_path)
        assert left.is_dir()
        process.kill()
    parts.save_parts(tmp_path / "p", waves, 2, {})
    assert os.listdir(tmp_path) == ["p"]


def test_what_is_no_part_is_passed_over(folder, waves):
    for name in ("README.md", "_SUCCESS", ".part-009.parquet-x1.new", ".hidden.parquet", "notes.csv"):
        (folder / name).write_text("no Parquet")
    (folder / "figures").mkdir()
    (folder / ".cache").mkdir()
    (folder / ".cache" / "old.parquet").write_text("no Parquet")
    pd.testing.assert_frame_equal(kdelab.load_waves(folder), waves, check_exact=True)


def test_what_is_no_folder_of_parts_is_refused(tmp_path, folder):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for name, message in (("empty", "holds no .parquet file"), ("file", "a file"), ("none", "no such folder")):
        with pytest.raises(ValueError, match=f"folder='.*{name}'.*{message}"):
            parts.load(tmp_path / name)
    with pytest.raises(ValueError, match=r"holds no \.parquet file"):
        kdelab.load_waves(tmp_path / "empty")
    (folder / "more" / "battle=x").mkdir(parents=True)
    (folder / "more" / "battle=x" / "part.parquet").write_text("")
    with pytest.raises(ValueError, match=r"side by side, but 'more/battle=x/part.parquet' lies deeper"):
        kdelab.load_waves(folder)


def test_a_folder_of_parts_is_a_log_to_check_and_to_train_on(tmp_path):
    samples = kdelab.load_waves()
    few = samples[samples["battle"].isin(samples["battle"].unique()[:3])].reset_index(drop=True)
    parts.save_parts(tmp_path / "p", few, 3, {})
    pd.testing.assert_frame_equal(checked_log(tmp_path / "p").waves, few, check_exact=True)
    damaged(tmp_path / "p" / "part-002.parquet", "upper")
    with pytest.raises(ValueError, match=r"part-002\.parquet: cannot be read as Parquet, column 'upper'"):
        checked_log(tmp_path / "p")


def cast(table, name, kind):
    place = table.column_names.index(name)
    return table.set_column(place, name, table[name].cast(kind))


FAULTS = {
    "corrupt": (lambda path: damaged(path, "lower"), "cannot be read as Parquet, column 'lower'"),
    "corrupt battles": (lambda path: damaged(path, "battle"), "cannot be read as Parquet, column 'battle'"),
    "no Parquet": (lambda path: path.write_bytes(b"PAR1"), "cannot be read as Parquet"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-40]), "cannot be read as Parquet"),
    "a missing column": (lambda path: rewritten(path, lambda t: t.drop_columns(["lower"])), "the column 'lower'"),
    "a column fewer": (
        lambda path: rewritten(path, lambda t: t.drop_columns(["mine"])),
        "lacks the column 'mine' of part-000.parquet",
    ),
    "a column more": (
        lambda path: rewritten(path, lambda t: t.append_column("more", t["mine"])),
        "column 'more' isn't in part-000.parquet",
    ),
    "another type": (
        lambda path: rewritten(path, lambda t: cast(t, "mine", "double")),
        "column 'mine' holds numbers, and in part-000.parquet whole numbers",
    ),
    "text for numbers": (
        lambda path: rewritten(path, lambda t: cast(t, "upper", "string")),
        "column 'upper' is of type",
    ),
    "empty": (lambda path: rewritten(path, lambda t: t.slice(0, 0)), "it has no rows"),
    "a shared battle": (
        lambda path: rewritten(path, lambda t: cast_battle(t, "a vs 0")),
        "column 'battle': 'a vs 0' stands in part-000.parquet, too",
    ),
    "a missing battle": (lambda path: rewritten(path, lambda t: cast_battle(t, None)), "column 'battle' is missing in"),
}


def cast_battle(table, name):
    first = table["battle"].cast("string").to_pylist()[0]
    names = [name if other == first else other for other in table["battle"].cast("string").to_pylist()]
    return table.set_column(table.column_names.index("battle"), "battle", [names])


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_part_is_named_with_file_and_column(folder, fault):
    make, message = FAULTS[fault]
    make(folder / "part-002.parquet")
    said = refused(folder)
    assert said.startswith(f"folder={str(folder)!r}: 1 of 4 parts can't be used: part-002.parquet")
    assert message in said
    assert "part-001" not in said
    assert said.count("the column") <= 1
    if fault != "corrupt":  # which nobody sees who doesn't read
        with pytest.raises(ValueError, match=r"part-002\.parquet") as caught:
            parts.checked_parts(folder)
        assert str(caught.value) == said
    with pytest.raises(ValueError, match=r"part-002\.parquet") as caught:
        parts.checked_parts(folder, whole=True)
    assert str(caught.value) == said


def test_damage_is_named_by_the_part_alone_too(folder):
    damaged(folder / "part-001.parquet", "upper")
    assert len(parts.checked_parts(folder)) == 4
    with pytest.raises(ValueError, match=r"part-001.parquet' cannot be read as Parquet, column 'upper'"):
        parts.read_part(folder / "part-001.parquet")


def test_all_faults_are_said_at_once(tmp_path, waves):
    parts.save_parts(tmp_path / "p", waves, BATTLES, {})
    chosen = ["corrupt", "a missing column", "another type", "empty", "a shared battle"]
    for number, fault in enumerate(chosen, 1):
        FAULTS[fault][0](tmp_path / "p" / f"part-00{number}.parquet")
    said = refused(tmp_path / "p")
    assert "5 of 7 parts" in said
    for number, fault in enumerate(chosen, 1):
        (about,) = (line for line in said.split("; ") if f"part-00{number}.parquet: " in line)
        assert FAULTS[fault][1] in about


def test_the_first_part_may_be_the_faulty_one(folder):
    FAULTS["a missing column"][0](folder / "part-000.parquet")
    FAULTS["another type"][0](folder / "part-003.parquet")
    said = refused(folder)
    assert "part-000.parquet: it lacks the column 'lower'" in said
    assert "part-003.parquet: column 'mine' holds numbers, and in part-001.parquet whole numbers" in said
    assert "part-002" not in said


def test_other_types_of_documented_columns_are_no_other_schema(folder, waves):
    """As in any file: what is one in memory may be stored in different ways, and in another order."""
    path = folder / "part-001.parquet"
    rewritten(path, lambda t: cast(cast(cast(t, "round", "double"), "mine", "int32"), "battle", "large_string"))
    rewritten(path, lambda t: t.select(t.column_names[::-1]))
    pd.testing.assert_frame_equal(kdelab.load_waves(folder), waves, check_exact=True)


def test_another_schema_of_kdelab_is_a_fault_of_its_part(folder):
    path = folder / "part-001.parquet"
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"kdelab": '{"schema": 1, "seeds": 3}'}), path)
    assert "part-001.parquet: is a table of waves of schema 1" in refused(folder)
