"""Robots that go wrong, and healthy ones that only look so: what is refused, what is left out, and what is said."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from engine import MISSING

from kdelab.gun.battles import arena, compiling
from kdelab.gun.battles.arena import Arena
from kdelab.gun.battles.installation import Installation
from kdelab.gun.battles.listening import Recorder
from kdelab.gun.battles.record import Battle, RecordingError
from kdelab.gun.battles.robots import why_absent

pytestmark = pytest.mark.xdist_group("one engine")  # which one worker starts

TESTS = Path(__file__).parent
ROBOTS = TESTS / "robots"


def for_newer_java(path):
    """Return the bytes of a class file that says it was compiled for Java 83."""
    compiled = path.read_bytes()
    return compiled[:6] + (44 + 83).to_bytes(2, "big") + compiled[8:]


def case(shooter, enemy="sample.Crazy", rounds=1, fault=""):
    return {"shooter": shooter, "enemy": enemy, "rounds": rounds, "fault": fault, "in_java": bool(compiling.compiler())}


FAULTS = {
    "overflow": "java.lang.StackOverflowError at bad.Faulty.overflow",
    "traceless": "quiet",
    "deep": "java.lang.IllegalStateException: from far below",
    "fast throw": "java.lang.ArrayIndexOutOfBoundsException",
    "mute": "an exception has ended its run",
    "error": "java.lang.AssertionError: surely not",
    "calls": "SYSTEM: You have made 10000 calls to getXX methods",
    "handler": "SYSTEM: java.lang.IllegalStateException occurred on robocode.StatusEvent",
    "handler's error": "java.lang.StackOverflowError",
}
CASES = {
    "healthy": case("own.Talker", rounds=2),
    "as enemy": case("sample.Walls", "bad.Faulty", fault="overflow"),
    **{fault: case("bad.Faulty", fault=fault) for fault in FAULTS},
    "resign": case("bad.Faulty", fault="resign", rounds=2),
    "late": case("bad.Faulty", fault="late", rounds=3),
    "team": case("sample.Walls", "sampleteam.MyFirstTeam"),
    "sentry": case("sample.Walls", "samplesentry.BorderGuard"),
    "newer": case("loose.Newer"),
    "newer in a jar": case("packed.Newer 1.0"),
    "source": case("src.Mine"),
    "deeper": case("lower.Spinner"),
    "no robot": case("not.Robot"),
}
TWICE = ("healthy", "as enemy", "mute", "handler", "resign", "late")
IN_PYTHON = {f"{name} in Python": CASES[name] | {"in_java": False} for name in TWICE}
LAST = {"constructor": case("bad.Faulty", fault="constructor")}  # Robocode doesn't offer such a robot again


@pytest.fixture(scope="module")
def fought(tmp_path_factory):
    """What came of each of the `CASES`, all fought in one engine."""
    if MISSING:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("robots")
    shutil.copytree(ROBOTS, folder, dirs_exist_ok=True)
    for name in ("loose", "src", "bin/lower", "not"):
        (folder / name).mkdir(parents=True)
    newer = for_newer_java(ROBOTS / "own" / "Spinner.class")
    (folder / "loose" / "Newer.class").write_bytes(newer)
    with zipfile.ZipFile(folder / "packed.Newer_1.0.jar", "w") as jar:
        jar.writestr("packed/Newer.class", newer)
        jar.writestr("packed/Newer.properties", "robot.classname=packed.Newer\nrobot.version=1.0\nrobot.name=Newer\n")
    (folder / "src" / "Mine.java").write_text("package src; public class Mine extends robocode.Robot {}")
    shutil.copy(ROBOTS / "own" / "Spinner.class", folder / "bin" / "lower")
    shutil.copy(ROBOTS / "bad" / "Faulty$Mute.class", folder / "not" / "Robot.class")
    cases = tmp_path_factory.mktemp("cases") / "cases.json"
    asked = CASES | IN_PYTHON | LAST
    cases.write_text(json.dumps(list(asked.values())))
    command = [sys.executable, TESTS.parent / "helpers" / "battles_in_one_engine.py", folder, cases]
    lines = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=arena._environment()) as process:
        for name, line in zip(asked, process.stdout, strict=True):
            lines[name] = json.loads(line)
    return lines


def errors(result):
    return [event["message"] for event in result["told"] if event["event"] == "error"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.slow
def test_whatever_leaves_a_robot_run_is_told(fought, fault):
    (message,) = errors(fought[fault])
    assert message.startswith("bad.Faulty, round 0, turn 20: ")
    assert FAULTS[fault] in message
    assert "\n" not in message


@pytest.mark.skipif(compiling.compiler() is None, reason=f"needs a JDK: {compiling.INSTALL}")
@pytest.mark.parametrize("name", IN_PYTHON)
@pytest.mark.slow
def test_the_listener_in_java_says_what_the_one_in_python_does(fought, name):
    """Logs to the last bit, and every word."""
    in_java, in_python = (dict(fought[one]) for one in (name.removesuffix(" in Python"), name))
    for one in (in_java, in_python):
        one["told"] = [event for event in one["told"] if event["event"] != "alive"]  # once a second
    assert in_java == in_python


@pytest.mark.slow
def test_the_enemy_is_watched_too(fought):
    (message,) = errors(fought["as enemy"])
    assert message.startswith("bad.Faulty, round 0, turn 20: java.lang.StackOverflowError")


@pytest.mark.slow
def test_a_robot_that_cannot_be_made_is_told(fought):
    (message,) = errors(fought["constructor"])
    assert "java.lang.IllegalArgumentException: no such robot" in message


@pytest.mark.slow
def test_a_robot_that_leaves_its_run_by_the_engine_s_own_exception_is_told(fought):
    (message,) = errors(fought["resign"])
    assert "bad.Faulty stalls in round 0: it has not acted for 60 turns, up to turn 80" in message


@pytest.mark.slow
def test_a_healthy_robot_may_print_what_it_likes_and_start_slowly(fought):
    """It prints exceptions that it caught, also in the turn in which it dies, and lines like the engine's."""
    assert errors(fought["healthy"]) == []
    assert fought["healthy"]["rounds"] == [0, 1]


