"""Robocode's own recordings as turn logs: what ``robocode -recordXML FILE``, or "Save record" as XML, writes.

They hold each turn's snapshot at full precision, so what comes out is the log that a listener would have taken down;
but not whether a robot skipped turns.  A bullet's heading isn't in them: it is the one from where the shooter was.
The binary format, .br, is Java's own serialisation and takes Robocode to be read.
"""

import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree

import numpy as np

from kdelab.gun.battles.turns import BULLET_COLUMNS, ROBOT_COLUMNS, TURN_COLUMNS, TurnLog

_ROBOT_STATES = ("ACTIVE", "HIT_WALL", "HIT_ROBOT", "DEAD")
_BULLET_STATES = ("FIRED", "MOVING", "HIT_VICTIM", "HIT_BULLET", "HIT_WALL", "EXPLODED", "INACTIVE")
_ROBOT = ("x", "y", "bodyHeading", "velocity", "energy", "gunHeat")


def read_recording(path: str | Path) -> TurnLog:
    """Return the battle of two robots that an XML recording holds, zipped or not.

    Raises
    ------
    ValueError
        If the file is none, is cut off, or holds another number of robots than two.
    """
    this = f"path={str(path)!r}"
    if Path(path).suffix == ".br":
        raise ValueError(
            f"{this} is a binary recording, which Robocode alone can read: record with -recordXML, or save it as XML"
        )
    names: tuple[str, ...] = ()
    size, turns, bullets = (800.0, 600.0), [], dict[tuple[int, int, int], list[float]]()
    try:
        with _opened(Path(path)) as file:
            for _, element in ElementTree.iterparse(file):
                if element.tag == "rules":
                    size = float(element.attrib["battlefieldWidth"]), float(element.attrib["battlefieldHeight"])
                elif (
                    element.tag == "turn" and element.attrib["turn"] != "0"
                ):  # before the first one: no listener sees it
                    robots = element.findall("robots/robot")
                    if len(robots) != 2:
                        raise ValueError(f"it holds {len(robots)} robots, and a battle here is between two")
                    names = names or tuple(robot.attrib["name"] for robot in robots)
                    turns.append(_turn(element, robots))
                    _see(bullets, turns, element)
                    element.clear()
    except (ElementTree.ParseError, zipfile.BadZipFile, KeyError, ValueError, UnicodeError) as error:
        raise ValueError(f"{this} is no recording of Robocode in XML: {error}") from error
    if not turns:
        raise ValueError(f"{this} holds no turn of a battle")
    rows = np.array([[*key, *values] for key, values in bullets.items()]).reshape(-1, len(BULLET_COLUMNS))
    first, second = (name.split(" ")[0] for name in names)
    return TurnLog(first, second, np.array(turns).reshape(-1, len(TURN_COLUMNS)), rows, *size)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
            yield file
    else:
        with open(path, "rb") as file:
            yield file


def _turn(element: Any, robots: list[Any]) -> list[float]:
    row = [float(element.attrib["round"]), float(element.attrib["turn"])]
    for robot in robots:
        row += [float(robot.attrib[name]) for name in _ROBOT]
        row.append(float(_ROBOT_STATES.index(robot.attrib["state"])))
    return row


def _see(bullets: dict[tuple[int, int, int], list[float]], turns: list[list[float]], element: Any) -> None:
    """Take down the bullets of the last turn: where each was first seen, and how it is now."""
    number, turn = int(turns[-1][0]), turns[-1][1]
    for bullet in element.findall("bullets/bullet"):
        owner, name = map(int, bullet.attrib["id"].split("-"))
        x, y = (float(bullet.attrib[place]) for place in ("x", "y"))
        start = 2 + owner * len(ROBOT_COLUMNS)
        before = turns[-2] if len(turns) > 1 else turns[-1]  # nobody can fire in a round's first turn
        heading = math.atan2(x - before[start], y - before[start + 1]) % (2 * math.pi)
        begin = [float(bullet.attrib["power"]), heading, turn, x, y]
        end = [turn, float(_BULLET_STATES.index(bullet.attrib["state"])), float(bullet.get("victim", -1))]
        key = number, owner, name
        bullets[key] = [*bullets.get(key, begin)[: len(begin)], *end]
