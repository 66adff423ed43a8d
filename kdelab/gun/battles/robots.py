"""Folders and jars with robots of one's own: what is taken from them, and why a robot may not be found there."""

import hashlib
import shutil
import struct
import zipfile
from collections.abc import Iterator, Sequence
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


def robot_paths(robots: str | Path | Sequence[str | Path] | None) -> list[Path]:
    """Return the folders and jars in which a user's robots are, checked.

    Raises
    ------
    ValueError
        If one is neither a jar nor a folder, holds neither jars nor class files, or is the home of a Robocode.
    """
    given = [] if robots is None else [robots] if isinstance(robots, str | Path) else list(robots)
    paths = [Path(one) for one in given]
    for path in paths:
        _check(path)
    return paths


def _check(path: Path) -> None:
    argument = f"robots={str(path)!r}"
    if path.is_file() and path.suffix == ".jar":
        return
    if not path.is_dir():
        raise ValueError(f"{argument} must be a folder with jars or class files of robots, or one jar")
    if (path / "robots").is_dir() and any((path / part).is_dir() for part in _HOME_PARTS):
        raise ValueError(
            f"{argument} is the home of a Robocode: give the folder robots in it, {str(path / 'robots')!r}"
        )
    suffixes = {file.suffix for file in files_in(path)}
    if not suffixes & {".jar", ".class"}:
        lacks = "holds sources only: compile them" if ".java" in suffixes else "has none"
        raise ValueError(f"{argument} must be a folder with jars or class files of robots; it {lacks}")


def copy_robots(source: Path, target: Path) -> None:
    """Copy a jar, or the files of a folder, into another folder, which may hold some already."""
    if source.is_file():
        shutil.copyfile(source, target / source.name)
        return
    for path in files_in(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)


def digest(folder: Path) -> str:
    """Return the SHA-256 of the names and contents of a folder's files: it tells other robots from the same."""
    sums = hashlib.sha256()
    for path in files_in(folder):
        sums.update(f"{path.relative_to(folder).as_posix()}\0{path.stat().st_size}\0".encode(errors="surrogateescape"))
        sums.update(path.read_bytes())
    return sums.hexdigest()


def why_absent(folder: Path, robot: str, java: int) -> str:
    """Say why Robocode, running in that version of Java, knows no robot of that class name; nothing if unknown."""
    name = robot.split(maxsplit=1)[0].replace(".", "/")
    compiled = f"{name}.class"
    source = loose = ""
    for path in files_in(folder):
        place = path.relative_to(folder).as_posix()
        if path.suffix == ".jar":
            head = _head_in_jar(path, compiled)
        elif place == compiled or place.endswith(f"/{compiled}"):
            with open(path, "rb") as stream:
                head = stream.read(8)
        else:
            source = place if place == f"{name}.java" or place.endswith(f"/{name}.java") else source
            loose = place if "/" in name and place == f"{name.rpartition('/')[2]}.class" else loose
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
    if source:
        return f"there is only its source, {source}: compile it"
    return (
        f"{loose} lies outside of a folder for its package: give the folder that holds the package's" if loose else ""
    )


def _head_in_jar(jar: Path, name: str) -> bytes:
    """Return the first bytes of a file in a jar; none if it isn't there or can't be read."""
    try:
        with zipfile.ZipFile(jar) as archive, archive.open(name) as stream:
            return stream.read(8)
    except (KeyError, OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError):
        return b""
