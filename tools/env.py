"""Build .venv from requirements.lock: ``python tools/env.py``, or `make env`.  It takes Python alone, of any system.

uv installs what the lock says many times as fast as pip, which brings uv itself, by its hash; where uv can't do it (an
index that it doesn't reach, say), pip does it all.  Bytecode is made of all but the packages' own tests: without it the
first import of everything would take seconds longer, and where Python may not write any, every one.
"""

from __future__ import annotations  # for the Python that is told it is too old

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK, PROJECT = ROOT / "requirements.lock", ROOT / "pyproject.toml"
ENV = ROOT / ".venv"
READY = ENV / "ready"  # what it was built from; the last file to be written
WINDOWS = os.name == "nt"
PYTHON = ENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
PACKAGES = ENV / ("Lib" if WINDOWS else f"lib/python{sys.version_info[0]}.{sys.version_info[1]}") / "site-packages"
BEAT = 3.0  # seconds between two words
OURS = ("--no-deps", "--no-build-isolation", "--editable", ".")


def main() -> None:
    """Build the environment unless it is there."""
    if sys.version_info < (3, 11):  # noqa: UP036  (any Python may be the user's)
        sys.exit(f"kdelab needs Python 3.11 or newer, found {sys.version}; say make BASE=python3.11")
    with alone():
        wanted = hashlib.sha256(f"{sys.base_prefix} {sys.version}\n{LOCK.read_text()}".encode()).hexdigest()
        whole = READY.is_file() and READY.read_text() == wanted
        if whole and READY.stat().st_mtime > max(LOCK.stat().st_mtime, PROJECT.stat().st_mtime):
            return  # by another process, while this one waited
        READY.unlink(missing_ok=True)
        if not whole:
            build()
        pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
        if not said_and_done("kdelab itself, from this folder", *pip, *OURS):
            sys.exit("kdelab could not be installed from this folder")
        READY.write_text(wanted)
        print(f"{ENV.name} is ready: {count()} packages", flush=True)


def build() -> None:
    """Make a new environment, and install all that the lock pins."""
    if ENV.exists():
        print(f"removing the old {ENV.name}", flush=True)
        shutil.rmtree(ENV)
    if not said_and_done(f"an empty environment in {ENV.name}", sys.executable, "-m", "venv", str(ENV)):
        sys.exit("venv failed; Debian's Python wants the package python3-venv")
    pip = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--no-deps"]
    hashed = ["--require-hashes", "--requirement"]
    alone_of_uv = ENV / "uv.txt"
    entry = re.search(r"^uv==(?:.*\\\n)+.*\n", LOCK.read_text(), re.MULTILINE)
    alone_of_uv.write_text(entry[0] if entry else "")
    uv = [str(PYTHON), "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--python", str(PYTHON)]
    done = said_and_done("uv, by its hash", *pip, "--quiet", *hashed, str(alone_of_uv)) and said_and_done(
        f"what {LOCK.name} pins, by uv", *uv, *indexes(), *hashed, str(LOCK)
    )
    if not done and not said_and_done(f"what {LOCK.name} pins, by pip", *pip, *hashed, str(LOCK)):
        served = f"it serves CPython 3.11 to 3.14, and this is {sys.version.split()[0]}"
        sys.exit(
            f"{LOCK.name} could not be installed: {served}. Others: pip install --editable '.[notebooks,record,dev]'"
        )

    tests = r"[\\/](tests?|testing)[\\/]"
    said_and_done("bytecode", str(PYTHON), "-m", "compileall", "-q", "-q", "-j", "0", "-x", tests, str(PACKAGES))


def indexes() -> list[str]:
    """Return what pip is configured to look through as uv's options, which reads no pip.conf."""
    listed = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True).stdout
    found: dict[str, list[str]] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key.rpartition(".")[2], str(ast.literal_eval(value)).split())  # the environment comes first
    if "cert" in found:
        os.environ.setdefault("SSL_CERT_FILE", found["cert"][0])
    options = ["--index-strategy", "unsafe-best-match"]  # as pip does; hashes say which file is meant
    for name in ("index-url", "extra-index-url", "find-links"):
        options += [word for value in found.get(name, []) for word in (f"--{name}", value)]
    return options


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other process builds in this clone; whatever ends a process lets the next one in."""
    with open(__file__, "r+b") as file:
        os.set_inheritable(file.fileno(), True)  # what a killed process had started goes on holding it
        waiting = time.monotonic()
        while not locked(file.fileno()):
            print(f"another process builds {ENV.name}: waiting, {time.monotonic() - waiting:.0f} s", flush=True)
            time.sleep(BEAT)
        yield


def locked(handle: int) -> bool:
    """Lock an open file, if no other process has."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(handle, 1 << 30, os.SEEK_SET)  # beyond the text, which others must be able to read
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def said_and_done(what: str, *command: str) -> bool:
    """Say what is done, do it, and say every few seconds how far it is; whether it went well."""
    print(what, flush=True)
    start = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, close_fds=False) as process:
        while True:
            try:
                return process.wait(BEAT) == 0
            except subprocess.TimeoutExpired:
                print(f"  {time.monotonic() - start:.0f} s, {count()} packages are there", flush=True)


def count() -> int:
    """Return how many packages are installed."""
    return len(list(PACKAGES.glob("*.dist-info")))


if __name__ == "__main__":
    main()
