"""Recording through Robocode itself, where it is installed; what is said where it is not, everywhere."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

import kdelab
from kdelab.gun import record as recorder
from kdelab.gun import samples
from kdelab.gun.__main__ import main
from kdelab.gun.record import GAME, Battle, RecordingError, record
from kdelab.gun.turns import write_logs

ROBOTS = Path(__file__).parent / "robots"

try:
    recorder.installed_jars()
    MISSING = ""
except RecordingError as problem:
    MISSING = str(problem)
needs_robocode = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@needs_robocode
def test_a_short_battle_is_the_committed_one():
    chosen = samples.sample_battles()[6]
    short = Battle(chosen.shooter, chosen.enemy, 2, chosen.seed)
    recording = record([short], progress=False)
    waves = samples.sample_waves(recording.logs)
    committed = kdelab.load_waves()
    same = (committed["battle"] == f"{chosen.shooter} vs {chosen.enemy}") & (committed["round"] < 2)
    assert len(waves) > 50
    assert recording.robocode == committed.attrs["robocode"]
    assert samples.difference(waves, committed[same].reset_index(drop=True)) == ""


@pytest.fixture
def own_folder(tmp_path):
    """A folder as a bot author might have: a robot in a jar, and loose classes of two sample robots."""
    folder = tmp_path / "robots"
    (folder / "sample").mkdir(parents=True)
    for name in ("TrackFire", "Crazy"):
        shutil.copy(GAME / "robots" / "sample" / f"{name}.class", folder / "sample")
    with zipfile.ZipFile(folder / "own.Spinner_1.0.jar", "w") as jar:
        jar.write(ROBOTS / "own" / "Spinner.class", "own/Spinner.class")
        jar.writestr("own/Spinner.properties", "robot.classname=own.Spinner\nrobot.version=1.0\nrobot.name=Spinner\n")
    return folder


@needs_robocode
@pytest.mark.parametrize("shooter", ["sample.TrackFire", "own.Spinner 1.0"])
def test_the_command_records_robots_of_ones_own(own_folder, tmp_path, shooter):
    out = tmp_path / "mine.parquet"
    command = [sys.executable, "-m", "kdelab.gun", "record", "--robots", own_folder, "--out", out, "--rounds", "2"]
    command += ["--shooter", shooter, "--enemy", "sample.Crazy", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "mine.parquet:" in done.stdout
    assert "real shots" in done.stdout
    assert "2/2" in done.stderr  # the bar, by rounds
    waves = kdelab.load_waves(out)
    name = shooter.split()[0]
    assert set(waves["round"]) == {0, 1}
    assert set(waves["shooter"]) == {name}
    assert waves["real"].sum() > 10
    assert waves.attrs["seeds"] == {f"{name} vs sample.Crazy": 3}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.parquet", "robots"]


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", *map(str, arguments)])
    code = main()
    return code, capsys.readouterr().err


@needs_robocode
@pytest.mark.parametrize(
    ("robot", "message"),
    [
        ("bad.Throwr", r"shooter='bad.Throwr' is not among the robots; the nearest names are \['bad.Thrower'"),
        ("bad.Thrower", "bad.Thrower, round 0, turn 10: java.lang.IllegalStateException: out of ideas"),
        ("bad.Looper", "bad.Looper vs sample.Crazy stalls: no turn ended within 4 s"),
        ("bad.Quitter", "with exit code 7.*a robot may have ended the Java machine"),
    ],
)
def test_robots_that_misbehave(monkeypatch, capsys, tmp_path, robot, message):
    out = tmp_path / "x.parquet"
    out.write_text("what was there before")
    before = children()
    code, said = run_main(
        monkeypatch, capsys, "record", "--robots", ROBOTS, "--shooter", robot, "--enemy", "sample.Crazy",
        "--rounds", 1, "--out", out, "--stall", 4,
    )  # fmt: skip
    assert code == 2
    assert re.search(message, said), said
    assert out.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [out]
    assert children() <= before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"--rounds": "0"}, "rounds=0 must be at least 1"),
        ({"--out": "mine.csv"}, r"--out='mine.csv' must end in .parquet"),
        ({"--out": "no/where/mine.parquet"}, "there is no folder 'no/where'"),
        ({"--robots": "nowhere"}, "robots='nowhere' must be a folder"),
        ({"--stall": "0"}, "stall=0.0 must be a positive number"),
    ],
)
def test_bad_arguments(monkeypatch, capsys, tmp_path, changed, message):
    if "--robots" in changed and MISSING:
        pytest.skip(MISSING)
    monkeypatch.chdir(tmp_path)
    options = {"--shooter": "sample.Walls", "--enemy": "sample.Crazy", "--out": "x.parquet"} | changed
    code, said = run_main(monkeypatch, capsys, "record", *[word for pair in options.items() for word in pair])
    assert code == 2
    assert message in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "message"),
    [("jpype", "pip install 'jpype1"), ("robocode", "apt-get install"), ("java", "a Java runtime")],
)
def test_what_is_missing_is_named(monkeypatch, capsys, tmp_path, what, message):
    if what == "jpype":
        monkeypatch.setattr(recorder.importlib.util, "find_spec", lambda name: None)
    elif what == "robocode":
        pytest.importorskip("jpype")
        monkeypatch.setattr(recorder, "JARS", str(tmp_path))
    else:
        if MISSING:
            pytest.skip(MISSING)
        import jpype

        def none():
            raise jpype.JVMNotFoundException("no JVM")

        monkeypatch.setattr(jpype, "getDefaultJVMPath", none)
    code, said = run_main(monkeypatch, capsys, "battles")
    assert code == 2
    assert message in said


def fake_recording(monkeypatch, tmp_path):
    """Let the command believe that a recording of one round was just made, and keep its data elsewhere."""
    from kdelab.gun import __main__ as command
    from kdelab.gun.turns import load_round

    log = load_round()
    monkeypatch.setattr(command, "DATA", tmp_path)
    monkeypatch.setattr(command, "record", lambda *a, **k: recorder.Recording([log], "1.9.3.9", "17.0"))
    return log


def test_battles_says_whether_the_values_came_out_again(monkeypatch, capsys, tmp_path):
    fake_recording(monkeypatch, tmp_path)
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", "battles"])
    assert main() == 0
    assert "wrote samples.parquet" in capsys.readouterr().out
    first = (tmp_path / "samples.parquet").read_bytes()

    assert main() == 0
    assert "the committed values came out again" in capsys.readouterr().out
    assert (tmp_path / "samples.parquet").read_bytes() == first

    waves = kdelab.load_waves(tmp_path / "samples.parquet")
    waves.loc[7, "upper"] += 0.01
    kdelab.gun.store.save_waves(tmp_path / "samples.parquet", waves, waves.attrs)
    assert main() == 1
    assert "did NOT come out again: column 'upper' differs in 1 of" in capsys.readouterr().out
    assert (tmp_path / "samples.parquet").read_bytes() == first


def test_surfers_can_be_made_again(monkeypatch, capsys, tmp_path):
    log = fake_recording(monkeypatch, tmp_path)
    code, said = run_main(monkeypatch, capsys, "surfers", tmp_path)
    assert code == 2
    assert "diamond-vs-beepboop.npz" in said
    from kdelab.gun import provenance

    monkeypatch.setattr(provenance, "SURFER_LOGS", {"one.npz": 21})
    write_logs(tmp_path / "one.npz", [log])
    assert run_main(monkeypatch, capsys, "surfers", tmp_path)[0] == 0
    waves = kdelab.load_waves(tmp_path / "surfers.parquet")
    assert list(waves.attrs["turn_logs_sha256"]) == ["one.npz"]
    shipped = kdelab.load_waves("surfers")
    same = (shipped["battle"] == log.name) & (shipped["round"] == 7)
    merged = waves.merge(shipped[same], on=["shooter", "turn"], suffixes=("", "_shipped"))
    assert len(merged) > 0.9 * len(waves)  # virtual waves before the first shot need the rounds before
    pd.testing.assert_series_equal(merged["lower"], merged["lower_shipped"], check_names=False)


def children():
    """The processes that this one has started and that are still there."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone in the meantime
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == os.getpid():
                found.append(stat.parent.name)
    return set(found)
