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


def write(path: Path, text: str) -> None:
    """Write a file beside and move it into place, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as beside:
        # A lone surrogate has no UTF-8; its escape means the same in JSON.
        beside.write_bytes(text.encode("utf-8", "backslashreplace"))


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

    def digests(self) -> dict[str, str]:
        """Return the digests by name, relative to the folder."""
        try:
            lines = (self.folder / self.NAME).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return {}
        found = [re.fullmatch(r"([0-9a-f]{64})  ((?!(?:.*/)?\.\.(?:/|$))[^/].*)", line) for line in lines]
        return {match[2]: match[1] for match in found if match}

    def whole(self, name: str) -> bool:
        """Whether the file is there just as it was made."""
        made = self.digests().get(name)
        return made is not None and digest_of(self.folder / name) == made

    def listed(self, name: str) -> bool:
        """Whether the builds have made a file of that name."""
        return name in self.digests()

    def write(self, name: str, text: str) -> None:
        """Write a file and list it."""
        write(self.folder / name, text)
        self._list({**self.digests(), name: digest_of(self.folder / name)})

    def drop(self, name: str) -> None:
        """Remove a file, if it still is what was made."""
        if self.whole(name):
            (self.folder / name).unlink()
        if not (self.folder / name).exists():
            self._list({other: made for other, made in self.digests().items() if other != name})

    def _list(self, digests: dict[str, str]) -> None:
        write(self.folder / self.NAME, "".join(f"{made}  {name}\n" for name, made in sorted(digests.items())))


@contextmanager
def working(project: Project) -> Iterator[Path]:
    """Give a folder for what kernels leave behind, removed at the end; what killed runs left is removed now."""
    project.reports.mkdir(parents=True, exist_ok=True)
    for folder in (project.notebooks, project.reports, project.observations):
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
