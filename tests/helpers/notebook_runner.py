"""Run a notebook's code cells in this process, without a kernel, so that tests can change the library under it."""

import contextlib
import linecache
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import matplotlib
from IPython.display import display

from kdelab.gun.waves import store
from kdelab.report.build import cells
from kdelab.report.build.declarations import declared
from kdelab.report.verdicts import Verdict


def run(path: Path | str, **parameters: Any) -> dict[str, Verdict]:
    """Return the verdicts that the notebook makes with the given parameters, by claim.

    Cells tagged ``explore`` are left out. An unknown parameter is a ValueError; small or made-up worlds may lie outside
    of ranges. Figures are made and thrown away.
    """
    path = Path(path)
    notebook = cells.read(path)
    known = declared(notebook)
    if unknown := parameters.keys() - known.keys():
        raise ValueError(f"parameters: no {', '.join(unknown)} in this notebook")
    given = {name: known[name].value(value) for name, value in parameters.items()}
    matplotlib.use("Agg")
    module = ModuleType("notebook")  # registered, so that dataclasses and numba find what the cells define
    space = module.__dict__
    space["display"] = display
    made: list[Verdict] = []
    before = sys.modules.get("notebook")
    sys.modules["notebook"] = module
    try:
        with contextlib.chdir(path.parent), recording(made), patch.object(store, "_read", _read_once):
            for index, cell in enumerate(notebook.cells):
                if cell.cell_type != "code" or cells.EXPLORE in cells.tags(cell):
                    continue
                name = f"{path.stem}[{index}]"
                linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(keepends=True), name)
                exec(compile(cell.source, name, "exec"), space)
                if cells.PARAMETERS in cells.tags(cell):
                    space.update(given)
    finally:
        sys.modules.pop("notebook")
        if before is not None:
            sys.modules["notebook"] = before
    return {verdict.claim: verdict for verdict in made}


_READ: dict[tuple[Path, int], Any] = {}
_honest_read = store._read


def _read_once(path: Path) -> Any:
    """A table of waves, read and checked once a process: notebooks and wrong libraries without number ask for it."""
    key = path, path.stat().st_mtime_ns if path.exists() else 0
    if key not in _READ:
        _READ[key] = _honest_read(path)
    return _READ[key].copy()


@contextlib.contextmanager
def recording(made: list[Verdict]):
    """Append every verdict that is made to the list."""
    honest = Verdict.__post_init__

    def record(self: Verdict) -> None:
        honest(self)
        made.append(self)

    setattr(Verdict, "__post_init__", record)  # noqa: B010  (a method, to mypy)
    try:
        yield
    finally:
        setattr(Verdict, "__post_init__", honest)  # noqa: B010
