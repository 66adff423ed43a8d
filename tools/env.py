"""Build .venv from requirements.lock: ``python tools/env.py``, or `make env`.  It takes Python alone, of any system.

``python tools/env.py torch`` builds .venv-torch: the same, and on top what the dependency group "torch" of
pyproject.toml pins, by pip, which finds PyTorch's builds for the CPU where it is told to look; the index has CUDA's.

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
BEAT = 3.0  # seconds between two words
OURS = ("--no-deps", "--no-build-isolation", "--editable", ".")


def main(group: str = "") -> None:
    """Build the environment unless it is there."""
    if sys.version_info < (3, 11):  # noqa: UP036  (any Python may be the user's)
        sys.exit(f"kdelab needs Python 3.11 or newer, found {sys.version}; say make BASE=python3.11")
    env = Environment(ROOT / f".venv-{group}" if group else ROOT / ".venv", pinned(group) if group else [])
    with alone(env.name):
        text = "\n".join([f"{sys.base_prefix} {sys.version}", LOCK.read_text(), *env.on_top])
        wanted = hashlib.sha256(text.encode()).hexdigest()
        whole = env.ready.is_file() and env.ready.read_text() == wanted
        if whole and env.ready.stat().st_mtime > max(LOCK.stat().st_mtime, PROJECT.stat().st_mtime):
            return  # by another process, while this one waited
        env.ready.unlink(missing_ok=True)
        if not whole:
            env.build()
        if not env.does("kdelab itself, from this folder", *env.pip, "install", "--quiet", *OURS):
            sys.exit("kdelab could not be installed from this folder")
        env.ready.write_text(wanted)
        print(f"{env.name} is ready: {env.count()} packages", flush=True)


def pinned(group: str) -> list[str]:
    """Return what a dependency group of pyproject.toml pins."""
    import tomllib

    groups: dict[str, list[str]] = tomllib.loads(PROJECT.read_text())["dependency-groups"]
    if group not in groups:
        sys.exit(f"pyproject.toml has the dependency groups {', '.join(groups)}, not {group}")
    return groups[group]


class Environment:
    """A virtual environment: what the lock pins, and what comes on top of it."""

    def __init__(self, folder: Path, on_top: list[str]) -> None:
        self.folder, self.on_top, self.name = folder, on_top, folder.name
        windows = os.name == "nt"
        self.python = str(folder / ("Scripts/python.exe" if windows else "bin/python"))
        library = "Lib" if windows else f"lib/python{sys.version_info[0]}.{sys.version_info[1]}"
        self.packages = folder / library / "site-packages"
        self.ready = folder / "ready"  # what it was built from; the last file to be written
        self.pip = [self.python, "-m", "pip", "--disable-pip-version-check"]

    def build(self) -> None:
        """Make a new environment, and install all that the lock pins, and what comes on top."""
        if self.folder.exists():
            print(f"removing the old {self.name}", flush=True)
            shutil.rmtree(self.folder)
        if not self.does(f"an empty environment in {self.name}", sys.executable, "-m", "venv", str(self.folder)):
            sys.exit("venv failed; Debian's Python wants the package python3-venv")
        pip = [*self.pip, "install", "--no-compile"]
        hashed = ["--no-deps", "--require-hashes", "--requirement"]
        alone_of_uv = self.folder / "uv.txt"
        entry = re.search(r"^uv==(?:.*\\\n)+.*\n", LOCK.read_text(), re.MULTILINE)
        alone_of_uv.write_text(entry[0] if entry else "")
        uv = [self.python, "-m", "uv", "pip", "install", "--quiet", "--python", self.python]
        done = self.does("uv, by its hash", *pip, "--quiet", *hashed, str(alone_of_uv)) and self.does(
            f"what {LOCK.name} pins, by uv", *uv, *self.indexes(), *hashed, str(LOCK)
        )
        if not done and not self.does(f"what {LOCK.name} pins, by pip", *pip, *hashed, str(LOCK)):
            served = f"it serves CPython 3.11 to 3.14, and this is {sys.version.split()[0]}"
            others = "Others: pip install --editable '.[notebooks,record,dev]'"
            sys.exit(f"{LOCK.name} could not be installed: {served}. {others}")
        listed = " and ".join(self.on_top)
        if listed and not self.does(f"{listed}, by pip", *pip, "--quiet", *self.on_top):
            sys.exit(f"{listed} could not be installed on top of {LOCK.name}")

        tests = r"[\\/](tests?|testing)[\\/]"
        self.does("bytecode", self.python, "-m", "compileall", "-q", "-q", "-j", "0", "-x", tests, str(self.packages))

    def indexes(self) -> list[str]:
        """Return what pip is configured to look through as uv's options, which reads no pip.conf."""
        listed = subprocess.run([*self.pip, "config", "list"], capture_output=True, text=True).stdout
        found: dict[str, list[str]] = {}
        for line in listed.splitlines():
            key, _, value = line.partition("=")
            words = str(ast.literal_eval(value)).split()
            found.setdefault(key.rpartition(".")[2], words)  # the environment comes first
        if "cert" in found:
            os.environ.setdefault("SSL_CERT_FILE", found["cert"][0])
        options = ["--index-strategy", "unsafe-best-match"]  # as pip does; hashes say which file is meant
        for name in ("index-url", "extra-index-url", "find-links"):
            options += [word for value in found.get(name, []) for word in (f"--{name}", value)]
        return options

    def does(self, what: str, *command: str) -> bool:
        """Say what is done, do it, and say every few seconds how far it is; whether it went well."""
        print(what, flush=True)
        start = time.monotonic()
        with subprocess.Popen(command, cwd=ROOT, close_fds=False) as process:
            while True:
                try:
                    return process.wait(BEAT) == 0
                except subprocess.TimeoutExpired:
                    print(f"  {time.monotonic() - start:.0f} s, {self.count()} packages are there", flush=True)

    def count(self) -> int:
        """Return how many packages are installed."""
        return len(list(self.packages.glob("*.dist-info")))


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until no other process builds in this clone; whatever ends a process lets the next one in."""
    with open(__file__, "r+b") as file:
        os.set_inheritable(file.fileno(), True)  # what a killed process had started goes on holding it
        waiting = time.monotonic()
        while not locked(file.fileno()):
            print(f"{name}: another process builds here, waiting, {time.monotonic() - waiting:.0f} s", flush=True)
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


if __name__ == "__main__":
    main(*sys.argv[1:])
