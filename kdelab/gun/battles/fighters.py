"""Our own robots, of the package ``kdelab``: they ship as source (``data/fighters``) and are compiled to fight."""

import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from kdelab.gun.battles import compiling

PACKAGE = "kdelab."  # what their names begin with


def any_of_ours(names: Iterable[str]) -> bool:
    """Whether one of the robots is ours."""
    return any(name.startswith(PACKAGE) for name in names)


def digest() -> str:
    """Return the SHA-256 of all sources: it says whether two recordings were of the same robots."""
    sums = hashlib.sha256()
    with as_file(files("kdelab.gun.battles") / "data" / "fighters") as folder:
        for source in sorted(folder.glob("*.java")):
            sums.update(source.name.encode() + b"\0" + source.read_bytes())
    return sums.hexdigest()


def why_not_compiled(target: Path, jars: Sequence[str]) -> str:
    """Compile our robots into a folder of robots; say what is in the way, nothing if all went well."""
    with as_file(files("kdelab.gun.battles") / "data" / "fighters") as folder:
        return compiling.why_not_compiled("kdelab's robot package", sorted(folder.glob("*.java")), target, jars)
