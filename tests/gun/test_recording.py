"""Robocode's own recordings in XML, and turn logs: what the command makes waves of."""

import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from test_record import needs_robocode

import kdelab
from kdelab.gun.__main__ import main
from kdelab.gun.battles.installation import GAME
from kdelab.gun.battles.record import Battle, record
from kdelab.gun.battles.recording import read_recording
from kdelab.gun.battles.turns import TURN_COLUMNS, load_round, write_logs
from kdelab.gun.waves.from_turns import SWEPT, waves_of

SIDES = ("first", "second")
ROBOT = {"x": "x", "y": "y", "bodyHeading": "heading", "velocity": "velocity", "energy": "energy", "gunHeat": "gunheat"}
STATES = ("ACTIVE", "HIT_WALL", "HIT_ROBOT", "DEAD")


def xml_of(log):
    """Return the turns of a log as Robocode writes them, without its bullets but for one of the first robot."""
    turns = []
    for row in log.turns:
        told = dict(zip(TURN_COLUMNS, row.tolist(), strict=True))
        robots = "".join(
            f'<robot id="{i}" name="my.Bot{i} 1.0" state="{STATES[int(told[f"{side}_state"])]}" '
            + " ".join(f'{theirs}="{told[f"{side}_{ours}"]}"' for theirs, ours in ROBOT.items())
            + "/>"
            for i, side in enumerate(SIDES)
        )
        turn = int(told["turn"])
        bullet = f'<bullet id="0-7" state="MOVING" power="2.0" x="{told["first_x"]}" y="{told["first_y"] + 14}"/>'
        turns.append(
            f'<turn round="{int(told["round"])}" turn="{turn}"><robots>{robots}</robots>'
            f"<bullets>{bullet if 40 <= turn < 45 else ''}</bullets></turn>"
        )
    start = turns[0].replace('turn="1"', 'turn="0"') if ' turn="1"' in turns[0] else ""
    rules = '<recordInfo><rules battlefieldWidth="800" battlefieldHeight="600"/></recordInfo>'
    return f"<record>{rules}<turns>{start}{''.join(turns)}</turns></record>"


@pytest.fixture(scope="module")
def xml():
    return xml_of(load_round())


@pytest.mark.parametrize("zipped", [False, True])
def test_a_recording_gives_the_turns_and_bullets(tmp_path, xml, zipped):
    path = tmp_path / "mine.xml"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("record.xml", xml)
    else:
        path.write_text(xml)
    log, before = read_recording(path), load_round()
    np.testing.assert_array_equal(log.turns, before.turns)
    assert (log.first, log.second, log.width, log.height) == ("my.Bot0", "my.Bot1", 800.0, 600.0)
    ((number, owner, name, power, heading, first, _, _, last, state, victim),) = log.bullets
    assert (owner, name, power, first, last, state, victim) == (0, 7, 2.0, 40, 44, 1, -1)
    assert number == before.turns[0, 0]
    assert abs((heading + np.pi) % (2 * np.pi) - np.pi) < 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-200], "no recording of Robocode in XML"),
        (lambda text: "hello", "no recording of Robocode in XML"),
        (lambda text: "<record/>", "holds no turn"),
        (lambda text: text.replace('state="ACTIVE"', 'state="ASLEEP"'), "no recording of Robocode in XML"),
        (lambda text: text.replace('gunHeat="', 'heat="'), "no recording of Robocode in XML: 'gunHeat'"),
        (lambda text: text.replace("</robots>", "<robot/></robots>"), "it holds 3 robots"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, xml, change, said):
    path = tmp_path / "mine.xml"
    path.write_text(change(xml))
    with pytest.raises(ValueError, match=rf"mine\.xml'.*{said}"):
        read_recording(path)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["kdelab.gun", *map(str, arguments)])
    return main()


def test_the_command_makes_waves_of_turn_logs(tmp_path, monkeypatch, capsys):
    log, out = load_round(), tmp_path / "mine.parquet"
    write_logs(tmp_path / "logs.npz", [log])
    assert run(monkeypatch, "waves", tmp_path / "logs.npz", "--out", out, "--virtual-every", 6) == 0
    waves = kdelab.load_waves(out)
    pd.testing.assert_frame_equal(waves, waves_of(log, every=6, seen_from=SWEPT), check_exact=True)
    assert f"{len(waves):,} waves of 1 battles" in capsys.readouterr().out
    out.write_text("mine")
    for bad, said in (("absent.npz", "No such file"), ("mine.br", "record with -recordXML")):
        assert run(monkeypatch, "waves", tmp_path / bad, "--out", out) == 2
        assert said in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert run(monkeypatch, "waves", tmp_path / "logs.npz", "--out", tmp_path / "mine.csv") == 2
    assert "must end in .parquet" in capsys.readouterr().err


@needs_robocode
@pytest.mark.slow
def test_what_robocode_records_is_what_a_listener_sees(tmp_path):
    home = tmp_path / "home"
    (home / "config").mkdir(parents=True)
    for name in ("robots", "battles", "templates"):
        shutil.copytree(GAME / name, home / name)
    (home / "config" / "robocode.properties").write_text("robocode.cpu.constant=1000000000\n")
    (tmp_path / "my.battle").write_text(
        "robocode.battleField.width=800\nrobocode.battleField.height=600\nrobocode.battle.numRounds=1\n"
        "robocode.battle.gunCoolingRate=0.1\nrobocode.battle.rules.inactivityTime=450\n"
        "robocode.battle.selectedRobots=sample.Walls,sample.SpinBot\n"
    )
    settings = ["-Djava.awt.headless=true", "-DNOSECURITY=true", "-DRANDOMSEED=7", f"-DWORKINGDIRECTORY={home}"]
    settings.append("--add-opens=java.base/sun.net.www.protocol.jar=ALL-UNNAMED")
    asked = ["-nodisplay", "-nosound", "-battle", tmp_path / "my.battle", "-recordXML", tmp_path / "mine.xml"]
    command = ["java", *settings, "-cp", "/usr/share/java/robocode.jar", "robocode.Robocode", *map(str, asked)]
    subprocess.run(command, cwd=home, check=True, capture_output=True, timeout=120)
    log = read_recording(tmp_path / "mine.xml")
    heard = record([Battle("sample.Walls", "sample.SpinBot", 1, 7)], progress=False).logs[0]
    np.testing.assert_array_equal(log.turns, heard.turns)
    ours, theirs = (waves_of(one, every=4).drop(columns="battle") for one in (log, heard))
    pd.testing.assert_frame_equal(ours, theirs, check_exact=True)