@pytest.mark.slow
def test_a_round_with_a_skipped_turn_is_left_out_and_told(fought):
    assert errors(fought["late"]) == []
    assert fought["late"]["rounds"] == [0, 2]
    said = [event["message"] for event in fought["late"]["told"] if event["event"] == "left out"]
    assert said == ["bad.Faulty vs sample.Crazy, seed 3, round 1: bad.Faulty skipped turn 21"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("team", "enemy='sampleteam.MyFirstTeam' is a team: it has several robots"),
        ("sentry", "enemy='samplesentry.BorderGuard' is a border sentry"),
        ("newer", "shooter='loose.Newer' is not among the robots: loose/Newer.class needs Java 83, and this is Java "),
        ("newer in a jar", "packed.Newer_1.0.jar needs Java 83, and this is Java "),
        ("source", "there is only its source, src/Mine.java: compile it"),
        ("deeper", "the folder that holds it is 'bin' in the one given: give that one"),
        ("no robot", "Robocode does not take not/Robot.class for a robot"),
    ],
)
@pytest.mark.slow
def test_why_a_robot_is_not_found_is_told(fought, name, message):
    assert fought[name]["problem"].startswith("ValueError: ")
    assert message in fought[name]["problem"]


def test_a_folder_that_is_itself_a_package_is_told(tmp_path):
    (tmp_path / "Bot.class").write_bytes(b"\xca\xfe\xba\xbe\0\0\0\x37")
    said = why_absent(tmp_path, "my.Bot", 21)
    assert said == "Bot.class lies outside of a folder for its package: give the folder that holds the package's"
    assert why_absent(tmp_path, "my.Other", 21) == ""


class Made:
    """Stands for the engine: a battle of "a" and "b" in which what is named goes wrong, and nothing depends on time."""

    def __init__(self, skipped=(), broken=(), late=(), console=""):
        self.asked = {"skipped": set(skipped), "broken": set(broken), "late": set(late)}
        self.console = console
        self.number = 0

    def not_started(self, seconds):
        return [side for side in (0, 1) if (side, self.number) in self.asked["late"]]

    def skipped(self, side, turn):
        return (side, self.number, turn) in self.asked["skipped"]

    def broke_down(self, side):
        return (side, self.number) in self.asked["broken"]

    def fight(self, rounds=4, turns=9, patience=60):
        """Return the recorder of the battle, and the errors that it told."""
        told = []
        recording = Recorder(("a", "b"), rounds, patience, 7.0, lambda **event: told.append(event))
        for self.number in range(rounds):
            if not recording.problem:
                recording.round(self.number, self)
            for turn in range(1, turns + 1):
                if not recording.problem:
                    recording.turn(self.snapshot(turn), self)
        return recording, errors({"told": told})

    def snapshot(self, turn):
        def get(**values):
            return SimpleNamespace(**{f"get{name}": lambda value=value: value for name, value in values.items()})

        state = SimpleNamespace(ordinal=lambda: 0)
        robot = get(
            X=1.0, Y=2.0, BodyHeading=0.0, Velocity=8.0, Energy=100.0, GunHeat=0.0, State=state,
            OutputStreamSnapshot=self.console,
        )  # fmt: skip
        bullet = get(Power=1.0, Heading=0.0, X=1.0, Y=2.0, State=state, VictimIndex=-1, OwnerIndex=0, BulletId=turn)
        return get(Round=self.number, Turn=turn, Robots=[robot, robot], Bullets=[bullet])


