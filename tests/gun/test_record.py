"""Recording through Robocode itself, where it is installed; what is said where it is not, everywhere."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine import MISSING, needs_robocode

import kdelab
from kdelab.gun.__main__ import main
from kdelab.gun.battles import campaign, installation
from kdelab.gun.battles import record as recorder
from kdelab.gun.battles.folder import Fought
from kdelab.gun.battles.installation import GAME
from kdelab.gun.battles.record import Battle, RecordingError, record
from kdelab.gun.battles.robots import copy_robots
from kdelab.gun.battles.turns import load_round, write_logs
from kdelab.gun.commands import battles as battles_command
from kdelab.gun.commands import record as command
from kdelab.gun.commands import surfers as surfers_command
from kdelab.gun.waves import samples
from kdelab.gun.waves.recorded import difference

ROBOTS = Path(__file__).parent / "robots"


@needs_robocode
def test_a_short_battle_is_the_committed_one():
    chosen = samples.sample_battles()[6]
    short = Battle(chosen.shooter, chosen.enemy, 2, chosen.seed)
    recording = record([short], progress=False)
    waves = samples.SAMPLES.waves(recording.logs)
    committed = kdelab.load_waves()
    same = (committed["battle"] == recording.logs[0].name) & (committed["round"] < 2)
    assert len(waves) > 50
    assert recording.robocode == committed.attrs["robocode"]
    assert difference(waves, committed[same].reset_index(drop=True)) == ""


def renamed(path, old, new):
    """Return a class file's bytes with another name of the class: its strings carry their lengths."""
    old, new = (len(name.encode()).to_bytes(2, "big") + name.encode() for name in (old, new))
    return path.read_bytes().replace(old, new)


@pytest.fixture
def own_folder(tmp_path):
    """A folder as a bot author might have: a robot in a jar, loose classes, and what has nothing to do with robots."""
    folder = tmp_path / "röbots"
    (folder / "sample").mkdir(parents=True)
    for name in ("TrackFire", "Crazy"):
        shutil.copy(GAME / "robots" / "sample" / f"{name}.class", folder / "sample")
    with zipfile.ZipFile(folder / "own.Spinner_1.0.jar", "w") as jar:
        jar.write(ROBOTS / "own" / "Spinner.class", "own/Spinner.class")
        jar.writestr("own/Spinner.properties", "robot.classname=own.Spinner\nrobot.version=1.0\nrobot.name=Spinner\n")
    (folder / "ünser").mkdir()
    (folder / "ünser" / "Kreisel€.class").write_bytes(
        renamed(ROBOTS / "own" / "Spinner.class", "own/Spinner", "ünser/Kreisel€")
    )
    rubbish(folder)
    return folder


def rubbish(folder):
    """Put into a folder what can't be copied, or not to an end."""
    (folder / "gone.jar").symlink_to("nowhere.jar")
    (folder / "itself").symlink_to("itself")
    (folder / "circle").symlink_to(folder, target_is_directory=True)
    (folder / "sample" / "up").symlink_to("..", target_is_directory=True)
    os.mkfifo(folder / "pipe.class")
    (folder / "empty.jar").touch()
    (folder / "none.class").touch()
    (folder / "text.jar").write_text("not a jar")


@needs_robocode
@pytest.mark.parametrize("shooter", ["own.Spinner 1.0", "ünser.Kreisel€"])
@pytest.mark.slow
def test_the_command_records_robots_of_ones_own(own_folder, tmp_path, shooter, monkeypatch):
    """Whatever else is in the folder, and also with names that the user's locale can't write."""
    temporary = tmp_path / "temporär 1"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setenv("LC_ALL", "C")
    out = tmp_path / "mine.parquet"
    command = [sys.executable, "-m", "kdelab.gun", "record", "--robots", own_folder, "--out", out, "--rounds", "2"]
    command += ["--shooter", shooter, "--enemy", "sample.Crazy", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=tmp_path)
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
    assert waves.attrs["left_out"] == []
    made = {"mine.parquet", "mine.battles", own_folder.name, temporary.name}
    assert {path.name for path in tmp_path.iterdir()} == made
    assert len(list((tmp_path / "mine.battles").iterdir())) == 1
    assert list(temporary.iterdir()) == []


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", *map(str, arguments)])
    code = main()
    return code, capsys.readouterr().err


