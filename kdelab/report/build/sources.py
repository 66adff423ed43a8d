"""What pages are made of: notebooks as they stand in notebooks/, and what is kept of their runs in reports/."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdelab.report.build import cells
from kdelab.report.build.cells import NotebookFile
from kdelab.report.build.client import Run
from kdelab.report.build.fingerprints import RECORD, commit, read_digests, sourced
from kdelab.report.build.pages import Page, failure_of
from kdelab.report.build.project import Made, Project
from kdelab.report.build.runs import Job


@dataclass(frozen=True)
class Source:
    """A notebook's source; None, and why, where it can't be read."""

    path: Path
    notebook: Any = None
    problem: str = ""

    @classmethod
    def of(cls, path: Path) -> "Source":
        """Return what the file holds."""
        file = NotebookFile.read(path)
        return cls(path, file.notebook, file.problem)

    def page(self, run: NotebookFile | None) -> Page:
        """Return the page of its last run; None if there is none."""
        stem = self.path.stem
        if self.notebook is None:
            failure = failure_of(f"its file, {self.path.parent.name}/{self.path.name}", self.problem)
            return Page(stem, stem, stem, failure=failure)
        title = cells.title(self.notebook, stem)
        return Page.of(stem, stem, title, run) if run else Page(stem, stem, title)


def listed(project: Project) -> list[Source]:
    """Return all numbered notebooks; ValueError if there are none."""
    return [Source.of(path) for path in cells.chosen(project.notebooks, ())]


def chosen(sources: Iterable[Source], name: str) -> Source:
    """Return the one notebook of that stem or number.

    Raises
    ------
    ValueError
        If there is none, or more than one, or it can't be read.
    """
    all_of_them = list(sources)
    found = [source for source in all_of_them if Path(name).name.removesuffix(".ipynb") in _names(source)]
    if not found:
        raise ValueError(f"notebook: {name!r} given, there are {', '.join(s.path.stem for s in all_of_them) or 'none'}")
    if len(found) > 1:
        raise ValueError(f"notebook: {name!r} given, which fits {' and '.join(source.path.stem for source in found)}")
    if found[0].notebook is None:
        raise ValueError(f"{found[0].path.name}: {found[0].problem}")
    return found[0]


def _names(source: Source) -> tuple[str, str]:
    return source.path.stem, source.path.stem[:2]


def whole_run(made: Made, stem: str) -> NotebookFile | None:
    """Return the last run of a notebook; None if there was none, or its file isn't what was written."""
    name = f"{stem}.ipynb"
    content = made.content(name)
    return None if content is None else NotebookFile.of(made.folder / name, content)


def run_of(project: Project, stem: str) -> NotebookFile | None:
    """Return the last run of a notebook, whoever wrote its file; None if there is none."""
    path = project.reports / f"{stem}.ipynb"
    return NotebookFile.read(path) if path.exists() else None


def keep(project: Project, made: Made, job: Job, run: Run, name: str) -> Page:
    """Write the executed notebook, with a record of how it came about; return its page."""
    notebook = cells.tidy(run.notebook, drawn=True)
    notebook.metadata[RECORD] = {
        "notebook": job.path.stem,
        "key": job.key,
        "reads": read_digests(run.reads),
        **commit(project.root),
        "versions": run.versions,
        "seconds": run.seconds,
        "given": sourced(job.parameters),
        "failure": run.failure,
    }
    content = cells.content(notebook)
    made.write(f"{name}.ipynb", content)
    return Page.of(name, job.path.stem, job.path.stem, NotebookFile.of(made.folder / f"{name}.ipynb", content))
