"""Our own robots, and the sets that are recorded with Robocode: their design everywhere, their battles where it is."""

import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from engine import needs_a_jdk, needs_robocode

import kdelab
from kdelab.gun.__main__ import main
from kdelab.gun.battles import compiling, fighters
from kdelab.gun.battles.installation import installed
from kdelab.gun.battles.record import Battle, Recording, record
from kdelab.gun.battles.turns import load_round
from kdelab.gun.commands import battles as command
from kdelab.gun.waves import confirm, samples
from kdelab.gun.waves.recorded import RecordedSet

SOURCES = sorted((Path(fighters.__file__).parent / "data" / "fighters").glob("*.java"))
OURS = ["kdelab.Learner", "kdelab.Oscillator", "kdelab.StopAndGo", "kdelab.Surfer"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_robot_is_short_and_draws_chance_from_nowhere_but_the_seed(source):
    text = source.read_text()
    assert text.startswith("package kdelab;\n")
    assert len(text.splitlines()) < 150
    assert max(map(len, text.splitlines())) <= 120
    assert not re.search(r"new Random|Thread|nanoTime|currentTimeMillis|hashCode|HashMap|HashSet", text)


def test_the_robots_are_those_that_extend_a_fighter():
    named = [f"kdelab.{path.stem}" for path in SOURCES if "extends Fighter" in path.read_text()]
    assert named == OURS
    assert {name for name in (*confirm.OWN, *confirm.ENEMIES) if fighters.any_of_ours([name])} == set(OURS)


def test_the_digest_is_of_names_and_contents(monkeypatch, tmp_path):
    folder = tmp_path / "data" / "fighters"
    folder.mkdir(parents=True)
    monkeypatch.setattr(fighters, "files", lambda package: tmp_path)
    digests = []
    for name, text in [("A.java", "1"), ("A.java", "2"), ("B.java", "2"), ("C.class", "2")]:
        (folder / name).write_text(text)
        digests.append(fighters.digest())
    assert len(set(digests)) == 3
    assert digests[2] == digests[3]


@needs_robocode
@needs_a_jdk
@pytest.mark.slow
def test_battles_of_our_robots_repeat_themselves_whatever_was_fought_before():
    """To the last bit, although they draw from Math.random and keep what they learn in static fields."""
    one, other = (
        Battle("kdelab.Learner", "kdelab.Surfer", 2, 90001),
        Battle("kdelab.StopAndGo", "kdelab.Oscillator", 1, 1),
    )
    first = record([one], progress=False)
    later = record([other, one, Battle(one.shooter, one.enemy, 1, 90002)], progress=False)
    (alone,), (strangers, again, reseeded) = first.logs, later.logs
    for number in sorted(set(alone.rounds) & set(again.rounds)):  # but for a turn that the machine has skipped
        left, right = alone.only_round(number), again.only_round(number)
        assert left.turns.tobytes() == right.turns.tobytes()
        assert left.bullets.tobytes() == right.bullets.tobytes()
    assert alone.turns[0, 2] != reseeded.turns[0, 2]
    for log in (alone, strangers):
        for side in (0, 1):
            robot = log.robot(side)
            assert (np.abs(robot["velocity"]) > 7).any()
            assert (log.bullets[:, 1] == side).sum() > 10
    assert not re.search("xception", str(first.left_out + later.left_out))


@needs_robocode
def test_without_a_compiler_it_is_said_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(compiling.shutil, "which", lambda *a, **k: None)
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", "battles", "confirm"])
    assert main() == 2
    assert "apt-get install --no-install-recommends default-jdk-headless" in capsys.readouterr().err


@needs_a_jdk
def test_what_the_compiler_refuses_is_told(tmp_path):
    assert re.match(
        "kdelab's robot package doesn't compile: .*error: package robocode", fighters.why_not_compiled(tmp_path, [])
    )


@needs_robocode
@needs_a_jdk
def test_a_compiler_is_also_found_at_java_home(monkeypatch, tmp_path):
    home = Path(shutil.which("javac")).resolve().parents[1]
    monkeypatch.setenv("JAVA_HOME", str(home))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fighters.why_not_compiled(tmp_path, installed().jars) == ""
    assert (tmp_path / "kdelab" / "Surfer.class").read_bytes()[6:8] == bytes([0, 44 + int(compiling.RELEASE)])


@pytest.mark.parametrize("one", command.RECORDED.values(), ids=lambda one: one.name)
def test_no_pair_and_no_seed_of_a_set_is_there_twice(one):
    pairs = [(battle.shooter, battle.enemy) for battle in one.battles]
    assert len(set(pairs)) == len(pairs)
    assert len({battle.seed for battle in one.battles}) == len(pairs)
    assert all(shooter != enemy for shooter, enemy in pairs)
    assert one.provenance(Recording([], "1.9.3.9", "17"))["seeds"]


def test_the_confirmatory_set_has_units_enough_and_nothing_of_the_samples():
    battles = confirm.confirm_battles()
    assert len(battles) >= 40
    assert not {battle.seed for battle in battles} & {battle.seed for battle in samples.sample_battles()}
    assert min(battle.seed for battle in battles) >= 5000
    shooters = {battle.shooter for battle in battles}
    assert not shooters & set(samples.SHOOTERS)
    met = {enemy: [battle.shooter for battle in battles if battle.enemy == enemy] for enemy in confirm.ENEMIES}
    assert len(met) >= 12
    assert all(len(by) == 4 and sum(fighters.any_of_ours([name]) for name in by) == 2 for by in met.values())
    assert set(samples.ENEMIES) < set(met)
    assert set(OURS) < set(met)
    times = [sum(battle.shooter == shooter for battle in battles) for shooter in shooters]
    assert min(times) >= 5
    assert max(times) <= 8


def test_the_fresh_set_has_the_pairs_of_the_confirmatory_one_and_no_seed_that_was_fought():
    fresh = confirm.FRESH.battles
    assert [(one.shooter, one.enemy, one.rounds) for one in fresh] == [
        (one.shooter, one.enemy, one.rounds) for one in confirm.CONFIRM.battles
    ]
    fought = {battle.seed for one in (confirm.CONFIRM, samples.SAMPLES) for battle in one.battles}
    assert not {battle.seed for battle in fresh} & fought


def test_only_a_set_with_robots_of_ours_names_them():
    recording = Recording([], "1.9.3.9", "17")
    said = {one.name: one.provenance(recording) for one in command.RECORDED.values()}
    assert said["confirm"]["robots_sha256"] == fighters.digest()
    assert any("kdelab's own robots" in line for line in said["confirm"]["attribution"])
    assert "robots_sha256" not in said["samples"]
    committed = kdelab.load_waves("samples").attrs
    assert {key: value for key, value in committed.items() if key != "schema"} == said["samples"] | {
        "java": committed["java"]
    }


@pytest.mark.parametrize("one", [confirm.CONFIRM, confirm.FRESH], ids=lambda one: one.name)
def test_the_committed_set_is_of_these_robots(one):
    if not (command.DATA / f"{one.name}.parquet").exists():
        pytest.skip(f"{one.name}.parquet has not been recorded yet")
    attrs = kdelab.load_waves(command.DATA / f"{one.name}.parquet").attrs
    assert attrs["what"] == one.what
    assert attrs["robots_sha256"] == fighters.digest()
    assert attrs["seeds"] == {f"{b.shooter} vs {b.enemy}": b.seed for b in one.battles}


def test_the_command_takes_the_name_of_a_set(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(command, "DATA", tmp_path)
    asked = []
    monkeypatch.setattr(
        command,
        "record",
        lambda battles, workers, robocode: asked.extend(battles) or Recording([load_round()], "1", "17"),
    )
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", "battles", "confirm"])
    assert main() == 0
    assert "wrote confirm.parquet" in capsys.readouterr().out
    assert asked == confirm.confirm_battles()
    assert kdelab.load_waves(tmp_path / "confirm.parquet").attrs["set"] == "confirm"
    assert main() == 0
    assert "the committed values came out again" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", "battles", "nothing"])
    with pytest.raises(SystemExit):
        main()
    assert "invalid choice: 'nothing'" in capsys.readouterr().err


def test_a_set_of_ones_own(monkeypatch):
    mine = RecordedSet("mine", "one battle", (Battle("kdelab.Surfer", "sample.Walls", 1, 1),))
    assert mine.own
    assert len(mine.waves([load_round()])["shooter"].unique()) == 1
