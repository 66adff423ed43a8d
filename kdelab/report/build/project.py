"""Where a project's things are; files that appear whole or not at all; and which of them the builds have made."""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kdelab.files import abandoned, held, replacing, sweep

_WORK, _LOCK = ".work-", "lock"


@dataclass(frozen=True)
class Project:
    """Where things are: `root` holds notebooks/, reports/, README.md and requirements.lock."""

    root: Path

    @property
    def notebooks(self) -> Path:
        """Folder of the notebooks."""
        return self.root / "notebooks"

    @property
    def reports(self) -> Path:
        """Folder of what is built from them."""
        return self.root / "reports"

    @property
    def observations(self) -> Path:
        """Folder of the runs with other parameters."""
        return self.reports / "observations"

    @property
    def sweeps(self) -> Path:
        """Folder of the pages on many such runs."""
        return self.reports / "sweeps"


def write(path: Path, content: bytes) -> None:
    """Write a file beside and move it into place, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        beside.write_bytes(content)


def encoded(text: str) -> bytes:
    """Return a text as files hold it: UTF-8, and escapes, which mean the same in JSON, for lone surrogates."""
    return text.encode("utf-8", "backslashreplace")


def sha256(content: bytes) -> str:
    """Return the SHA-256 of what a file holds."""
    return hashlib.sha256(content).hexdigest()


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or an empty string if there is none that can be read."""
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return ""


class Made:
    """What the builds have made in a folder, with a digest a file, kept in the folder as ``sha256sum`` writes it.

    A file that was truncated or edited since is no longer whole; one that isn't listed is somebody's own.
    """

    NAME = ".made"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._digests = self._listed()
        self._known: dict[str, bytes] = {}  # what was read or written, so that nothing is read twice

    def names(self) -> list[str]:
        """Return the names of the files, relative to the folder."""
        return list(self._digests)

    def listed(self, name: str) -> bool:
        """Whether the builds have made a file of that name."""
        return name in self._digests

    def digest(self, name: str) -> str:
        """Return the digest of a file as it was made; empty for one that isn't listed."""
        return self._digests.get(name, "")

    def whole(self, name: str, content: bytes) -> bool:
        """Whether this, which the file of that name holds, is just what was made."""
        return self._digests.get(name) == sha256(content)

    def content(self, name: str) -> bytes | None:
        """Return what a file holds, if it is whole."""
        if not self.listed(name):
            return None
        try:
            content = self._known[name] if name in self._known else (self.folder / name).read_bytes()
        except OSError:
            return None
        self._known[name] = content
        return content if self.whole(name, content) else None

    def write(self, name: str, content: bytes) -> None:
        """Write a file and list it."""
        write(self.folder / name, content)
        self._known[name] = content
        self._list(name, sha256(content))

    def drop(self, name: str) -> None:
        """Remove a file, if it still is what was made."""
        self._known.pop(name, None)
        if self.content(name) is not None:
            (self.folder / name).unlink()
        if not (self.folder / name).exists():
            self._list(name, None)

    def _listed(self) -> dict[str, str]:
        try:
            lines = (self.folder / self.NAME).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        found = [re.fullmatch(r"([0-9a-f]{64})  ((?!(?:.*/)?\.\.(?:/|$))[^/].*)", line) for line in lines]
        return {match[2]: match[1] for match in found if match}

    def _list(self, name: str, made: str | None) -> None:
        self._digests = self._listed()  # another build may have made something meanwhile
        self._digests.pop(name, None)
        if made is not None:
            self._digests[name] = made
        lines = [f"{made}  {name}\n" for name, made in sorted(self._digests.items())]
        write(self.folder / self.NAME, encoded("".join(lines)))


@contextmanager
def working(project: Project) -> Iterator[Path]:
    """Give a folder for what kernels leave behind, removed at the end; what killed runs left is removed now."""
    project.reports.mkdir(parents=True, exist_ok=True)
    for folder in (project.notebooks, project.reports, project.observations, project.sweeps):
        sweep(folder)
    for old in project.reports.glob(f"{_WORK}*"):
        if abandoned(old / _LOCK):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_WORK, dir=project.reports))
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        held(lock)
        yield folder
    finally:
        os.close(lock)
        shutil.rmtree(folder, ignore_errors=True)
