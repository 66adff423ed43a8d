"""The outputs committed in notebooks/: run again with the default parameters, kept, and published."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from kdelab.report.build import cells, record
from kdelab.report.build.annotated import outdated
from kdelab.report.build.cells import NotebookFile, tidy
from kdelab.report.build.client import TIMEOUT, Run
from kdelab.report.build.fingerprints import refuse_another_kdelab
from kdelab.report.build.project import Project, write
from kdelab.report.build.published import publish
from kdelab.report.build.runs import Job, running
from kdelab.report.claims import of_notebook


def refresh(project: Project, names: Iterable[str] = (), timeout: float = TIMEOUT) -> list[str]:
    """Run notebooks with their default parameters, keep their outputs in them, and publish the verdicts.

    What judges nothing runs last, as it may show what has been published; so does what shows other verdicts by then. A
    notebook that fails, or writes to stderr, keeps its old outputs. Returns what went wrong, a line each.
    """
    refuse_another_kdelab(project)
    chosen = cells.chosen(project.notebooks, names)
    files = {path: NotebookFile.read(path) for path in cells.listed(project.notebooks)}
    wrong = [f"{path.name}: {files[path].problem}" for path in chosen if files[path].notebook is None]
    last = [path for path in chosen if not of_notebook(path.stem)]
    wrong += _run(project, [path for path in chosen if path not in last], files, timeout)
    try:
        publish(project, files.values())
        last += [path for path in outdated(files.values(), record.measured(files.values())) if path not in last]
    except (ValueError, OSError) as error:
        wrong.append(f"the published verdicts are as they were: {error}")
    return wrong + _run(project, last, files, timeout)


def _run(project: Project, paths: Sequence[Path], files: dict[Path, NotebookFile], timeout: float) -> list[str]:
    """Run notebooks, keep their outputs in them and in `files`; return what went wrong."""
    wrong = []
    # tidy: every cell has an id of its own
    jobs = [Job(path, tidy(files[path].notebook)) for path in paths if files[path].notebook is not None]
    with running(project, jobs, "notebooks", timeout=timeout) as runs:
        for job, run in runs:
            files[job.path], problem = _kept(job, run, files[job.path])
            wrong += [f"{job.path.stem}: {problem}"] if problem else []
    return wrong


def _kept(job: Job, run: Run, file: NotebookFile) -> tuple[NotebookFile, str]:
    """Write a run's outputs into its notebook; return the file as it is now, and why it could not be written."""
    if problem := _unfit(run):
        return file, problem
    now = NotebookFile.read(job.path)  # once more, just before it is written over
    if now.notebook is None or tidy(now.notebook) != job.notebook:
        return now, "its file changed while it ran, and was left alone"
    ran = {cell.id: cell for cell in run.notebook.cells}
    for cell in job.notebook.cells:
        if cell.cell_type == "code" and cell.id in ran:
            cell.outputs, cell.execution_count = ran[cell.id].outputs, ran[cell.id].execution_count
    content = cells.content(tidy(job.notebook))
    write(job.path, content)
    return NotebookFile.of(job.path, content), ""


def _unfit(run: Run) -> str:
    """Return why a run's outputs can't be published, or an empty string."""
    if run.failure:
        return f"{run.failure['cell']}: {run.failure['error']}"
    cut = cells.cut(run.notebook)
    return f"{cut[0]} shows too much: some of it was left out" if cut else cells.stderr_of(run.notebook)
