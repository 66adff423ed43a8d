"""What runs in a notebook's kernel before the notebook: ``python -m kdelab.report.build.inside -f CONNECTION_FILE``.

The kernel ends with the build that started it, tells which Python and which kdelab it is, keeps account of the files
that the notebook reads, and sends no more output than a page can hold. Only the standard library is loaded for it.
"""

import importlib.util
import json
import os
import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import kdelab

PAGES = "KDELAB_PAGES"  # kdelab.plot.style shows more of a figure where this is set
PACKAGES = ("numpy", "scipy", "numba", "pandas", "pyarrow", "scikit-learn", "matplotlib", "seaborn")

#: Characters that a cell may print, that its figures and tables may have, and that a notebook may show in all.
PRINTED, DISPLAYED, SHOWN = 1_000_000, 5_000_000, 20_000_000
CUT = "[kdelab left out the rest: "
_TOLD = f"{CUT}a cell may print {PRINTED:,} characters and display {DISPLAYED:,}, a notebook {SHOWN:,} in all]"
_STREAMED, _DISPLAYED = ("stream",), ("display_data", "update_display_data", "execute_result")
_ERROR = 10_000  # characters of an exception's text, and of each line of its traceback


def versions() -> dict[str, str]:
    """Return the versions of Python, kdelab and what it computes with."""
    found = {"python": ".".join(map(str, sys.version_info[:3])), "kdelab": kdelab.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def facts() -> dict[str, Any]:
    """Return which interpreter and which kdelab this process runs, with what versions."""
    package = str(Path(kdelab.__file__).resolve().parent)
    return {"executable": sys.executable, "python": sys.version, "kdelab": package, "versions": versions()}


class Reads:
    """Files that this process opened for reading, with the time of their last change; not what it wrote itself.

    An audit hook sees what Python opens. A reader that doesn't go through Python, such as pyarrow's, announces its file
    by ``sys.audit("kdelab.read", path)``.
    """

    def __init__(self) -> None:
        package = str(Path(kdelab.__file__).resolve().parent)
        caches = [os.environ.get(name, "") for name in ("IPYTHONDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")]
        caches += [os.path.expanduser(f"~/{name}") for name in (".cache", ".config", ".local", ".matplotlib")]
        system = [sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr"]
        # kdelab's own files have a hash already; the rest belongs to the installation.
        self._elsewhere = tuple(f"{folder.rstrip('/')}/" for folder in (package, *system, *caches) if folder)
        self._read: dict[str, int] = {}
        self._written: set[str] = set()

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one event of the interpreter."""
        if event == "open":
            path, _, flags = arguments
            writes = bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
            self._note(path, writes)
        elif event == "kdelab.read":
            self._note(arguments[0], False)
        elif event == "os.rename":
            self._note(arguments[1], True)

    def _note(self, given: Any, writes: bool) -> None:
        try:
            path = os.path.abspath(os.fsdecode(given))
            if path.endswith(".pyc"):
                if writes:
                    return  # what Python compiles of a module is not the module
                path = importlib.util.source_from_cache(path)
            if writes:
                self._written.add(path)
            elif path not in self._read and not path.startswith(self._elsewhere):
                self._read[path] = os.stat(path).st_mtime_ns
        except (TypeError, ValueError, OSError):
            return  # a file descriptor, or no file that could be read

    def found(self) -> dict[str, int]:
        """Return the files read so far."""
        return {path: changed for path, changed in self._read.items() if path not in self._written}


class Limits:
    """Cuts what is sent to the page: text, figures and tables of a cell, and the text of exceptions."""

    def __init__(self) -> None:
        self._cell: str | None = None
        self._spent = {"stream": 0, "display": 0}
        self._told: set[str] = set()
        self._all = 0

    def fit(self, kind: str, content: dict[str, Any], cell: str | None) -> Any:
        """Return the content of a message as it may be sent, or None if nothing of it may."""
        if kind in (*_STREAMED, *_DISPLAYED, "clear_output") and (cell != self._cell or kind == "clear_output"):
            self._cell, self._spent, self._told = cell, {"stream": 0, "display": 0}, set()
        if kind in ("error", "execute_reply") and "traceback" in content:
            lines = [_short(line) for line in content["traceback"]]
            traceback = lines if len(lines) <= 100 else [*lines[:50], "...", *lines[-50:]]
            return _encodable({**content, "evalue": _short(content["evalue"]), "traceback": traceback})
        if kind in _STREAMED:
            return self._room("stream", PRINTED, content, len(content["text"]))
        if kind in _DISPLAYED:
            return self._room("display", DISPLAYED, content, sum(map(_size, content["data"].values())))
        return content

    def _room(self, account: str, most: int, content: dict[str, Any], size: int) -> Any:
        room = min(most - self._spent[account], SHOWN - self._all)
        if size <= room and account not in self._told:
            self._spent[account] += size
            self._all += size
            return _encodable(content)
        if account in self._told:
            return None
        self._told.add(account)
        if account == "display":
            return {**content, "data": {"text/plain": _TOLD}, "metadata": {}}
        self._spent[account] += room
        self._all += room
        return _encodable({**content, "text": f"{content['text'][:room]}\n{_TOLD}\n"})


def _encodable(value: Any) -> Any:
    """Return text, in whatever it stands, with escapes in the place of what UTF-8 can't hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    return [_encodable(item) for item in value] if isinstance(value, list | tuple) else value


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else len(json.dumps(value, default=str))


def _short(text: str) -> str:
    return text if len(text) <= _ERROR else f"{text[:_ERROR]} {CUT}{len(text):,} characters]"


_reads: Reads | None = None


def reads() -> dict[str, int]:
    """Return the files that the notebook has read, with the times of their last change."""
    return _reads.found() if _reads else {}


def _end_with(parent: int) -> None:
    """Let the kernel be killed when the build ends, whatever ended it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG; elsewhere ipykernel itself polls for its parent
    if parent and os.getppid() != parent:
        os._exit(1)


def launch() -> None:
    """Start the kernel."""
    global _reads
    _end_with(int(os.environ.get("JPY_PARENT_PID") or 0))
    from ipykernel.kernelapp import IPKernelApp
    from jupyter_client.session import Session

    limits, send = Limits(), Session.send

    def fitting(
        session: Any, stream: Any, message: Any, content: Any = None, parent: Any = None, *more: Any, **named: Any
    ) -> Any:
        if isinstance(message, dict):
            about, kind, content = message.get("parent_header"), message["msg_type"], message["content"]
        else:
            about, kind = parent, message
        header = (about or {}).get("header", about) or {}
        content = limits.fit(kind, content, header.get("msg_id")) if isinstance(content, dict) else content
        if content is None and isinstance(message, dict):
            return None
        message = {**message, "content": content} if isinstance(message, dict) else message
        return send(session, stream, message, content, parent, *more, **named)

    Session.send = fitting  # type: ignore[method-assign, assignment]
    # -P kept the notebook's folder from hiding a module until here; this is IPython's place for it: behind the library.
    installed = (i for i, path in enumerate(sys.path) if Path(path).name in ("site-packages", "dist-packages"))
    sys.path.insert(next(installed, len(sys.path)), "")
    os.environ[PAGES] = "yes"
    _reads = Reads()
    sys.addaudithook(_reads)
    IPKernelApp.launch_instance()


if __name__ == "__main__":
    from kdelab.report.build import inside  # under its own name: IPython puts the notebook in the place of __main__

    inside.launch()
