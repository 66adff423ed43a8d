"""Write the robot's sources around a gun, and compile them where there is a Java compiler.

The robot sees what a radar can show it, from turn `kdelab.gun.waves.from_turns.SWEPT` of each round on; at every real shot its
features, intervals and aim are those of `kdelab.gun.waves.from_turns.waves_of` and `kdelab.NeighbourModel` (tests/gun).
"""

import os
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from kdelab.files import replacing
from kdelab.gun.battles.compiling import why_not_compiled
from kdelab.gun.export.java import from_java
from kdelab.gun.model import NeighbourModel
from kdelab.gun.waves.features import FEATURES

SOURCES = ("Features", "Wave", "Gun", "Movement", "LearnedBot")
TABLE = "Weights"


def sources(gun: NeighbourModel, name: str) -> dict[str, str]:
    """Return the robot's sources by file name.

    Parameters
    ----------
    gun : NeighbourModel
        Fitted on the features of `kdelab.gun.waves.features`, or some of them.
    name : str
        The robot's class with its package: "my.LearnedBot".

    Raises
    ------
    ValueError
        If the gun isn't fitted, uses features that the robot doesn't know, or Java or Robocode allow no such name.
    """
    package, _, robot = name.rpartition(".")
    if not package:
        raise ValueError(f"name: {name!r} given, a robot needs a package, as in 'my.LearnedBot'")
    if robot in (TABLE, *SOURCES[:-1]):
        raise ValueError(f"name: {name!r} given, but the robot has a class {robot} besides: take another name")
    table = gun.to_java(f"{package}.{TABLE}")
    gun.to_java(name)  # refuses names that Java does
    unknown = [feature for feature in gun.ranges_ if feature not in FEATURES]
    if unknown:
        raise ValueError(
            f"gun: the robot doesn't know the features {', '.join(unknown)}; it has {', '.join(FEATURES)}. Train on "
            "some of these, or take Gun.java, which needs no others, into a robot of your own"
        )
    texts = {f"{TABLE}.java": table}
    for source in SOURCES:
        text = (files("kdelab.gun.robot") / "java" / f"{source}.java").read_text(encoding="utf-8")
        text = text.replace("package my;", f"package {package};")
        file = f"{robot if source == SOURCES[-1] else source}.java"
        texts[file] = re.sub(rf"\b{SOURCES[-1]}\b", robot, text)
    return texts


def write_robot(gun: NeighbourModel, name: str, folder: str | Path, jars: Sequence[str] = ()) -> list[Path]:
    """Write the robot's sources into its package's folder, and its classes beside them if there are jars to compile with.

    Parameters
    ----------
    gun : NeighbourModel
    name : str
    folder : path
        Of robots; it is made if need be.
    jars : sequence of str
        Robocode's, to compile with; by none the sources are all.

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
    texts = sources(gun, name)
    place = Path(folder).joinpath(*name.split(".")[:-1])
    paths = {place / file: text for file, text in texts.items()}
    for path, text in paths.items():
        if path.exists() and not _ours(path, text):
            raise ValueError(f"folder: {str(path)!r} is there, and not as it would be written: give another name or folder")
    place.mkdir(parents=True, exist_ok=True)
    for path, text in paths.items():
        with replacing(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    if jars and (problem := why_not_compiled(name, paths, Path(folder), jars)):
        raise ValueError(problem)
    return list(paths)


def _ours(path: Path, text: str) -> bool:
    """Whether a file may be written over: it is the same, or the table of another gun."""
    there = path.read_text(encoding="utf-8", errors="replace")
    if there == text:
        return True
    try:
        from_java(there)
    except ValueError:
        return False
    return path.stem == TABLE
