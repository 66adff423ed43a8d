"""Where Robocode is: as Debian packages it, or in a folder of the user's."""

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from kdelab.extras import MissingExtra, load
from kdelab.gun.battles.battle import RecordingError

JARS = "/usr/share/java"
GAME = Path("/usr/share/games/robocode")
VERSION = "1.9.3.9"  # Debian's
INSTALL = "apt-get install --no-install-recommends robocode default-jre-headless"
_CORE = re.compile(r"robocode\.core-(\d[\w.]*)\.jar")  # the version stands in its name


@dataclass(frozen=True)
class Installation:
    """A Robocode: its jars, the folder that holds ``robots`` (and mostly ``battles`` and ``config``), its version."""

    jars: tuple[str, ...]
    game: Path
    version: str


def installed(folder: str | Path | None = None) -> Installation:
    """Return Debian's Robocode, or the one in a folder.

    Raises
    ------
    RecordingError
        If JPype, Robocode or a Java runtime is missing; the message says what to install.
    ValueError
        If the folder isn't that of a Robocode.
    """
    try:
        jpype = load("jpype", "record")
    except MissingExtra as error:
        raise RecordingError(str(error)) from error
    found = _debian() if folder is None else _in_folder(Path(folder))
    try:
        jpype.getDefaultJVMPath()
    except jpype.JVMNotFoundException as error:
        raise RecordingError(f"recording needs a Java runtime (17 or later): {INSTALL}") from error
    return found


def _debian() -> Installation:
    jars = [f"{JARS}/robocode.jar", *sorted(glob.glob(f"{JARS}/robocode.*-{VERSION}.jar"))]
    jars += [f"{JARS}/{name}.jar" for name in ("picocontainer", "codesize", "bcel")]
    absent = [jar for jar in jars if not Path(jar).exists()]
    if absent or len(jars) < 6 or not (GAME / "robots").is_dir():
        raise RecordingError(
            f"recording needs Robocode {VERSION} as Debian packages it: {INSTALL}; or name your own (--robocode)"
        )
    return Installation(tuple(jars), GAME, VERSION)


def _in_folder(folder: Path) -> Installation:
    argument = f"robocode={str(folder)!r}"
    absent = [part for part in ("libs", "robots") if not (folder / part).is_dir()]
    if absent:
        raise ValueError(
            f"{argument} has no folder {' or '.join(absent)}: give the folder in which Robocode is installed, "
            "which holds libs with its jars, and robots"
        )
    jars = sorted((folder / "libs").resolve().glob("*.jar"))
    versions = [found[1] for jar in jars if (found := _CORE.fullmatch(jar.name))]
    if len(versions) != 1 or not any(jar.name == "robocode.jar" for jar in jars):
        raise ValueError(
            f"{argument}: libs must hold robocode.jar, one robocode.core-VERSION.jar and the others; it has "
            f"{[jar.name for jar in jars]}"
        )
    return Installation(tuple(map(str, jars)), folder, versions[0])
