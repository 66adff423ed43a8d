"""Files that appear whole or not at all."""

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: nobody sweeps there
    fcntl = None  # type: ignore[assignment]

_SUFFIX = ".new"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, flushed to the disk and moved there at the end, or removed on an error.

    Raises
    ------
    FileNotFoundError
        If the folder that `path` names does not exist.
    """
    path = Path(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=_SUFFIX)
    temporary = Path(name)
    try:
        held(handle)
        yield temporary
        os.chmod(temporary, 0o644)  # mkstemp's own mode is private
        _on_disk(temporary)  # or a power cut may leave the new name with nothing in it
        os.replace(temporary, path)
        _on_disk(path.parent)
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, moved there at the end, or removed with all in it on an error.

    Raises
    ------
    FileNotFoundError
        If the folder that is to hold it does not exist.
    OSError
        If `path` is there, and no empty folder.
    """
    path = Path(path)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}-", suffix=_SUFFIX))
    with _holding(temporary):
        try:
            yield temporary
            os.chmod(temporary, 0o755)  # mkdtemp's own mode is private
            _on_disk(temporary)
            if path.is_dir():
                path.rmdir()  # not every system moves onto an empty folder
            os.rename(temporary, path)
            _on_disk(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _holding(folder: Path) -> Iterator[None]:
    """Lock a folder, where the system can, so that :func:`sweep` leaves it alone."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # not a POSIX system
        yield
        return
    try:
        held(handle)
        yield
    finally:
        os.close(handle)


def check_out(out: Path, suffix: str = ".parquet") -> None:
    """Raise unless a table, or a file with another ending, can be written there.

    Raises
    ------
    ValueError
        If the name ends otherwise, or nothing can be written beside it.
    """
    argument = f"--out={str(out)!r}"
    if out.suffix != suffix:
        raise ValueError(f"{argument} must end in {suffix}")
    try:
        str(out).encode()
        if out.is_dir():
            raise ValueError(f"{argument} is a folder")
        if not out.absolute().parent.is_dir():
            raise ValueError(f"{argument}: there is no folder {str(out.parent)!r}")
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}-"):  # as the table itself will be
            pass
    except (OSError, UnicodeEncodeError) as error:
        raise ValueError(f"{argument} cannot be written: {error}") from error


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


def held(handle: int) -> bool:
    """Lock an open file until it is closed or its process ends; False if another process holds it."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def abandoned(path: Path) -> bool:
    """Whether the process that held this file is gone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return held(handle)
    finally:
        os.close(handle)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left of :func:`replacing` and :func:`replacing_folder`, of one name or of all."""
    for path in folder.glob(f".{'*' if name is None else glob.escape(name)}-*{_SUFFIX}"):
        if not path.is_symlink() and abandoned(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()
