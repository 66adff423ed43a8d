"""The Java robot: in real battles it knows, remembers and aims at what the tables and the gun say."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from engine import MISSING_FOR_ROBOTS, needs_a_jdk

import kdelab
from kdelab.gun import __main__ as command
from kdelab.gun.battles import compiling
from kdelab.gun.battles.installation import installed
from kdelab.gun.battles.record import Battle, record
from kdelab.gun.compare.baselines import HeadOn, Linear
from kdelab.gun.robot import build
from kdelab.gun.waves.features import FEATURES, RANGES
from kdelab.gun.waves.from_turns import SWEPT, waves_of
from kdelab.learn.metric import Metric

WITNESS = Path(__file__).parent / "robots" / "witness" / "Witness.java"
PLAIN_KERNELS = (
    *(kdelab.Box, kdelab.Cauchy, kdelab.Epanechnikov, kdelab.Gaussian, kdelab.Huber, kdelab.Laplace),
    *(kdelab.Logistic, kdelab.Triangular),
)
ENEMIES = (
    *("sample.Crazy", "sample.SpinBot", "sample.Walls", "sample.VelociRobot", "sample.RamFire", "sample.Tracker"),
    *("sample.Corners", "sample.Fire", "sample.MyFirstJuniorRobot", "kdelab.Oscillator"),
)


def a_gun(**settings):
    """Return a gun whose weights, exponents and shifts all differ."""
    rng = np.random.default_rng(17)
    settings = {"within_round": True} | settings
    weights, exponents, shifts = rng.uniform(0.2, 2, 14), rng.uniform(0.4, 2, 14), rng.uniform(0, 1, 14)
    metric = Metric(dict(RANGES), 3.0, weights / weights.mean(), exponents, shifts)
    return kdelab.NeighbourModel(**settings)._keep(metric, [], None)


def fought(gun, enemies, folder, monkeypatch, rounds=3, plain=None):
    """Let the robot fight; return the shooter's waves, and what the robot said of its shots and waves."""
    jars, robots, told = installed().jars, folder / "robots", folder / "told.csv"
    build.write_robot(gun, "my.LearnedBot", robots, jars, plain)
    assert compiling.why_not_compiled("Witness", [WITNESS], robots, [*jars, str(robots)]) == ""
    monkeypatch.setenv("KDELAB_WITNESS", str(told))
    recording = record([Battle("my.Witness", enemy, rounds, 170 + i) for i, enemy in enumerate(enemies)], robots)
    assert not recording.left_out
    waves = waves_of(recording.logs, every=4, sides=(0,), seen_from=SWEPT)
    said = pd.read_csv(told, header=None, names=["what", "enemy", "round", "turn", "a", "b", *FEATURES])
    return waves, said.astype({"round": np.int64, "turn": np.int64})


def beside(waves, said, what):
    """Return the waves, and beside them what the robot said of them."""
    mine = said[said["what"] == what]
    return waves.merge(mine, on=["enemy", "round", "turn"], how="inner", suffixes=("", "_said"))


@needs_a_jdk
@pytest.mark.slow
def test_at_every_real_shot_the_robot_knows_and_aims_as_python_does(tmp_path, monkeypatch):
    gun = a_gun()
    waves, said = fought(gun, ENEMIES, tmp_path, monkeypatch)
    shots, known = beside(waves[waves["real"]], said, "shot"), beside(waves, said, "wave")
    assert len(shots) == waves["real"].sum() > 300
    assert shots["enemy"].nunique() == len(ENEMIES)
    for name in FEATURES:
        np.testing.assert_allclose(shots[f"{name}_said"], shots[name], rtol=0, atol=2e-6, err_msg=name)
        np.testing.assert_allclose(known[f"{name}_said"], known[name], rtol=0, atol=2e-6, err_msg=name)
    np.testing.assert_allclose(known[["a", "b"]], known[["lower", "upper"]], rtol=0, atol=2e-6)
    earlier = waves["round"] < waves["round"].max()
    assert len(known[known["round"] < 2]) == earlier.sum(), "a wave of an earlier round that only one of them has"
    aims = gun.predict(waves, rows=waves["real"].to_numpy())
    np.testing.assert_allclose(shots["a"], aims, rtol=0, atol=1e-4)
    assert np.abs(aims).mean() > 0.1
    assert np.abs(shots["fired"] - shots["a"]).mean() < 0.02, "the bullet doesn't leave for where the gun aims"


