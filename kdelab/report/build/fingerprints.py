"""What a run depends on, as hashes: the notebook, kdelab, the lock, versions, parameters, and the files it reads."""

import ast
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import kdelab
from kdelab.report.build import cells, parameters
from kdelab.report.build.inside import versions
from kdelab.report.build.project import Project, digest_of

RECORD = "kdelab"  # the key of our record in an executed notebook's metadata

# What only draws pages doesn't touch what a notebook computes.
_DRAWN_BY = """
site sources declarations listing observations observe sweeps compare differences index pages figures markup mathml
published record refresh tally verdict_json decoding places headings cards plain docs api autodoc benchmarks search
beside
"""
DRAWING = {
    "report/__main__.py",
    *(f"report/build/{name}.py" for name in _DRAWN_BY.split()),
    *(f"report/explorer/{name}" for name in ("module.py", "explorer.js", "explorer.css")),
}


def digest(*parts: Any) -> str:
    """Return a hash of JSON-like values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def sources(drawing: bool = False) -> dict[str, str]:
    """Return a hash for each of kdelab's files, data included: those that compute, or those that only draw pages."""
    package = Path(kdelab.__file__).parent
    found = {}
    for path in sorted(package.rglob("*")):
        name = path.relative_to(package).as_posix()
        draws = name in DRAWING or name.startswith("report/build/templates/")
        if path.is_file() and path.parent.name != "__pycache__" and draws == drawing:
            found[name] = digest_of(path)
    return found


class Fingerprints:
    """Hashes of all that is known beforehand of what runs depend on; what a project's runs share is read once."""

    def __init__(self, project: Project) -> None:
        self._folder = project.notebooks
        self._shared = digest(sources(), digest_of(project.root / "requirements.lock"), versions())

    def of(self, notebook: Any, given: Mapping[str, Any]) -> str:
        """Return the hash of a run: its source cells, parameters and the files that they name, and what all share."""
        source = [(cell.cell_type, cell.source, sorted(cells.tags(cell))) for cell in notebook.cells]
        return digest(source, self._shared, sourced(given), _named(self._folder, notebook, given))


def sourced(given: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as Python source, which, unlike JSON, has a word for infinity."""
    return {name: repr(value) for name, value in given.items()}


def _named(folder: Path, notebook: Any, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of the files that parameters name, relative to the notebooks' folder."""
    values: dict[str, Any] = {}
    with suppress(ValueError):  # no parameters that can be read: the run will say so
        for name, source in parameters.defaults(notebook).items():
            with suppress(ValueError, SyntaxError):
                values[name] = ast.literal_eval(source)
    found = {}
    for text in _texts({**values, **given}):
        with suppress(OSError, ValueError):
            path = folder / text
            if path.is_file():
                found[text] = digest_of(path)
    return found


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def read_digests(reads: Mapping[str, int]) -> dict[str, str]:
    """Return the hashes of the files that a run has read; empty for one that changed while it ran."""
    found = {}
    for name, changed in reads.items():
        with suppress(OSError):
            found[name] = digest_of(Path(name)) if Path(name).stat().st_mtime_ns == changed else ""
    return found


def unchanged(record: Mapping[str, Any], key: str) -> bool:
    """Whether what a recorded run depended on is still the same."""
    reads = record.get("reads", {})
    return record.get("key") == key and all(made and digest_of(Path(name)) == made for name, made in reads.items())


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


def refuse_another_kdelab(project: Project) -> None:
    """Raise ValueError where the project has its own kdelab and another one runs: pages would name the wrong one."""
    own = project.root / "kdelab" / "__init__.py"
    running = Path(kdelab.__file__)
    if own.exists() and not own.samefile(running):
        raise ValueError(f"kdelab: {running.parent} runs, but {project.root} has its own; run it from there")
