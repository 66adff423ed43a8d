"""One notebook in a kernel of its own: this interpreter's and this kdelab's, ended with the run, limited in time."""

import ast
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbclient.util import run_sync
from nbconvert.filters import strip_ansi
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines

import kdelab
from kdelab.report.build import cells, inside

ROOT = Path(kdelab.__file__).resolve().parent.parent
TIMEOUT = 600.0  # seconds a cell may take
_SOCKET = 100  # bytes that a socket's path may have, its number left out
_STARTUP = 300  # seconds until a kernel must answer: machines may be busy

# One thread each: two runs share the machine, and sums in a fixed order give the same digits every time.
_QUIET = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


@dataclass(frozen=True)
class Run:
    """One execution of one notebook.

    ``failure`` is None, or says in which cell it failed and why; the notebook then holds what came before. ``versions``
    are the kernel's own, and ``reads`` the files that it read, with the times of their last change.
    """

    notebook: Any
    seconds: float
    failure: dict[str, str] | None = None
    versions: dict[str, str] = field(default_factory=dict)
    reads: dict[str, int] = field(default_factory=dict)


class Kernels:
    """The kernels that run now, so that none outlives the build."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._stopped = False

    def add(self, group: int) -> None:
        """Note a kernel's process group; kill it at once if the build has been stopped."""
        with self._lock:
            self._groups.add(group)
            if self._stopped:
                _kill(group)

    def end(self, group: int) -> None:
        """Kill what a kernel has left running."""
        with self._lock:
            self._groups.discard(group)
        _kill(group)

    def stop(self) -> None:
        """Kill all kernels, and those that are still to come."""
        with self._lock:
            self._stopped = True
            for group in self._groups:
                _kill(group)


def _kill(group: int) -> None:
    if hasattr(os, "killpg") and group:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


class _ThisInterpreter(KernelSpecManager):
    """Gives the running interpreter's kernel under whatever name: kernel specs found elsewhere may run another one."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        command = [sys.executable, "-P", "-m", inside.__name__, "-f", "{connection_file}"]
        return KernelSpec(argv=command, display_name="Python 3 (ipykernel)", language="python")


class _Stopped(Exception):
    """A cell that didn't come to its end, and why."""


class _Client(PapermillNotebookClient):
    """Papermill's client, which knows the cell it is in, whatever ends it."""

    at: int | None = None
    kernels: Kernels
    told: dict[str, Any]
    reads: dict[str, int]

    def start_new_kernel(self, **kwargs: Any) -> None:
        super().start_new_kernel(**kwargs)
        self.group = self.km.provisioner.pgid or 0
        self.kernels.add(self.group)

    def papermill_execute_cells(self) -> None:
        self.told, self.reads = self._asked("facts"), {}
        expected = inside.facts()
        for name in ("executable", "python", "kdelab"):
            if self.told[name] != expected[name]:
                raise ValueError(f"the kernel has another {name}: {self.told[name]}, wanted is {expected[name]}")
        try:
            super().papermill_execute_cells()
            self.reads = self._asked("reads")
        except DeadKernelError:
            raise _Stopped(self._end()) from None
        except CellTimeoutError:
            self.shutdown_kernel = "immediate"  # it is busy, and would not hear
            limit = f"it ran over its limit of {self.timeout_func(None):g} s; --timeout SECONDS sets another"
            raise _Stopped(f"CellTimeoutError: {limit}") from None

    def _asked(self, name: str) -> dict[str, Any]:
        source = f"__import__('json').dumps(__import__({inside.__name__!r}, fromlist=['x']).{name}())"
        asked = self.kc.execute("", silent=True, store_history=False, user_expressions={name: source})
        answer = self.wait_for_reply(asked)["content"]["user_expressions"][name]
        found: dict[str, Any] = json.loads(ast.literal_eval(answer["data"]["text/plain"]))
        return found

    def _end(self) -> str:
        process = getattr(self.km.provisioner, "process", None)
        code = process.poll() if process else None
        if code is not None and code < 0:
            name = {known.value: known.name for known in signal.Signals}.get(-code, f"signal {-code}")
            often = "; the machine may be out of memory" if name == "SIGKILL" else ""
            return f"DeadKernelError: the kernel was ended by {name}{often}"
        return f"DeadKernelError: the kernel ended itself with exit code {code}"


def _refuse_exit(cell: Any, cell_index: int, execute_reply: Mapping[str, Any]) -> None:
    """Stop where a cell has called ``exit()``: its kernel ends some time later, in the middle of another cell."""
    if any(asked.get("source") == "ask_exit" for asked in execute_reply["content"].get("payload", [])):
        raise _Stopped("SystemExit: it asks the kernel to exit")