@needs_a_jdk
@pytest.mark.parametrize(
    "gun",
    [
        a_gun(kernel="interval", background=0.1, aim="intervals", neighbours=31),
        a_gun(kernel=kdelab.GeneralizedNormal(1.5, 0.2), share=2),
    ],
    ids=["intervals", "another kernel"],
)
@pytest.mark.slow
def test_so_do_guns_of_other_settings(gun, tmp_path, monkeypatch):
    waves, said = fought(gun, ENEMIES[:2], tmp_path, monkeypatch)
    shots = beside(waves[waves["real"]], said, "shot")
    assert len(shots) == waves["real"].sum() > 40
    np.testing.assert_allclose(shots["a"], gun.predict(waves, rows=waves["real"].to_numpy()), rtol=0, atol=1e-4)


@needs_a_jdk
@pytest.mark.parametrize(
    ("plain", "gun"), [("head-on", HeadOn()), pytest.param("linear", Linear(), marks=pytest.mark.slow)]
)
def test_so_do_guns_that_learn_nothing(plain, gun, tmp_path, monkeypatch):
    waves, said = fought(a_gun(), ENEMIES[2:3], tmp_path, monkeypatch, rounds=2, plain=plain)
    shots = beside(waves[waves["real"]], said, "shot")
    assert len(shots) == waves["real"].sum() > 15
    np.testing.assert_allclose(shots["a"], gun.predict(waves, rows=waves["real"].to_numpy()), rtol=0, atol=1e-4)


def test_the_sources_are_short_and_draw_chance_from_nowhere_but_the_seed():
    for name, text in build.sources(a_gun(), "your.Own").items():
        assert text.startswith("package your;\n") or name == "Weights.java"
        assert max(map(len, text.splitlines())) <= 120 or name == "Weights.java"
        assert len(text.splitlines()) < 210
        assert "LearnedBot" not in text
        assert "new Random" not in text
    assert name == "Own.java"


@needs_a_jdk
def test_the_kernels_heights_are_those_of_python(tmp_path):
    kernels = [kind(0.1) for kind in PLAIN_KERNELS] + [kdelab.GeneralizedNormal(0.7, 0.1)]
    offsets = [0.0, 0.01, 0.05, 0.099, 0.1, 0.3]
    texts = {f"K{i}": a_gun(kernel=kernel, background=0.1).to_java(f"K{i}") for i, kernel in enumerate(kernels)}
    places = ", ".join(map(repr, offsets))
    lines = "".join(f"for (double x : x) System.out.println({name}.kernel(-x));" for name in texts)
    lines = lines.replace("double x : x", "double x : places")
    main = f"class Main {{ public static void main(String[] a) {{ double[] places = {{{places}}}; {lines} }} }}"
    for name, text in {**texts, "Main": main}.items():
        (tmp_path / f"{name}.java").write_text(text)
    assert compiling.why_not_compiled("Main", tmp_path.glob("*.java"), tmp_path, []) == ""
    told = subprocess.run(["java", "-cp", tmp_path, "Main"], capture_output=True, text=True, check=True).stdout.split()
    said = np.array(told, dtype=np.float64).reshape(len(kernels), -1)
    for kernel, heights in zip(kernels, said, strict=True):
        with np.errstate(divide="ignore"):
            want = np.exp(kernel.log(offsets) - kernel.log([0.0]))
        np.testing.assert_allclose(heights, want, rtol=1e-12, atol=1e-15, err_msg=repr(kernel))


