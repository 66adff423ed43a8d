"""A folder with robots of one's own: what is taken from it, and why a robot may not be found in it."""

import shutil
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

_KEPT_BACK = (".robotcache", ".data", "robot.database")  # Robocode's own notes on another copy
_HOME_PARTS = ("battles", "config", "libs")
_FIRST_MAJOR = 44  # a class file's version less this is that of its Java


def files_in(folder: Path, _above: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Yield the regular files below a folder, through links, but not in circles; other things are left out."""
    above = (*_above, folder.resolve())
    for path in sorted(folder.iterdir()):
        if path.name in _KEPT_BACK:
            continue
        try:
            circle = path.resolve() in above
        except (OSError, RuntimeError):  # a link that leads to itself: RuntimeError until Python 3.12
            continue
        if path.is_dir() and not circle:
            yield from files_in(path, above)
        elif path.is_file():
            yield path


def check_robots(folder: Path) -> None:
    """Raise unless the folder may hold robots.

    Raises
    ------
    ValueError
        If it is no folder, holds neither jars nor class files, or is the home of a Robocode.
    """
    argument = f"robots={str(folder)!r}"
    if not folder.is_dir():
        raise ValueError(f"{argument} must be a folder with jars or class files of robots")
    if (folder / "robots").is_dir() and any((folder / part).is_dir() for part in _HOME_PARTS):
        raise ValueError(
            f"{argument} is the home of a Robocode: give the folder robots in it, {str(folder / 'robots')!r}"
        )
    suffixes = {path.suffix for path in files_in(folder)}
    if not suffixes & {".jar", ".class"}:
        lacks = "holds sources only: compile them" if ".java" in suffixes else "has none"
        raise ValueError(f"{argument} must be a folder with jars or class files of robots; it {lacks}")


def copy_robots(folder: Path, target: Path) -> None:
    """Copy the files of a folder into another one, which may hold some already."""
    for path in files_in(folder):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def why_absent(folder: Path, robot: str, java: int) -> str:
    """Say why Robocode, running in that version of Java, knows no robot of that class name; nothing if unknown."""
    name = robot.split(maxsplit=1)[0].replace(".", "/")
    compiled = f"{name}.class"
    source = ""
    for path in files_in(folder):
        place = path.relative_to(folder).as_posix()
        if path.suffix == ".jar":
            head = _head_in_jar(path, compiled)
        elif place == compiled or place.endswith(f"/{compiled}"):
            with open(path, "rb") as stream:
                head = stream.read(8)
        else:
            source = place if place == f"{name}.java" or place.endswith(f"/{name}.java") else source
            continue
        if len(head) < 8:
            continue
        needs = struct.unpack(">H", head[6:8])[0] - _FIRST_MAJOR
        if needs > java:
            return f"{place} needs Java {needs}, and this is Java {java}: compile it with --release {java}"
        if path.suffix != ".jar" and place != compiled:
            return f"the folder that holds it is {place.removesuffix('/' + compiled)!r} in the one given: give that one"
        return (
            f"Robocode does not take {place} for a robot: is it a public class of that package which extends a robot, "
            "and is all there that it needs?"
        )
    return f"there is only its source, {source}: compile it" if source else ""


def _head_in_jar(jar: Path, name: str) -> bytes:
    """Return the first bytes of a file in a jar; none if it isn't there or can't be read."""
    try:
        with zipfile.ZipFile(jar) as archive, archive.open(name) as stream:
            return stream.read(8)
    except (KeyError, OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError):
        return b""
