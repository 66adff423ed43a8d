"""Our own robots, of the package ``kdelab``: they ship as source (``data/fighters``) and are compiled to fight."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from pathlib import Path

PACKAGE = "kdelab."  # what their names begin with
COMPILER = "apt-get install --no-install-recommends default-jdk-headless"
RELEASE = "11"  # of Java


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
    home = os.environ.get("JAVA_HOME")
    compiler = shutil.which("javac", path=os.path.join(home, "bin")) if home else None
    compiler = compiler or shutil.which("javac")
    if compiler is None:
        return f"kdelab's own robots are compiled before they fight, which needs a JDK: {COMPILER}"
    command = [compiler, "--release", RELEASE, "-encoding", "UTF-8", "-classpath", os.pathsep.join(jars)]
    with as_file(files("kdelab.gun.battles") / "data" / "fighters") as folder:
        command += ["-d", str(target), *map(str, sorted(folder.glob("*.java")))]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return f"kdelab's own robots don't compile: {' '.join(done.stderr.split())}" if done.returncode else ""
