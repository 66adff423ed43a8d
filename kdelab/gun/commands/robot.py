"""``kdelab gun robot``: a complete Java robot around a trained gun."""

import argparse
from pathlib import Path
from typing import Any

from kdelab.gun.battles import compiling
from kdelab.gun.battles.battle import RecordingError
from kdelab.gun.battles.installation import installed
from kdelab.gun.model import NeighbourModel
from kdelab.gun.robot.build import TABLE, besides, write_robot
from kdelab.gun.waves.store import load_waves

UNTRAINED = "untrained"


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "robot",
        help="write a Java robot around a gun",
        description="Write a complete robot around a gun: radar, movement, waves, features and aim, to read and to "
        "take pieces from. It is compiled if there are a JDK and Robocode.",
    )
    said = f"what `train` or NeighbourModel.to_json wrote; or {UNTRAINED}, to record practice battles with"
    parser.add_argument("gun", metavar="gun.json", help=said)
    parser.add_argument("--name", default="my.LearnedBot", help="its class and package (default my.LearnedBot)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="of robots; made if need be")
    parser.add_argument(
        "--robocode", type=Path, metavar="DIR", help="your Robocode, to compile with (default: Debian's)"
    )
    parser.set_defaults(run=run)


def gun_of(given: str) -> NeighbourModel:
    """Return the gun in a file, or the untrained one.

    Raises
    ------
    ValueError
        If there is no such file, or it holds something else.
    """
    if given == UNTRAINED:
        return NeighbourModel(form="scale", within_round=True).unlearned(load_waves())
    try:
        return NeighbourModel.from_json(Path(given).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise ValueError(f"gun={given!r}: {error}") from error


def run(arguments: argparse.Namespace) -> int:
    """Write the robot, compile it if that can be, and say what can be done with it."""
    gun, out = gun_of(arguments.gun), arguments.out
    jars: tuple[str, ...] = ()
    why = f"there is no Java compiler ({compiling.INSTALL})"
    if compiling.compiler():
        try:
            jars = installed(arguments.robocode).jars
        except RecordingError as error:
            why = str(error)
    others = besides(arguments.name, out)
    written = write_robot(gun, arguments.name, out, jars)
    print(f"{arguments.name}: wrote {', '.join(path.name for path in written)} in {written[0].parent}")
    if others:
        print(
            f"note: {', '.join(others)}, in the same package, shares {TABLE}.java, and so has this gun from now on; a "
            "name with another package keeps robots apart"
        )
    if not gun.within_round:
        print("note: the robot also remembers waves of the same round; this gun was trained without them")
    if jars:
        print(f"compiled: record it with --robots {out}, or copy what is in {out} into Robocode's folder robots")
    else:
        print(f"not compiled: {why}")
    return 0