async def _settle() -> None:
    """Wait for what a run that was cut short has cancelled, which asyncio would complain about."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _Engine(NBClientEngine):
    """The engine under papermill: hands the notebook to the run that asked for it."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, execution: Any = None, **kwargs: Any) -> None:
        execution(nb_man)


papermill_engines.register("kdelab", _Engine)


class Execution:
    """One run of a notebook, from its source to a :class:`Run`."""

    def __init__(self, notebook: Any, folder: Path, work: Path, kernels: Kernels, timeout: float) -> None:
        self._source = self._notebook = notebook
        self._folder, self._work, self._kernels, self._timeout = folder, work, kernels, timeout
        self._client: _Client | None = None

    def run(self, parameters: Mapping[str, Any]) -> Run:
        """Run the notebook; whatever goes wrong in it is its failure, not ours."""
        failure, start = None, time.perf_counter()
        try:
            self._refuse_another_language()
            papermill.execute_notebook(
                self._source, None, parameters=dict(parameters), engine_name="kdelab", kernel_name="python3",
                language="python", progress_bar=False, execution=self,
            )  # fmt: skip
            failure = self._failure(None)
        except (Exception, asyncio.CancelledError) as error:
            failure = self._failure(error)
        seconds = time.perf_counter() - start
        client = self._client
        told, reads = getattr(client, "told", {}), getattr(client, "reads", {})
        return Run(self._notebook, seconds, failure, told.get("versions", inside.versions()), reads)

    def _refuse_another_language(self) -> None:
        language = self._source.metadata.get("kernelspec", {}).get("language", "python")
        if language.lower() != "python":
            raise ValueError(f"it is written for a kernel of {language}; only Python's is run here")

    def __call__(self, manager: Any) -> None:
        """Execute the notebook that papermill has prepared."""
        self._notebook = manager.nb
        work = self._work / f"{threading.get_ident()}-{time.monotonic_ns()}"
        work.mkdir()
        with tempfile.TemporaryDirectory(prefix="kdelab-", ignore_cleanup_errors=True) as sockets:
            self._execute(manager, work, sockets)

    def _execute(self, manager: Any, work: Path, sockets: str) -> None:
        client = self._client = _Client(
            manager, kernel_manager_class=AsyncKernelManager, extra_arguments=["--log-level=CRITICAL"],
            timeout_func=lambda cell: self._timeout, startup_timeout=_STARTUP, iopub_timeout=_STARTUP,
            km=AsyncKernelManager(
                kernel_spec_manager=_ThisInterpreter(), connection_file=str(work / "connection.json"), **_wire(sockets),
            ),
        )  # fmt: skip
        client.kernels = self._kernels
        client.on_cell_start = lambda cell, cell_index: setattr(client, "at", cell_index)
        client.on_cell_executed = _refuse_exit
        try:
            client.execute(cwd=str(self._folder), env=self._environment(work), cleanup_kc=True)
        finally:
            run_sync(_settle)()
            if hasattr(client, "group"):
                self._kernels.end(client.group)

    @staticmethod
    def _environment(work: Path) -> dict[str, str]:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        # A person's own IPython settings and startup files would be part of what runs.
        own = {"PYTHONPATH": path, "IPYTHONDIR": str(work), "PYTHONSTARTUP": ""}
        return {**os.environ, **_QUIET, **own}

    def _failure(self, error: BaseException | None) -> dict[str, str] | None:
        """Say in which cell the run ended before its end, and why."""
        notebook = self._notebook = nbformat.from_dict(self._notebook)
        # Papermill's banners would shift the cells; our page has its own.
        notebook.cells = [cell for cell in notebook.cells if "papermill-error-cell-tag" not in cells.tags(cell)]
        if isinstance(error, _Stopped) and self._client and self._client.at is not None:
            return {"cell": cells.cell_name(notebook, self._client.at), "error": str(error)}
        for index, cell in enumerate(notebook.cells):
            if _papermill(cell).get("status") == "failed":
                raised = [output for output in cell.outputs if output.output_type == "error"]
                message = f"{raised[-1].ename}: {raised[-1].evalue}" if raised else f"{type(error).__name__}: {error}"
                return {"cell": cells.cell_name(notebook, index), "error": strip_ansi(message)[:2000]}
        if error:
            return {"cell": "before its first cell", "error": f"{type(error).__name__}: {error}".strip()[:2000]}
        return None


def _wire(folder: str) -> dict[str, str]:
    """Return how to talk to a kernel: by sockets in a folder, as a port that is free now may soon be taken."""
    place = os.path.join(folder, "s")
    return {"transport": "ipc", "ip": place} if os.name == "posix" and len(os.fsencode(place)) < _SOCKET else {}


def _papermill(cell: Any) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cell.get("metadata", {}).get("papermill", {})
    return found