def run_main(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", *map(str, arguments)])
    code = command.main()
    return code, capsys.readouterr()


def test_the_command_writes_a_robot_and_nothing_over_what_is_the_authors(monkeypatch, capsys, tmp_path):
    for number, share in enumerate((5, 3)):
        (tmp_path / f"{number}.json").write_text(a_gun(share=share).to_json())
    first, second = ("robot", tmp_path / "0.json", "--out", tmp_path), ("robot", tmp_path / "1.json", "--out", tmp_path)
    code, said = run_main(monkeypatch, capsys, *first)
    assert code == 0
    assert "wrote Weights.java, Features.java" in said.out
    assert ("compiled: " if not MISSING_FOR_ROBOTS else "not compiled: ") in said.out
    own = tmp_path / "my" / "Movement.java"
    assert run_main(monkeypatch, capsys, *second)[0] == 0, "a new table is what one comes back for"
    assert "SHARE = 3" in (tmp_path / "my" / "Weights.java").read_text()
    own.write_text(own.read_text().replace("400", "500"))
    code, said = run_main(monkeypatch, capsys, *first)
    assert code == 2
    assert "Movement.java' is there, and is not what would be written" in said.err
    assert "500" in own.read_text()
    assert "SHARE = 3" in (tmp_path / "my" / "Weights.java").read_text(), "half of it was written"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("LearnedBot", "needs a package"),
        ("my.Gun", "has a class Gun besides"),
        ("my.gun", "has a class Gun besides"),
        ("my.Bullet", "uses another class Bullet"),
        ("my.Double", "uses another class Double"),
        ("my.A$B", "Robocode takes no class with a \\$"),
        ("robocode.Mine", "the package robocode is Robocode's own"),
        ("sample.Walls", "the package sample is that of Robocode's own robots"),
        ("kdelab.Surfer", "the package kdelab is that of kdelab's own robots"),
        ("my.int", "Java lets nothing of ours be named 'int'"),
        ("my.Über", "needs letters, digits and underscores"),
    ],
)
def test_names_that_no_robot_can_have_are_refused(name, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        build.write_robot(a_gun(), name, tmp_path / "robots")
    assert not list(tmp_path.iterdir())


def test_features_that_the_robot_does_not_know_are_named(tmp_path):
    metric = Metric({"distance": (0.0, 1000.0), "mood": (0.0, 1.0)}, 1.0, np.ones(2), np.ones(2), np.zeros(2))
    gun = kdelab.NeighbourModel(features=["distance", "mood"])._keep(metric, [], None)
    with pytest.raises(ValueError, match="doesn't know the features mood; it has distance, power"):
        build.write_robot(gun, "my.LearnedBot", tmp_path / "robots")
    with pytest.raises(ValueError, match="allowed are head-on, linear"):
        build.sources(a_gun(), "my.LearnedBot", "circular")


def test_ranges_that_the_robot_does_not_measure_are_named(tmp_path):
    def gun_of(**ranges):
        metric = Metric(RANGES | ranges, 1.0, np.ones(14), np.ones(14), np.zeros(14))
        return kdelab.NeighbourModel()._keep(metric, [], None)

    with pytest.raises(ValueError, match="other units than the robot measures: power from 0 to 1, the robot's is from"):
        build.write_robot(gun_of(power=(0.0, 1.0)), "my.LearnedBot", tmp_path / "robots")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ValueError, match="distance from 0 to 1500, the robot's is from 0 to 1000"):
        build.sources(gun_of(distance=(0.0, 1500.0)), "my.LearnedBot")


def test_a_robot_that_gets_another_gun_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "gun.json").write_text(a_gun().to_json())
    first = run_main(monkeypatch, capsys, "robot", "untrained", "--name", "my.Practice", "--out", tmp_path)
    again = run_main(monkeypatch, capsys, "robot", "untrained", "--name", "my.Practice", "--out", tmp_path)
    other = run_main(monkeypatch, capsys, "robot", tmp_path / "gun.json", "--name", "my.Other", "--out", tmp_path)
    apart = run_main(monkeypatch, capsys, "robot", tmp_path / "gun.json", "--name", "my.own.Bot", "--out", tmp_path)
    for code, said in (first, again, other, apart):
        assert code == 0
        assert ("note: my.Practice, in the same package, shares Weights.java" in said.out) == (said is other[1])


def test_what_is_no_gun_is_named(monkeypatch, capsys, tmp_path):
    (tmp_path / "no.json").write_text("{}")
    for name, message in [("no.json", "is not a gun that to_json wrote"), ("none.json", "No such file")]:
        code, said = run_main(monkeypatch, capsys, "robot", tmp_path / name, "--out", tmp_path)
        assert code == 2
        assert message in said.err
        assert name in said.err
