"""Files that appear whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, moved there at the end, or removed if anything was raised.

    Raises
    ------
    FileNotFoundError
        If the folder that `path` names does not exist.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)  # mkstemp's own mode is private
        _on_disk(temporary)  # or a power cut may leave the new name with nothing in it
        os.replace(temporary, path)
        _on_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _on_disk(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk; not every system can do that for folders."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
