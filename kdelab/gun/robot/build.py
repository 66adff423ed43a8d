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
from kdelab.gun.waves.features import FEATURES, RANGES

TABLE, ROBOT = "Weights", "LearnedBot"
PARTS = ("Features", "Wave", "Gun", "Movement")
FOREIGN = {
    "kdelab": "that of kdelab's own robots",
    "robocode": "Robocode's own",
    "sample": "that of Robocode's own robots",
}
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
        If the gun isn't fitted, uses features that the robot doesn't know or measures otherwise, or Java or Robocode
        allow no such name.
    """
    package, _, robot = name.rpartition(".")
    if not package:
        raise ValueError(f"name: {name!r} given, a robot needs a package, as in 'my.LearnedBot'")
    if plain is not None and plain not in PLAIN:
        raise ValueError(f"plain: {plain!r} given, allowed are {', '.join(PLAIN)}")
    gun.to_java(name)  # refuses what Java would
    _check_name(name)
    unknown = [feature for feature in gun.ranges_ if feature not in FEATURES]
    if unknown:
        raise ValueError(
            f"gun: the robot doesn't know the features {', '.join(unknown)}; it has {', '.join(FEATURES)}. Train on "
            "some of these, or take Gun.java, which needs no others, into a robot of your own"
        )
    if other := [_measured(feature, ends) for feature, ends in gun.ranges_.items() if ends != RANGES[feature]]:
        raise ValueError(
            f"gun: it was trained in other units than the robot measures: {'; '.join(other)}. Train in the robot's, or "
            "take Gun.java, which takes any, into a robot of your own"
        )
    texts = {TABLE: gun.to_java(f"{package}.{TABLE}")}
    for part in (*PARTS, ROBOT):
        folder, file = ("java/plain", PLAIN[plain]) if plain and part == "Gun" else ("java", part)
        text = _source(folder, file).replace("package my;", f"package {package};")
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
            raise ValueError(
                f"folder: {str(path)!r} is there, and is not what would be written: take another folder or package; of "
                f"a new gun only {TABLE}.java is new, so that you can copy that from there"
            )
    place.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        with replacing(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    if jars and (problem := why_not_compiled(name, texts, Path(folder), jars)):
        raise ValueError(problem)
    return list(texts)


def besides(name: str, folder: str | Path) -> list[str]:
    """Return the other classes in a robot's package: robots that are to have its gun, unless they brought their own."""
    package, _, robot = name.rpartition(".")
    place = Path(folder).joinpath(*package.split("."))
    return sorted(f"{package}.{path.stem}" for path in place.glob("*.java") if path.stem not in (TABLE, *PARTS, robot))


def _check_name(name: str) -> None:
    """Raise a ValueError if Robocode, or the robot's other classes, allow no robot of a name that Java allows."""
    package, _, robot = name.rpartition(".")
    first = package.partition(".")[0]
    if first in FOREIGN:
        raise ValueError(f"name: {name!r} given, but the package {first} is {FOREIGN[first]}: take another one")
    if "$" in name:
        raise ValueError(f"name: {name!r} given, but Robocode takes no class with a $ for a robot")
    for part in (TABLE, *PARTS):
        if robot.lower() == part.lower():  # not every file system tells them apart
            raise ValueError(f"name: {name!r} given, but the robot has a class {part} besides: take another name")
    for part in (*PARTS, ROBOT):
        code = re.sub(r"//[^\n]*|/\*.*?\*/", "", _source("java", part), flags=re.DOTALL)
        if robot != ROBOT and robot in re.findall(r"\b[A-Z]\w*", code):
            raise ValueError(f"name: {name!r} given, but the robot uses another class {robot}: take another name")


def _source(folder: str, file: str) -> str:
    return files("kdelab.gun.robot").joinpath(folder, f"{file}.java").read_text(encoding="utf-8")


def _measured(feature: str, ends: tuple[float, float]) -> str:
    low, high = RANGES[feature]
    return f"{feature} from {ends[0]:g} to {ends[1]:g}, the robot's is from {low:g} to {high:g}"


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