@needs_robocode
@pytest.mark.parametrize(
    ("robot", "message"),
    [
        ("bad.Throwr", r"shooter='bad.Throwr' is not among the robots; the nearest names are \['bad.Thrower'"),
        ("bad.Thrower 1.0", "shooter='bad.Thrower 1.0' is not among the robots, but there is bad.Thrower"),
        ("bad.Thrower", "bad.Thrower, round 0, turn 10: java.lang.IllegalStateException: out of ideas"),
        pytest.param(
            *(
                "bad.Looper",
                "bad.Looper stalls in round 0: it has not acted for 2 turns, up to turn 7; it may be looping",
            ),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("bad.Quitter", "with exit code 7.*a robot may have ended the Java machine"), marks=pytest.mark.slow
        ),
    ],
)
def test_robots_that_misbehave(monkeypatch, capsys, tmp_path, robot, message):
    out = tmp_path / "x.parquet"
    out.write_text("what was there before")
    before = children()
    code, said = run_main(
        monkeypatch, capsys, "record", "--robots", ROBOTS, "--shooter", robot, "--enemy", "sample.Crazy",
        "--rounds", 3, "--out", out, "--stall", 2 if robot == "bad.Looper" else 600,
    )  # fmt: skip
    assert code == (2 if "among the robots" in message else 1)
    assert re.search(message, said), said
    assert out.read_text() == "what was there before"
    assert list(tmp_path.iterdir()) == [out]
    assert children() <= before


BAD = {
    ("--rounds", "0"): "rounds=0 must be at least 1",
    ("--rounds", "32768"): "rounds=32768 must be at least 1 and at most 32767",
    ("--workers", "0"): "workers=0 must be a whole number from 1 to 256",
    ("--seed", str(2**63)): f"seed={2**63} must be at least -{2**63} and at most",
    ("--shooter", " "): "shooter=' ' must be the class name of a robot",
    ("--virtual-every", "-1"): "every=-1 must be at least 0 turns",
    ("--stall", "0"): "stall=0.0 must be a positive number",
    ("--stall", "inf"): "stall=inf must be a positive number",
    ("--stall", "nan"): "stall=nan must be a positive number",
    ("--stall", "1e300"): "stall=1e+300 must be a positive number of seconds, at most 1e+06",
    ("--out", "mine.csv"): "--out='mine.csv' must end in .parquet",
    ("--out", "no/where/mine.parquet"): "there is no folder 'no/where'",
    ("--out", "/proc/mine.parquet"): "--out='/proc/mine.parquet' cannot be written",
    ("--out", "m" * 250 + ".parquet"): "cannot be written",
    ("--out", "\udcff.parquet"): "cannot be written",
    ("--out", "folder.parquet"): "--out='folder.parquet' is a folder",
    ("--robots", "nowhere"): "robots='nowhere' must be a folder",
    ("--robots", "file"): "robots='file' must be a folder",
    ("--robots", "empty"): "robots='empty' must be a folder with jars or class files of robots; it has none",
    (
        "--robots",
        "sources",
    ): "robots='sources' must be a folder with jars or class files of robots; it holds sources only",
    ("--robots", "home"): "robots='home' is the home of a Robocode: give the folder robots in it, 'home/robots'",
}


