"""Many battles: what is kept of them, what is fought again, and what an end at any moment leaves."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from engine import needs_robocode

import kdelab
from kdelab.gun.battles import arena, campaign, folder, installation
from kdelab.gun.battles.battle import Battle, RecordingError
from kdelab.gun.battles.campaign import TRIES, fought
from kdelab.gun.battles.folder import BattleFolder, Fought
from kdelab.gun.battles.installation import GAME, installed
from kdelab.gun.battles.turns import load_round, write_logs

ROBOTS = Path(__file__).parent / "robots"
ONE = Battle("a.A", "b.B", 1, 7)


class Made(campaign._Campaign):
    """A campaign without an engine: each try at a battle has so many rounds, or fails."""

    def __init__(self, path, tries):
        self.tries = list(tries)
        place = SimpleNamespace(digest="d", fight=self._fought)
        super().__init__(place, BattleFolder(path), SimpleNamespace(update=lambda rounds: None), "")

    def _fought(self, battle, hear):
        rounds = self.tries.pop(0)
        hear({"event": "started", "robocode": "1", "java": "17"})
        if rounds is None:
            raise RecordingError("it throws")
        for number in range(rounds, battle.rounds):
            hear({"event": "left out", "message": f"round {number}"})
        return rounds_of(rounds)


def rounds_of(count):
    """Return a log of so many rounds."""
    log = load_round()
    turns = np.vstack([log.turns[:0], *(np.column_stack([np.full(9, k), log.turns[:9, 1:]]) for k in range(count))])
    return type(log)("a.A", "b.B", turns, log.bullets[:0], seed=7)


@pytest.mark.parametrize(
    ("tries", "left", "kept"),
    [
        ([3], 0, 3),
        ([2, 3, 3], 1, 3),
        ([1, 2, 0, 2, 3], 1, 2),  # four tries and no more
        ([2, None], 0, 2),  # what there is stays
        ([None, 3], 1, None),
    ],
)
def test_a_battle_that_lacks_a_round_is_fought_again(tmp_path, tries, left, kept):
    made = Made(tmp_path, tries)
    battle = Battle("a.A", "b.B", 3, 7)
    one = made.fight(battle)
    assert len(made.tries) == left
    assert TRIES == 4
    if kept is None:
        assert one == Fought(battle, failure="it throws")
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(ValueError, match=r"there is no log of a\.A vs b\.B, seed 7: it throws"):
            _ = one.log
    else:
        assert len(one.log.rounds) == kept
        assert len(one.left_out) == 3 - kept
        assert Made(tmp_path, []).find(battle) == one


def test_what_was_fought_by_other_robots_or_another_robocode_is_refused(tmp_path):
    made = Made(tmp_path, [1])
    made.fight(ONE)
    made._arena.digest = "e"
    with pytest.raises(ValueError, match=r"holds a\.A vs b\.B, seed 7, but fought when the robots' files were others"):
        made.find(ONE)
    with pytest.raises(ValueError, match="holds battles of Robocode 1, and this is 2: remove the folder"):
        made._expect("2")


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "mine.battles").write_text("my notes")
    said = r"mine\.battles' is a file, and battles are kept in a folder of that name"
    with pytest.raises(ValueError, match=said), folder.opened(tmp_path / "mine.battles"):
        pytest.fail("opened")


def test_a_file_that_is_no_recording_of_the_battle_is_named(tmp_path):
    made = Made(tmp_path, [1])
    path = made.fight(ONE).path
    assert made.find(Battle("a.A", "b.B", 2, 7)) is None
    whole = path.read_bytes()
    write_logs(path, [load_round()])
    for content in (whole[:-40], path.read_bytes(), b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"1-rounds-seed-7.*is damaged, or no recording of a\.A vs b\.B, seed 7"):
            made.find(ONE)
    path.unlink()
    assert made.find(ONE) is None


def test_names_of_files_are_plain_and_differ(tmp_path):
    names = ["my.Bot", "My.Bot", "my.Bot 1.2", "ünser.Kreisel€", "a/b", "../x", "x" * 300, "x" * 301, "\udcff"]
    places = [BattleFolder(tmp_path).place(Battle(name, "b.B", 1, seed)) for name in names for seed in (1, 2)]
    assert len({str(place).lower() for place in places}) == len(places)
    for place in places:
        assert place.parent == tmp_path
        place.touch()


def test_one_recording_at_a_time_works_on_a_folder(tmp_path):
    path = tmp_path / "x.battles"
    with folder.opened(path):
        with (
            pytest.raises(ValueError, match=r"x\.battles' is in use: another recording into it is at work"),
            folder.opened(path),
        ):
            pass
        assert path.is_dir()
    assert not path.exists()  # as nothing came into it
    with folder.opened(path) as opened:
        write_logs(opened.place(ONE), [load_round()])
        (path / ".half-abc.new").touch()
    with folder.opened(path):
        assert [one.suffix for one in path.iterdir()] == [".npz"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"battles": []}, "at least one"),
        ({"battles": [ONE, Battle("a.A", "b.B", 1, 8), ONE]}, r"battles hold a\.A vs b\.B, seed 7 twice"),
        ({"workers": 0}, "workers=0 must be a whole number from 1 to 256"),
        ({"workers": True}, "workers=True"),
        ({"workers": 1.5}, r"workers=1\.5"),
        ({"robots": ["nowhere"]}, "robots='nowhere' must be a folder"),
    ],
)
def test_wrong_arguments_are_refused_at_once(tmp_path, wrong, message):
    arguments = {"battles": [ONE], "robots": None, "store": tmp_path / "x"} | wrong
    with pytest.raises(ValueError, match=message):
        fought(**arguments)
    assert list(tmp_path.iterdir()) == []


def test_arenas_of_killed_processes_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(arena.tempfile, "tempdir", str(tmp_path))
    for name in ("gone", "held", "new"):
        (tmp_path / f"kdelab-robocode-{name}").mkdir()
        (tmp_path / f"kdelab-robocode-{name}" / "held").write_text("" if name == "new" else "held")
    with open(tmp_path / "kdelab-robocode-held" / "held") as lock:
        arena.held(lock.fileno())
        arena._sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kdelab-robocode-held", "kdelab-robocode-new"]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "has no folder libs or robots: give the folder in which Robocode is installed"),
        (("libs",), "has no folder robots"),
        (
            ("libs", "robots"),
            r"libs must hold robocode\.jar, one robocode\.core-VERSION\.jar and the others; it has \[\]",
        ),
    ],
)
def test_a_folder_that_is_no_robocode_s_is_refused(tmp_path, parts, message):
    for part in parts:
        (tmp_path / part).mkdir()
    with pytest.raises(ValueError, match=message):
        installation._in_folder(tmp_path)


@pytest.fixture
def own_robocode(tmp_path):
    """A Robocode in a folder, as its own installer lays it out, put together from Debian's."""
    home = tmp_path / "my robocode"
    shutil.copytree(GAME / "robots", home / "robots")
    (home / "libs").mkdir()
    for jar in installed().jars:
        shutil.copy(jar, home / "libs")
    (home / "robots" / ".data").mkdir()
    (home / "robots" / "robot.database").write_text("of another copy")
    return home


