"""Two builds, or two commits, compared: on a page, reports/compare.html, and in the terminal."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kdelab.report.build import cells
from kdelab.report.build.cells import NotebookFile
from kdelab.report.build.differences import VISIBLE, Difference, difference
from kdelab.report.build.plain import rendered
from kdelab.report.build.project import Made, Project


def compare(project: Project, before: str, after: str) -> list[Difference]:
    """Return what differs between two sides, each a folder of executed notebooks or a commit; write and print it.

    Raises
    ------
    ValueError
        If a side is neither, or has no numbered notebooks, or one of them can't be read.
    """
    sides = [_notebooks(project, side) for side in (before, after)]
    stems = sorted({**sides[0], **sides[1]})
    found = [difference(stem, *(side.get(stem) for side in sides)) for stem in stems]
    differing = [one for one in found if one]
    said = f"{len(differing) or 'none'} of {len(stems)} notebooks differ{_counted(differing)}"
    context = {"before": before, "after": after, "differing": differing, "said": said, "visible": VISIBLE}
    made = Made(project.reports)
    made.write("compare.html", rendered(made, "compare.html", "compare.html.j2", "compare", context))
    for one in differing:
        print(f"{one.stem}")
        for line in one.lines():
            print(f"  {' '.join(line.split())}")
    print(f"{said}: {project.reports / 'compare.html'}")
    return differing


def _counted(differing: list[Difference]) -> str:
    kinds = ("verdicts", "numbers", "texts", "figures", "sources")
    counts = {kind: sum(len(getattr(one, kind)) for one in differing) for kind in kinds}
    found = ", ".join(f"{kind} {count}" for kind, count in counts.items() if count)
    return f" ({found})" if found else ""


def _notebooks(project: Project, side: str) -> Mapping[str, Any]:
    """Return the executed notebooks of one side, by stem, without what differs between any two runs."""
    folder = Path(side)
    files = [NotebookFile.read(path) for path in cells.listed(folder)] if folder.is_dir() else _committed(project, side)
    if not files:
        raise ValueError(f"compare: {side!r} given, in which there are no numbered notebooks")
    return {file.path.stem: cells.tidy(file.found()) for file in files}


def _committed(project: Project, commit: str) -> list[NotebookFile]:
    try:
        _git(project, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    except (OSError, subprocess.CalledProcessError):
        raise ValueError(f"compare: {commit!r} given, wanted is a folder of executed notebooks, or a commit") from None
    listed = _git(project, "ls-tree", "-z", "--name-only", f"{commit}:./notebooks").decode().split("\0")
    paths = [path for path in map(Path, listed) if path.match("[0-9][0-9]-*.ipynb")]
    return [NotebookFile.of(path, _git(project, "show", f"{commit}:./notebooks/{path}")) for path in paths]


def _git(project: Project, *arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=project.root, capture_output=True, check=True).stdout