@pytest.mark.parametrize(("option", "value"), BAD)
def test_bad_arguments_are_refused_before_anything_is_started(monkeypatch, capsys, tmp_path, option, value):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(campaign, "installed", lambda folder: pytest.fail("not refused"))
    for name in ("folder.parquet", "empty", "sources/my", "home/robots/my", "home/config"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("file", "empty/notes.txt", "sources/my/Bot.java", "home/robots/my/Bot.class"):
        (tmp_path / name).touch()
    before = sorted(tmp_path.rglob("*"))
    options = {"--shooter": "sample.Walls", "--enemy": "sample.Crazy", "--out": "x.parquet"} | {option: value}
    code, said = run_main(monkeypatch, capsys, "record", *[word for pair in options.items() for word in pair])
    assert code == 2
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert BAD[option, value] in said
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("wrong", [{"rounds": 2.5}, {"rounds": True}, {"seed": "1"}, {"shooter": None}, {"enemy": ""}])
def test_a_battle_takes_names_and_whole_numbers(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}="):
        Battle(**{"shooter": "a.A", "enemy": "b.B", "rounds": 2, "seed": 1} | wrong)
    assert Battle("a.A", "b.B", np.int64(2), np.int16(1)).rounds == 2


@needs_robocode
@pytest.mark.parametrize("name", ["a!b", "a\udcffb", "a\nb"])
def test_a_temporary_folder_that_java_cannot_use_is_named(monkeypatch, tmp_path, name):
    (tmp_path / name).mkdir()
    monkeypatch.setattr(recorder.tempfile, "tempdir", str(tmp_path / name))
    with pytest.raises(RecordingError, match="set TMPDIR to another one"):
        record([Battle("sample.Walls", "sample.Crazy", 1, 1)], progress=False)
    assert list((tmp_path / name).iterdir()) == []


def test_no_battle_is_refused():
    with pytest.raises(ValueError, match="battles must hold at least one"):
        record([])


def test_what_the_system_refuses_is_told_in_a_line(monkeypatch, capsys, tmp_path):
    def refuse(*arguments, **options):
        raise OSError(28, "No space left on device", "x")

    monkeypatch.setattr(command, "fought", refuse)
    code, said = run_main(
        monkeypatch, capsys, "record", "--shooter", "a.A", "--enemy", "b.B", "--out", tmp_path / "x.parquet"
    )
    assert code == 2
    assert said == "error: [Errno 28] No space left on device: 'x'\n"


def test_links_are_followed_and_circles_are_not(tmp_path):
    folder, other = tmp_path / "robots", tmp_path / "other"
    for place in (folder / "sample", other / "my"):
        place.mkdir(parents=True)
    (other / "my" / "Bot.class").touch()
    (other / "my" / "back").symlink_to(folder, target_is_directory=True)
    (folder / "my").symlink_to(other / "my", target_is_directory=True)
    (folder / "Also.class").symlink_to(other / "my" / "Bot.class")
    rubbish(folder)
    copy_robots(folder, tmp_path / "copy")
    copied = {path.relative_to(tmp_path / "copy").as_posix() for path in (tmp_path / "copy").rglob("*.*")}
    assert copied == {"my/Bot.class", "Also.class", "empty.jar", "none.class", "text.jar"}
    assert not any(path.is_symlink() for path in (tmp_path / "copy").rglob("*"))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("jpype", "not installed, but needed for recording Robocode"),
        ("robocode", "apt-get install"),
        ("java", "a Java runtime"),
    ],
)
def test_what_is_missing_is_named(monkeypatch, capsys, tmp_path, what, message):
    if what == "jpype":
        monkeypatch.setitem(sys.modules, "jpype", None)
    elif what == "robocode":
        pytest.importorskip("jpype")
        monkeypatch.setattr(installation, "JARS", str(tmp_path))
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


def fake_recording(monkeypatch, tmp_path, left_out=()):
    """Let the command believe that a recording of one round was just made, and keep its data elsewhere."""
    log = load_round()
    monkeypatch.setattr(battles_command, "DATA", tmp_path)
    monkeypatch.setattr(surfers_command, "DATA", tmp_path)
    fake = recorder.Recording([log], "1.9.3.9", "17.0", left_out)
    monkeypatch.setattr(battles_command, "record", lambda *a, **k: fake)

    def fought(battles, robots, store, **options):
        store.mkdir()
        write_logs(store / "one.npz", [log])
        yield Fought(battles[0], "", store / "one.npz", fake.robocode, fake.java, left_out)

    monkeypatch.setattr(command, "fought", fought)
    return log


LEFT_OUT = "a.A vs b.B, round 3: b.B skipped turn 5"


def test_a_round_left_out_is_told_and_stays_with_the_table(monkeypatch, capsys, tmp_path):
    fake_recording(monkeypatch, tmp_path, (LEFT_OUT,))
    out = tmp_path / "x.parquet"
    code, said = run_main(monkeypatch, capsys, "record", "--shooter", "a.A", "--enemy", "b.B", "--out", out)
    assert code == 0
    assert said == f"left out: {LEFT_OUT}\n"
    assert kdelab.load_waves(out).attrs["left_out"] == [LEFT_OUT]


def test_battles_writes_nothing_that_lacks_a_round(monkeypatch, capsys, tmp_path):
    fake_recording(monkeypatch, tmp_path, (LEFT_OUT,))
    code, said = run_main(monkeypatch, capsys, "battles")
    assert code == 2
    assert said == f"error: rounds are missing, record again: {LEFT_OUT}\n"
    assert list(tmp_path.iterdir()) == []


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
    kdelab.gun.waves.store.save_waves(tmp_path / "samples.parquet", waves, waves.attrs)
    assert main() == 1
    assert "did NOT come out again: column 'upper' differs in 1 of" in capsys.readouterr().out
    assert (tmp_path / "samples.parquet").read_bytes() == first


def test_surfers_can_be_made_again(monkeypatch, capsys, tmp_path):
    log = fake_recording(monkeypatch, tmp_path)
    code, said = run_main(monkeypatch, capsys, "surfers", tmp_path)
    assert code == 2
    assert "diamond-vs-beepboop.npz" in said
    from kdelab.gun.waves import provenance

    monkeypatch.setattr(provenance, "SURFER_LOGS", ("one.npz",))
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
