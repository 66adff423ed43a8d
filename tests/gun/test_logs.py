"""Logs of one's own: CSV, columns with names of ours in other units, and what is said of a log that is wrong."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import kdelab
from kdelab.gun.training.log import checked_log, ranges_from
from kdelab.gun.waves import store
from kdelab.gun.waves.check import INTERVAL, KEYS, needed
from kdelab.gun.waves.diagnosis import RECORDS, summary
from kdelab.gun.waves.features import FEATURE_TABLE, FEATURES

DOCS = (Path(__file__).parents[2] / "docs" / "logs.md").read_text()
DEGREES = 180 / np.pi


@pytest.fixture(scope="module")
def waves():
    """Some rounds of the set that ships, of a robot that leads its shots."""
    whole = kdelab.load_waves()
    mine = whole[(whole["shooter"] == "sample.VelociRobot") & (whole["round"] < 4)]
    return mine[mine["battle"].isin(mine["battle"].unique()[:5])].reset_index(drop=True)


def complaint(tmp_path, table, **more):
    """What is said of a table, or of a text, as CSV."""
    path = tmp_path / "mine.csv"
    path.write_text(table if isinstance(table, str) else table.to_csv(index=False))
    try:
        checked_log(path, **more)
    except ValueError as error:
        return str(error)
    return ""


def test_the_documented_tables_are_those_of_the_code():
    for feature in FEATURE_TABLE:
        row = f"| `{feature.name}` | {feature.meaning} | {feature.unit} | {feature.low:g} to {feature.high:g} |"
        assert f"{row}\n" in DOCS
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", DOCS.split("## Features")[0], re.MULTILINE)
    assert {name for name, _ in rows} == set(RECORDS)
    assert [name for name, use in rows if use == "everything"] == needed(()) == [*KEYS, *INTERVAL]


def test_the_documented_example_is_a_log_in_which_nothing_is_wrong(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(re.search(r"```csv\n(.*?)```", DOCS, re.DOTALL)[1])
    log = checked_log(path)
    assert log.features == ["distance", "lateral_speed", "mood"]
    assert log.notes == []
    assert "4 waves in 1 battles and 2 rounds" in summary(log.waves, log.features)
    assert "2 real shots, 2 decided, 50.0% of them hits" in summary(log.waves, log.features)
    loaded = kdelab.load_waves(path)
    pd.testing.assert_frame_equal(loaded, log.waves)
    gun = kdelab.NeighbourModel(features=log.features, share=1, within_round=True).unlearned(loaded)
    assert gun.judge(loaded)["row"].tolist() == [2, 3]


def test_csv_and_parquet_hold_the_same(tmp_path, waves):
    own = waves.assign(mood=np.arange(len(waves)) / 7, count=np.arange(len(waves)), place="here", sure=waves["real"])
    own.to_csv(tmp_path / "mine.csv", index=False)
    again = kdelab.load_waves(tmp_path / "mine.csv")
    pd.testing.assert_frame_equal(again.drop(columns="sure"), own.drop(columns="sure"), check_exact=True)
    assert again["sure"].tolist() == own["sure"].tolist()
    store.save_waves(tmp_path / "mine.parquet", again, {})
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "mine.parquet"), again, check_exact=True)


def test_the_least_table_is_read_saved_and_learned_from(tmp_path, waves):
    least = waves[["battle", "shooter", "round", "lower", "upper"]].assign(mood=waves["lateral_speed"] / 8)
    least.to_csv(tmp_path / "mine.csv", index=False)
    log = checked_log(tmp_path / "mine.csv")
    assert log.features == ["mood"]
    store.save_waves(tmp_path / "mine.parquet", log.waves, {})
    pd.testing.assert_frame_equal(kdelab.load_waves(tmp_path / "mine.parquet"), least, check_exact=True)
    gun = kdelab.NeighbourModel(features=["mood"], aim="intervals", max_iter=3, retrievals=1).fit(log.waves)
    assert gun.hit_rate(log.waves) > 0.2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_other_programs_write_is_read(tmp_path, end):
    header = "\ufeffbattle, shooter, round, real, hit, lower, upper, mood, place"
    lines = ["a, b, 0, true, 1, -.5, 5e-1, NaN, x", "", "a, b, 1, False, null, 0, 1, 2, 3", "a, b, 1, 1, , 0, 1, , y"]
    (tmp_path / "mine.csv").write_bytes(end.join([header, *lines, ""]).encode())
    read = kdelab.load_waves(tmp_path / "mine.csv")
    assert read["real"].tolist() == [True, False, True]
    assert read["place"].tolist() == ["x", "3", "y"]
    np.testing.assert_array_equal(read["hit"], [1, np.nan, np.nan])
    np.testing.assert_array_equal(read["mood"], [np.nan, 2, np.nan])
    np.testing.assert_array_equal(read["lower"], [-0.5, 0, 0])


def test_the_index_of_pandas_is_no_feature(tmp_path, waves):
    (tmp_path / "mine.csv").write_text(waves.to_csv())
    assert list(kdelab.load_waves(tmp_path / "mine.csv").columns) == list(waves.columns)


def test_nothing_is_wrong_with_a_log_that_is_right(tmp_path, waves):
    mirrored = waves.assign(lower=-waves["upper"], upper=-waves["lower"], fired=-waves["fired"])
    for right in (waves, mirrored, waves.assign(round=waves["round"] + 5), waves.drop(columns=["turn", "hit"])):
        assert complaint(tmp_path, right) == ""
    for name in store.SETS:
        assert checked_log(name).features == FEATURES


def scaled(waves, factor):
    return waves.assign(**{name: waves[name] * factor for name in ("lower", "upper", "fired")})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda w: w.drop(columns="lower").assign(lowr=0.1), "lacks the column 'lower' (is it 'lowr'?)"),
        (lambda w: w.rename(columns={"lower": "Lower "}), "'Lower ' must be written 'lower'"),
        (lambda w: w.rename(columns={"bullet_speed": "bulletSpeed"}), "'bulletSpeed' must be written 'bullet_speed'"),
        (lambda w: w.assign(fired=-w["fired"]), "hits; with the sign of fired turned only"),
        (lambda w: w.assign(fired=w["fired"] * w["orbit_direction"]), "with fired times orbit_direction only"),
        (lambda w: w.assign(hit=1 - w["hit"]), "contradict each other"),
        (lambda w: w.rename(columns={"lower": "upper", "upper": "lower"}), "are they swapped?"),
        (lambda w: scaled(w, w["escape_angle"] * DEGREES), "are they degrees?"),
        (lambda w: scaled(w, w["distance"]), "are they pixels?"),
        (lambda w: scaled(w, w["escape_angle"]), "look like radians, not guess factors"),
        (lambda w: w.assign(escape_angle=w["escape_angle"] * DEGREES), "in the median: it must be in radians"),
        (lambda w: w.assign(escape_angle=0.6), "escape_angle is not asin(8 / bullet_speed) in"),
        (lambda w: w.assign(bullet_speed=19.7), "bullet_speed is not 20 - 3 power in"),
        (lambda w: w.assign(distance=w["distance"] * 3), "pixels, on a field of 800 x 600 it is at most 1000"),
        (lambda w: w.assign(distance=w["distance"] / 100), "is distance in pixels"),
        (lambda w: pd.concat([w, w.tail(3)]), "stands there for the second time, in 3 rows"),
        (lambda w: w.assign(passed=w["turn"]), "passed is not later than turn"),
        (lambda w: w.assign(hit=w["hit"] * 2), "hit is 2.0 in line "),
        (lambda w: w.assign(real=3), "real is 3 in line 2, the first of"),
        (lambda w: w.assign(round=0.5), "round is 0.5 in line 2"),
        (lambda w: w.assign(shooter=None), "shooter is missing in"),
        (lambda w: w.assign(orbit_direction=0), "orbit_direction is neither +1 nor -1"),
        (lambda w: w.assign(facing=w["facing"] * 3), "facing is a cosine"),
        (lambda w: w.assign(lateral_speed=w["lateral_speed"] / 8), "approach are not the parts of speed in "),
        (lambda w: w.assign(approach=-w["approach"]), "approach has the opposite sign of facing in "),
        (lambda w: w.assign(mood=np.sign(w["lower"]) * 1e308), "mood spans more than a float can hold"),
        (lambda w: w.to_csv(index=False) * 2, "the header is repeated in line "),
        (lambda w: w.to_csv(index=False) * 3, "2 lines repeat the header, the first is line "),
        (lambda w: w.assign(answer=w["lower"] + w["upper"]), "answer follows the answer"),
        (lambda w: w.assign(mood=["x"] + ["1"] * (len(w) - 1)), "mood holds what is no number, 'x' in line 2"),
        (lambda w: w.assign(lower=w["lower"].map(lambda x: f"{x}".replace(".", ","))), "decimal commas"),
        (lambda w: w.assign(mood=np.nan), "mood is not a finite number"),
        (lambda w: w.assign(speed=w["speed"] - 20), "say so: --ranges power=0:1"),
        (lambda w: w[[*KEYS, *INTERVAL]], "no column to learn from"),
        (lambda w: w.to_csv(sep=";", decimal=",", index=False), "separated by semicolons: needed are commas"),
        (lambda w: w.to_csv(sep="\t", index=False), "separated by tabs"),
        (lambda w: w.to_csv(index=False)[:-60], "is not finished: 1"),
        (lambda w: w.to_csv(index=False).replace("0.", "0,"), "fields of the header, the first is line 2 with"),
        (lambda w: w.head(0).to_csv(index=False), "no line with a wave"),
        (lambda w: " \n", "the file is empty"),
        (lambda w: f"{','.join(['a', *w.columns, 'a'])}\n", "more than one column of a name: a"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, waves, change, said):
    assert said in complaint(tmp_path, change(waves))


def test_a_line_that_ends_in_a_comma_is_one_fault(tmp_path, waves):
    said = complaint(tmp_path, waves.to_csv(index=False).replace("\n", ",\n"))
    assert "one fault" in said
    assert "has no name" in said


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (["battle"], "one fault\n- battle is text, and only numbers can be learned from"),
        (["speed", "enemy"], "one fault\n- enemy is text, and only numbers can be learned from"),
        (["speed", "power", "speed"], "one fault\n- --features names more than once: speed"),
        (
            ["nothing", "nothing"],
            "2 faults\n- it lacks the feature 'nothing'\n- --features names more than once: nothing",
        ),
    ],
)
def test_features_that_are_none_are_refused(tmp_path, waves, features, said):
    waves.to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(ValueError, match=rf"{re.escape(said)}$"):
        checked_log(tmp_path / "mine.csv", features)


def test_all_that_is_wrong_is_said_at_once(tmp_path, waves):
    wrong = waves.rename(columns={"upper": "UPPER"}).assign(
        escape_angle=waves["escape_angle"] * DEGREES, fired=-waves["fired"], turn="x", passed=waves["passed"] + 0.5
    )
    said = complaint(tmp_path, wrong)
    for part in (
        "mine.csv: 7 faults",
        "'UPPER' must",
        "it must be in radians",
        "turn holds",
        "passed is ",
        "fired, the",
    ):
        assert part in said
    with pytest.raises(ValueError, match=r"mine\.csv' is not a table of waves: .*'UPPER' must.*; turn holds"):
        kdelab.load_waves(tmp_path / "mine.csv")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_file_holds_there_is_one_error_or_none(tmp_path, waves, seed):
    rng, table = np.random.default_rng(seed), waves.head(120).astype(object)
    for name in rng.choice(waves.columns, 5, replace=False):
        rows = rng.permutation(len(table))[: rng.choice([1, 5, 120])]
        table.loc[rows, name] = rng.choice(["", "nan", "inf", "x", "0", "-1", "1e308", "1e400", "True", "5,5"])
    text = table.to_csv(index=False)
    said = complaint(tmp_path, text if seed % 4 else text[: rng.integers(len(text))])
    assert not said or re.search(r"mine\.csv: (one fault|\d+ faults)\n- ", said)


def test_a_log_that_may_be_cut_off_is_noted(tmp_path, waves):
    (tmp_path / "mine.csv").write_text(waves.to_csv(index=False)[:-1])
    assert checked_log(tmp_path / "mine.csv").notes[0] == (
        "the last line does not end: if the log was cut off there, drop it"
    )


def test_what_is_no_text_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_bytes("battle\nGröße\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"mine\.csv' is not a table of waves: line 2 is no text in UTF-8"):
        kdelab.load_waves(tmp_path / "mine.csv")


def test_a_column_of_ones_own_may_have_a_name_of_ours(tmp_path, waves):
    waves = waves.assign(power=np.random.default_rng(0).uniform(0.1, 3, len(waves)))
    own = waves.assign(power=(waves["power"] - 0.1) / 29)
    names, ranges = ["power", "lateral_speed"], {"power": (0, 0.1)}
    with pytest.raises(ValueError, match=r"power is outside its range \[0.1, 3\].*NeighbourModel\(ranges="):
        kdelab.NeighbourModel(features=names).fit(own)
    settings = {"max_iter": 3, "retrievals": 1}
    gun = kdelab.NeighbourModel(features=names, ranges=ranges, **settings)
    assert clone(gun).get_params()["ranges"] == ranges
    theirs = kdelab.NeighbourModel(features=names, **settings).fit(waves)
    np.testing.assert_allclose(gun.fit(own).predict(own), theirs.predict(waves), atol=1e-9)
    assert gun.ranges_ == {"power": (0.0, 0.1), "lateral_speed": (0.0, 8.0)}
    restored = kdelab.NeighbourModel.from_json(gun.to_json())
    np.testing.assert_array_equal(restored.predict(own), gun.predict(own))
    with pytest.raises(ValueError, match="power"):
        store.save_waves(tmp_path / "mine.parquet", own, {})
    store.save_waves(tmp_path / "mine.parquet", own.drop(columns="bullet_speed"), {}, ranges=ranges)
    assert checked_log(tmp_path / "mine.parquet", names, ranges).ranges == ranges


def test_a_distance_that_is_not_in_pixels_gives_no_width(waves):
    own = waves.assign(distance=waves["distance"] / 1000)
    gun = kdelab.NeighbourModel(features=["distance"], ranges={"distance": (0, 1)}).unlearned(own)
    for one in (gun, kdelab.NeighbourModel.from_json(gun.to_json())):
        with pytest.raises(ValueError, match="bot_width must be given where distance isn't in pixels"):
            one.predict(own)
        assert np.isfinite(one.predict(own, bot_width=0.2)).all()
    kdelab.NeighbourModel(features=["distance"], ranges={"distance": (0, 1500)}).unlearned(waves).predict(waves)


@pytest.mark.parametrize(
    ("ranges", "said"),
    [
        ([("power", (0, 1))], "ranges must map features"),
        ({"powr": (0, 1)}, r"ranges names \['powr'\]"),
        ({"power": (1, 0)}, "must rise"),
        ({"power": (0, np.inf)}, "must be finite"),
        ({"power": (-1e308, 1e308)}, "spans more than a float can hold"),
        ({"power": 3}, "one-dimensional"),
        ({"power": (0, 1, 2)}, "3 entries"),
    ],
)
def test_ranges_that_are_none_are_refused(waves, ranges, said):
    with pytest.raises(ValueError, match=said):
        kdelab.NeighbourModel(ranges=ranges).fit(waves)


def test_ranges_on_the_command_line():
    assert ranges_from([]) is None
    assert ranges_from(["a=0:1", "b=c=-1:2.5"]) == {"a": (0.0, 1.0), "b=c": (-1.0, 2.5)}
    for text in ("power", "power=1", "power=0:x", "power=0:1:2"):
        with pytest.raises(ValueError, match="written name=low:high"):
            ranges_from([text])