def test_rounds_with_skipped_turns_are_missing_from_the_log():
    recording, told = Made(skipped=[(1, 2, 5), (0, 2, 7)]).fight()
    log = recording.log()
    assert told == []
    assert log.rounds.tolist() == [0, 1, 3]
    assert len(log.turns) == 3 * 9
    assert np.unique(log.bullets[:, 0]).tolist() == [0, 1, 3]
    assert recording.left_out == {2: "b skipped turn 5"}


def test_half_of_the_rounds_may_be_left_out_and_no_more():
    assert Made(skipped=[(0, 0, 3), (0, 1, 3)]).fight()[1] == []
    (message,) = Made(skipped=[(0, 0, 3), (1, 1, 3), (0, 3, 4)]).fight()[1]
    assert message.startswith("a, round 3, turn 4: turns were skipped in 3 of 4 rounds")


def test_a_robot_that_no_longer_acts_is_not_waited_for():
    assert Made(skipped=[(0, 1, turn) for turn in (2, 3, 4, 6, 7, 8)]).fight(patience=4)[1] == []
    (message,) = Made(skipped=[(0, 1, turn) for turn in (2, 3, 4, 5)]).fight(patience=4)[1]
    assert message.startswith("a stalls in round 1: it has not acted for 4 turns, up to turn 5; it may be looping")


def test_a_robot_that_does_not_start_is_told():
    (message,) = Made(late=[(1, 2)]).fight()[1]
    assert message == "b stalls: it has not started round 2 within 7 s"


def test_the_engine_s_word_on_a_robot_is_told_in_a_line():
    begin = "=====\nRound 2 of 4\n=====\n"
    assert Made(broken=[(1, 1)]).fight()[1] == ["b, round 1, turn 1: an exception has ended its run"]
    trace = begin + "my.Error: what\n\tat my.Bot.run\n\tat some.where\n\tat some.where.else\n"
    assert Made(broken=[(0, 1)], console=trace).fight()[1] == [
        "a, round 1, turn 1: my.Error: what at my.Bot.run at some.where"
    ]
    assert Made(console=begin + "SYSTEM: a wins the round.\nSYSTEM: Bonus for killing error: 8\n").fight()[1] == []


def test_threads_that_a_robot_leaves_behind_are_no_error():
    recording = Recorder(("a", "b"), 1, 60, 7.0, lambda **event: None)
    recording.engine_error("Robot a is still running.  Not stopping it because security is off.")
    recording.engine_error("Could not destroy a:\njava.lang.IllegalThreadStateException")
    assert recording.problem == ""
    recording.engine_error("Exception running a battle round:\nmy.Error\n\tat some.where")
    assert recording.problem == "Exception running a battle round: my.Error at some.where"


def test_the_end_of_the_java_machine_is_told():
    engine = pytest.importorskip("kdelab.gun.battles.robocode", reason="needs JPype", exc_type=ImportError)
    assert engine.explained(RuntimeError("Proxy called during shutdown")) == "a robot has ended the Java machine"
    assert engine.explained(OSError("a\nb")) == "OSError: a b"


def test_an_engine_of_which_nothing_is_heard_is_ended(monkeypatch, tmp_path):
    """The engine's process says that it has started, and no more: however slow the machine, that is what is told."""
    silent = "import json, time; print(json.dumps({'event': 'started'}), flush=True); time.sleep(600)"
    started = []

    def popen(command, **options):
        started.append(subprocess_popen([sys.executable, "-c", silent], **options))
        return started[0]

    subprocess_popen = subprocess.Popen
    monkeypatch.setattr(arena.subprocess, "Popen", popen)
    (tmp_path / "robots").mkdir()
    place = Arena(tmp_path, Installation((), tmp_path, "1"), 0.1 - arena.GRACE)
    with pytest.raises(RecordingError, match=r"a\.A vs b\.B, seed 7 stalls: no word of it for 0\.1 s, after 0 rounds"):
        place.fight(Battle("a.A", "b.B", 1, 7), lambda event: None)
    assert started[0].poll() is not None
    assert [path.name for path in tmp_path.iterdir()] == ["robots"]
