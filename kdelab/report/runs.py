"""Runs of notebooks with papermill: two at a time, each in a kernel of its own, and what each depends on."""

import hashlib
import json
import multiprocessing
import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from tqdm import tqdm

import kdelab
from kdelab.report import cells

RECORD = "kdelab"  # the key of our record in an executed notebook's metadata
AT_ONCE = 2
PACKAGES = ("numpy", "scipy", "numba", "pandas", "pyarrow", "scikit-learn", "matplotlib", "seaborn")

# One thread each: two runs share the machine, and sums in a fixed order give the same digits every time.
_QUIET = {
    "NUMBA_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
# What only draws pages doesn't touch what a notebook computes.
_DRAWING = {"report/site.py", "report/mathml.py", "report/published.py", "report/__main__.py"}


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


@dataclass(frozen=True)
class Run:
    """One execution of one notebook.

    ``failure`` is None, or says in which cell it failed and why; the notebook then holds what came before.
    """

    notebook: Any
    seconds: float
    failure: dict[str, str] | None = None


@dataclass(frozen=True)
class Job:
    """A notebook to be run, with parameters that replace its defaults, and the fingerprint of it all."""

    path: Path
    parameters: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""


def write(path: Path, content: str | bytes) -> None:
    """Write a file beside and move it into place, so that nobody ever sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    if isinstance(content, str):
        beside.write_text(content, encoding="utf-8")
    else:
        beside.write_bytes(content)
    os.replace(beside, path)


def digest(*parts: Any) -> str:
    """Return a hash of JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of Python, kdelab and what it computes with."""
    found = {"python": platform.python_version(), "kdelab": kdelab.__version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found


def sources(drawing: bool = False) -> dict[str, str]:
    """Return a hash for each of kdelab's files, data included: those that compute, or those that only draw pages."""
    package = Path(kdelab.__file__).parent
    found = {}
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        draws = name in _DRAWING or name.startswith("report/templates/")
        if path.is_file() and path.parent.name != "__pycache__" and draws == drawing:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def fingerprint(project: Project, notebook: Any, parameters: Mapping[str, Any]) -> str:
    """Return a hash of all that a run depends on: source cells, kdelab and its data, lock, versions, parameters."""
    source = [(cell.cell_type, cell.source, sorted(cells.tags(cell))) for cell in notebook.cells]
    lock = project.root / "requirements.lock"
    locked = lock.read_text() if lock.exists() else ""
    return digest(source, sources(), locked, versions(), dict(parameters))


def commit(root: Path) -> dict[str, Any]:
    """Return commit and dirty flag of the work tree; both are None outside of one."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return done.stdout.strip()

    head, changed = git("rev-parse", "--short=10", "HEAD"), git("status", "--porcelain")
    return {"commit": head, "dirty": None if changed is None else bool(changed)}


def run_all(jobs: Iterable[Job], doing: str, first: Callable[[Job], Any] | None = None) -> Iterator[tuple[Job, Run]]:
    """Run notebooks two at a time under a progress bar, and yield each as it finishes.

    Parameters
    ----------
    jobs
        What to run.
    doing
        Label of the progress bar.
    first
        Priority: jobs with larger values start earlier, so that a long one isn't the last to start.
    """
    waiting = sorted(jobs, key=first, reverse=True) if first else list(jobs)
    if not waiting:
        return
    os.environ.update(_QUIET)  # kernels inherit it
    spawn = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(min(AT_ONCE, len(waiting)), mp_context=spawn) as pool,
        tqdm(total=len(waiting), desc=doing, unit="notebook") as bar,
    ):
        futures = {pool.submit(_execute, str(job.path), dict(job.parameters)): job for job in waiting}
        for future in as_completed(futures):
            job = futures[future]
            text, seconds, failure = future.result()
            bar.set_postfix_str(f"{job.path.stem} {seconds:.0f} s", refresh=False)
            bar.update()
            yield job, Run(nbformat.reads(text, as_version=4), seconds, failure)


def _execute(path: str, parameters: dict[str, Any]) -> tuple[str, float, dict[str, str] | None]:
    """Run one notebook (in a process of its own) and return it with its time and, if it failed, where and why."""
    import warnings

    import papermill

    warnings.filterwarnings("ignore")  # papermill's and zmq's own, about versions: a kernel's warnings are its output
    source = cells.without_explorer(cells.read(Path(path)))
    failure = None
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "ran.ipynb"
        try:
            papermill.execute_notebook(
                source, target, parameters=parameters, kernel_name="python3", cwd=Path(path).parent,
                progress_bar=False, extra_arguments=["--log-level=CRITICAL"],  # the kernel's own talk, not its outputs
            )  # fmt: skip
        except Exception as error:  # whatever goes wrong in a notebook is that notebook's failure, not ours
            failure = {"cell": "before its first cell", "error": f"{type(error).__name__}: {error}".strip()[:2000]}
        seconds = time.perf_counter() - start
        ran = cells.read(target) if target.exists() else source
    # Papermill's banners would shift the cells; our page has its own.
    ran.cells = [cell for cell in ran.cells if "papermill-error-cell-tag" not in cells.tags(cell)]
    if failure:
        index, message = _failing_cell(ran)
        if index is not None:
            failure = {"cell": cells.cell_name(ran, index), "error": message or failure["error"]}
    return nbformat.writes(ran), seconds, failure


def _failing_cell(notebook: Any) -> tuple[int | None, str]:
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error" and "raises-exception" not in cells.tags(cell):
                return index, f"{output.ename}: {output.evalue}"
        if cell.get("metadata", {}).get("papermill", {}).get("status") in ("running", "failed"):
            return index, ""
    return None, ""
