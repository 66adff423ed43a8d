"""The Java compiler, where there is one."""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

INSTALL = "apt-get install --no-install-recommends default-jdk-headless"
RELEASE = "11"  # of Java: what robots are compiled for


def compiler() -> str | None:
    """Return the path of javac, that of JAVA_HOME before any other; None where there is none."""
    home = os.environ.get("JAVA_HOME")
    own = shutil.which("javac", path=os.path.join(home, "bin")) if home else None
    return own or shutil.which("javac")


def why_not_compiled(what: str, sources: Iterable[Path], target: Path, jars: Sequence[str]) -> str:
    """Compile sources into a folder of classes; say what is in the way, nothing if all went well."""
    javac = compiler()
    if javac is None:
        return f"{what} must be compiled, which needs a JDK: {INSTALL}"
    command = [
        javac,
        "--release",
        RELEASE,
        "-encoding",
        "UTF-8",
        "-classpath",
        os.pathsep.join(jars),
        "-d",
        str(target),
    ]
    command += map(str, sources)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    return f"{what} doesn't compile: {' '.join(done.stderr.split())}" if done.returncode else ""
