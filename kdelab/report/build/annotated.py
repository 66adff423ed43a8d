"""The thread, annotated with what is published: notebook 00 shows it; the site's own page is drawn from fresh runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from kdelab.report.build import cells, record
from kdelab.report.build.project import Project
from kdelab.report.thread import MIME, AnnotatedThread


def published_thread(root: str | Path = "..") -> AnnotatedThread:
    """Return the thread with the published verdicts, to be displayed.

    Parameters
    ----------
    root
        The project's folder, which holds ``reports/verdicts.json``. Without that file all claims are open.

    Raises
    ------
    ValueError
        If the record is damaged.
    """
    return _annotated(record.verdicts(record.content(Project(Path(root)))))


def outdated(files: Iterable[cells.NotebookFile], published: record.Verdicts) -> Iterator[Path]:
    """Yield the notebooks whose outputs show the thread with other verdicts than these."""
    now = _annotated(published).posts
    for file in files:
        shown = [output.data[MIME] for _, output in cells.outputs(file.notebook) if MIME in output.get("data", {})]
        if any(annotated != {"posts": now} for annotated in shown):
            yield file.path


def _annotated(verdicts: record.Verdicts) -> AnnotatedThread:
    return AnnotatedThread({claim: verdict["status"] for claim, verdict in verdicts.items()})
