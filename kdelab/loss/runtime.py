"""How loops are compiled and run: a cache on disk that can't go stale, and threads."""

import hashlib
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache

from kdelab.loss.validate import Integers

# Infinities stay meaningful, signed zeros and NaNs don't occur, a * b + c may be one operation. Sums keep their order,
# except in the reductions below, whose order is fixed when they are compiled.
MATH = {"contract", "nnan", "nsz", "arcp"}

# Points for which it is worth starting a thread.
ENOUGH = 8192

inlined = numba.njit(inline="always", error_model="numpy", fastmath=MATH)
"""Decorator of a function that is compiled into each that calls it."""
scalar = numba.njit(error_model="numpy", fastmath=MATH)
"""Decorator of a compiled function of numbers, a kernel's say."""


@cache
def _stamp(folder: Path) -> str:
    """Return a digest of the modules that code in a folder may be made of: its own, the engines', and the kernels'."""
    digest = hashlib.sha256()
    here = Path(__file__).parent
    for part in (folder, here / "engines", here / "kernels"):
        for source in sorted([*part.rglob("*.py"), here / "arithmetic.py", Path(__file__)]):
            digest.update(source.read_bytes())
    return digest.hexdigest()


class _Files(IndexDataCacheFile):
    """The files of a cache, compiled code with its digest before it: what isn't whole must not run."""

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        with self._open_for_write(self._data_path(name)) as file:
            file.write(hashlib.sha256(code).digest() + code)

    def _load_data(self, name: str) -> Any:
        stored = Path(self._data_path(name)).read_bytes()
        digest, code = stored[:32], stored[32:]
        if hashlib.sha256(code).digest() != digest:
            raise ValueError(f"{name} is not whole")
        return pickle.loads(code)


def _foreign(sig: Any) -> bool:
    """Whether code for these arguments is made of functions, a kernel's, whose edits no stamp of ours would notice."""
    classes = [getattr(kind, "instance_class", None) for kind in sig]
    return any(made is not None and not made.__module__.startswith("kdelab.") for made in classes)


def _someone_waits() -> bool:
    """Whether a person looks on: at a terminal, or at a notebook whose front end could be asked for input.

    What runs notebooks by itself, for a page or a test, can't be asked: nothing that depends on what had to be compiled
    gets into their outputs.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if (kernel := getattr(shell, "kernel", None)) is not None:
        return bool(getattr(kernel, "_allow_stdin", False))
    return sys.stderr is not None and sys.stderr.isatty()


@cache
def _announce(package: str, how_often: str) -> None:
    """Say once what the wait is for."""
    if _someone_waits():
        print(f"compiling {package}, {how_often}: some seconds", file=sys.stderr, flush=True)


class _NoCache(NullCache):
    """Where nothing can be written: every process compiles."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._package = function.__module__.rpartition(".")[0]

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        _announce(self._package, "anew in each process, since there is no folder to keep it in")


class _Cache(FunctionCache):
    """A cache on disk that can't go stale, and that nothing depends on.

    numba's own looks at the file of the decorated function only, and would keep using code inlined from a helper module
    that was edited since: so the stamp that it compares is one of all that code may be made of. What can't be read
    back, truncated, damaged or not a file, is compiled again and replaced; where nothing can be written, on a full disk
    or a read-only one, there is no cache.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._package = function.__module__.rpartition(".")[0]
        stamp = _stamp(Path(function.__code__.co_filename).parent)
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = None
        if not _foreign(sig):
            with suppress(Exception):  # unpickling what isn't a pickle may raise anything
                found = super().load_overload(sig, target_context)
        if found is None:
            _announce(self._package, "once on this machine")
        return found

    def save_overload(self, sig: Any, data: Any) -> None:
        if _foreign(sig):
            return
        try:
            super().save_overload(sig, data)
        except Exception:
            with suppress(Exception):  # a broken index can't be added to: begin a new one
                self.flush()
                super().save_overload(sig, data)


def compiled(function: Callable[..., Any] | None = None, *, fastmath: Any = MATH) -> Any:
    """Decorate with numba.njit, without the GIL, cached on disk until any module that it may be made of changes.

    The only way to compile what is called from Python, in the loss and in the gun: see `_Cache`.

    Parameters
    ----------
    fastmath : bool or set of str
        What numba may do to the order and the rounding of operations.
    """
    if function is None:
        return partial(compiled, fastmath=fastmath)
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    # A private attribute of numba's: where a version has it no more, code is compiled in every process.
    if hasattr(dispatcher, "_cache"):
        try:
            dispatcher._cache = _Cache(function)
        except (RuntimeError, OSError):  # no folder that can be written to
            dispatcher._cache = _NoCache(function)
    return dispatcher


_most: ContextVar[int | None] = ContextVar("most", default=None)


@contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Let `in_parallel` deal to so many threads at most, here and in what is called from here; None changes nothing."""
    before = _most.set(_most.get() if threads is None else threads)
    try:
        yield
    finally:
        _most.reset(before)


def in_parallel(function: Callable[..., Any], offsets: Integers, *arguments: Any) -> None:
    """Call ``function(first, last, *arguments)`` for all predictions, dealt to threads by about equally many points.

    Threads of Python, over functions that have let go of the GIL, rather than numba's: those double the time that
    compiling takes, and a process that has used them can't be forked any more. `at_most` says how many, or else
    NUMBA_NUM_THREADS.
    """
    n, points = len(offsets) - 1, int(offsets[-1])
    most = _most.get() or numba.config.NUMBA_NUM_THREADS
    parts = min(most, points // ENOUGH + 1)
    cuts = [int(c) for c in np.searchsorted(offsets, np.arange(1, parts) * (points / parts))]
    spans = list(pairwise([0, *cuts, n]))
    if parts == 1:
        function(0, n, *arguments)
        return
    others = [_pool(most).submit(function, first, last, *arguments) for first, last in spans[1:]]
    function(*spans[0], *arguments)
    for other in others:
        other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads don't survive a fork
