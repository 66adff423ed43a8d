"""Write the robot's sources around a gun, and compile them where there is a Java compiler.

The robot sees what a radar can show it, from turn `kdelab.gun.waves.from_turns.SWEPT` of each round on; at every real
shot its features, intervals and aim are those of `kdelab.gun.waves.from_turns.waves_of` and `kdelab.NeighbourModel`.
"""

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from kdelab.files import replacing
from kdelab.gun.battles.compiling import why_not_compiled
from kdelab.gun.export.java import from_java
from kdelab.gun.model import NeighbourModel
from kdelab.gun.waves.features import FEATURES

TABLE, ROBOT = "Weights", "LearnedBot"
PARTS = ("Features", "Wave", "Gun", "Movement")
PLAIN = {"head-on": "HeadOn", "linear": "Linear"}  # guns that learn nothing, to compare with


def sources(gun: NeighbourModel, name: str, plain: str | None = None) -> dict[str, str]:
    """Return the robot's sources by file name.

    Parameters
    ----------
    gun : NeighbourModel
        Fitted on the features of `kdelab.gun.waves.features`, or some of them.
    name : str
        The robot's class with its package: "my.LearnedBot".
    plain : "head-on" or "linear", optional
        Aim so, and not by the gun, which then says no more than what the features are called.

    Raises
    ------
    ValueError
        If the gun isn't fitted, uses features that the robot doesn't know, or Java allows no such name.
    """
    package, _, robot = name.rpartition(".")
    if not package:
        raise ValueError(f"name: {name!r} given, a robot needs a package, as in 'my.LearnedBot'")
    if robot in (TABLE, *PARTS):
        raise ValueError(f"name: {name!r} given, but the robot has a class {robot} besides: take another name")
    if plain is not None and plain not in PLAIN:
        raise ValueError(f"plain: {plain!r} given, allowed are {', '.join(PLAIN)}")
    gun.to_java(name)  # refuses what Java would
    unknown = [feature for feature in gun.ranges_ if feature not in FEATURES]
    if unknown:
        raise ValueError(
            f"gun: the robot doesn't know the features {', '.join(unknown)}; it has {', '.join(FEATURES)}. Train on "
            "some of these, or take Gun.java, which needs no others, into a robot of your own"
        )
    texts = {TABLE: gun.to_java(f"{package}.{TABLE}")}
    for part in (*PARTS, ROBOT):
        folder, file = ("java/plain", PLAIN[plain]) if plain and part == "Gun" else ("java", part)
        text = files("kdelab.gun.robot").joinpath(folder, f"{file}.java").read_text(encoding="utf-8")
        text = text.replace("package my;", f"package {package};")
        texts[robot if part == ROBOT else part] = re.sub(rf"\b{ROBOT}\b", robot, text)
    return {f"{part}.java": text for part, text in texts.items()}


def write_robot(
    gun: NeighbourModel, name: str, folder: str | Path, jars: Sequence[str] = (), plain: str | None = None
) -> list[Path]:
    """Write the robot's sources into its package's folder and, if there are jars to compile with, its classes.

    Parameters
    ----------
    gun, name, plain
        As of `sources`.
    folder : path
        Of robots; it is made if need be.
    jars : sequence of str
        Robocode's.

    Returns
    -------
    list of Path
        The sources.

    Raises
    ------
    ValueError
        As `sources`; or if a file there is another than would be written, unless it is the table of an earlier gun;
        or if the sources don't compile.
    """
    place = Path(folder).joinpath(*name.split(".")[:-1])
    texts = {place / file: text for file, text in sources(gun, name, plain).items()}
    for path, text in texts.items():
        if path.exists() and not _may_go(path, text):
            raise ValueError(f"folder: {str(path)!r} is there, and is not what would be written: take another name")
    place.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if jars and (problem := why_not_compiled(name, texts, Path(folder), jars)):
        raise ValueError(problem)
    return list(texts)


def _may_go(path: Path, text: str) -> bool:
    """Whether a file may be written over: it says the same, or is the table of another gun."""
    there = path.read_text(encoding="utf-8", errors="replace")
    if there != text and path.stem == TABLE:
        try:
            from_java(there)
            return True
        except ValueError:
            return False
    return there == text