@needs_robocode
@pytest.mark.slow
def test_a_robocode_in_a_folder_fights_the_same_battles(tmp_path, own_robocode):
    before = sorted(own_robocode.rglob("*"))
    battle = Battle("own.Spinner", "sample.Crazy", 1, 3)
    for name, robocode in (("debian", None), ("own", own_robocode)):
        (one,) = fought([battle], ROBOTS, store=tmp_path / name, robocode=robocode, progress=False)
        assert one.robocode == "1.9.3.9"
    logs = [(tmp_path / name / one.path.name).read_bytes() for name in ("debian", "own")]
    assert logs[0] == logs[1]
    assert sorted(own_robocode.rglob("*")) == before


COMMAND = [sys.executable, "-m", "kdelab.gun", "record", "--robots", ROBOTS, "--shooter", "own.Spinner"]


def recorded(out, *more, **options):
    """Return what came of the command, which has started and ended."""
    return subprocess.run([*COMMAND, "--out", out, *more], capture_output=True, text=True, **options)


@needs_robocode
@pytest.mark.slow
def test_a_battle_that_fails_takes_no_other_with_it(tmp_path):
    out = tmp_path / "x.parquet"
    enemies = ["--enemy", "sample.Crazy", "--enemy", "bad.Quitter", "--rounds", "1", "--workers", "2"]
    done = recorded(out, *enemies)
    assert done.returncode == 1, done.stderr
    (said,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert said.startswith(
        "error: own.Spinner vs bad.Quitter, seed 1: the engine ended with exit code 7, after 0 rounds"
    )
    assert "1 of 2 battles failed; the same command tries them again" in done.stderr
    waves = kdelab.load_waves(out)
    assert set(waves["enemy"]) == {"sample.Crazy"}
    (kept,) = (tmp_path / "x.battles").iterdir()
    before = kept.stat().st_mtime_ns
    done = recorded(out, *enemies[:2], *enemies[4:], "--enemy", "sample.Crasy")
    assert done.returncode == 2
    assert "enemy='sample.Crasy' is not among the robots; the nearest names are ['sample.Crazy'" in done.stderr
    assert kept.stat().st_mtime_ns == before
    assert set(tmp_path.iterdir()) == {out, kept.parent}


@needs_robocode
@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_to_the_same_table(tmp_path, monkeypatch):
    """With all engines, or alone: then they end by themselves."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    some = [
        "--enemy",
        "sample.Crazy",
        "--enemy",
        "sample.Walls",
        "--rounds",
        "2",
        "--seeds",
        "1",
        "2",
        "--workers",
        "2",
    ]
    straight, killed = tmp_path / "a" / "x.parquet", tmp_path / "b" / "x.parquet"
    for out in (straight, killed):
        out.parent.mkdir()
    start = time.monotonic()
    assert recorded(straight, *some).returncode == 0
    took = time.monotonic() - start
    draw = random.Random(17)
    for kill in (os.killpg, os.kill, os.killpg):
        process = subprocess.Popen(
            [*COMMAND, "--out", killed, *some], start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(draw.uniform(0.1, 0.5) * took)
        kill(process.pid, signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 10
        while engines_in(temporary) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert engines_in(temporary) == []

    assert recorded(killed, *some).returncode == 0
    assert killed.read_bytes() == straight.read_bytes()
    names = [sorted(path.name for path in (out.parent / "x.battles").iterdir()) for out in (straight, killed)]
    assert names[0] == names[1]
    assert len(names[0]) == 4
    assert list(temporary.iterdir()) == []  # what killed runs left there, too


def engines_in(temporary):
    """The processes of engines at work in a temporary folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            words = path.read_text().split("\0")
            found += [path.parent.name for word in words if word.startswith(str(temporary)) and "job.json" in word]
    return found


@needs_robocode
@pytest.mark.slow
def test_a_robot_by_two_names_is_one_robot(tmp_path):
    jar = tmp_path / "own.Spinner_1.0.jar"  # which may be given without a folder
    with zipfile.ZipFile(jar, "w") as archive:
        archive.write(ROBOTS / "own" / "Spinner.class", "own/Spinner.class")
        archive.writestr(
            "own/Spinner.properties", "robot.classname=own.Spinner\nrobot.version=1.0\nrobot.name=Spinner\n"
        )
    battles = [Battle(shooter, "sample.Crazy", 1, 1) for shooter in ("own.Spinner", "own.Spinner 1.0")]
    with pytest.raises(ValueError, match=r"hold own\.Spinner vs .* 1, and own\.Spinner 1\.0 .* which is the same"):
        list(fought(battles, jar, store=tmp_path / "x", progress=False))
    assert list(tmp_path.iterdir()) == [jar]


def test_what_a_robot_may_write_is_its_own(tmp_path):
    for name in ("Bot.class", "Bot.jar", "count.dat"):
        (tmp_path / name).write_text("before")
        arena._placed(str(tmp_path / name), str(tmp_path / f"copy-{name}"))
    (tmp_path / "copy-count.dat").write_text("after")
    assert (tmp_path / "count.dat").read_text() == "before"
    assert (tmp_path / "Bot.jar").stat().st_nlink == 2
