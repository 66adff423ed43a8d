"""The site: which notebooks are run again, and what is kept of their runs; whatever is damaged fails by its name."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kdelab.report.build import beside, cells, figures, parameters, record
from kdelab.report.build.cells import NotebookFile
from kdelab.report.build.client import TIMEOUT, Run
from kdelab.report.build.fingerprints import (
    RECORD,
    Fingerprints,
    commit,
    digest,
    read_digests,
    refuse_another_kdelab,
    sourced,
    unchanged,
)  # fmt: skip
from kdelab.report.build.index import write_index, write_thread
from kdelab.report.build.pages import Page, failure_of, write_page
from kdelab.report.build.project import Made, Project
from kdelab.report.build.runs import Job, running
from kdelab.report.build.verdict_json import Summary, summary


@dataclass(frozen=True)
class _Source:
    """A notebook's source, without its explorer; None, and why, where it can't be read."""

    path: Path
    notebook: Any = None
    problem: str = ""

    @classmethod
    def of(cls, path: Path) -> "_Source":
        file = NotebookFile.read(path)
        return cls(path, cells.without_explorer(file.notebook) if file.notebook is not None else None, file.problem)

    def page(self, run: NotebookFile | None) -> Page:
        """Return the page of its last run; None if there is none."""
        stem = self.path.stem
        if self.notebook is None:
            failure = failure_of(f"its file, {self.path.parent.name}/{self.path.name}", self.problem)
            return Page(stem, stem, stem, failure=failure)
        title = cells.title(self.notebook, stem)
        return Page.of(stem, stem, title, run) if run else Page(stem, stem, title)


def build(project: Project, timeout: float = TIMEOUT) -> list[str]:
    """Run the notebooks that changed, write their pages and the index, and say what was done.

    Each file is read once. Returns what went wrong, a line each; verdicts that differ from the published ones are told,
    but are no failure.

    Raises
    ------
    ValueError
        If there are no notebooks, or the project has a kdelab of its own and another one runs.
    """
    refuse_another_kdelab(project)
    sources = [_Source.of(path) for path in cells.chosen(project.notebooks, ())]
    made, fingerprints = Made(project.reports), Fingerprints(project)
    before = [source.page(_whole_run(made, source.path.stem)) for source in sources]
    jobs = _jobs(fingerprints, sources, before)
    pages = _run(project, made, jobs, before, timeout)
    _drop_stale(made, {page.name for page in pages}, beside.files(project, pages))
    observations = [_observation(made, fingerprints, path, sources) for path in _observed(project)]
    known, wrong = _published(project)
    drawn = [write_page(made, page, known, *beside) for page, *beside in _with_neighbours(pages)]
    observed = [_drawn_if_ours(made, page) for page in observations]
    written = [page.name for page, new in [*drawn, *observed] if new]
    pages, observations = [page for page, _ in drawn], [page for page, _ in observed]
    written += ["thread"] * write_thread(made, pages)
    written += ["index"] * write_index(made, pages, observations, known, wrong)
    more, failed = beside.write(project, made, pages)
    written, wrong = written + more, wrong + failed
    if jobs or written:
        print(f"{len(jobs)} of {len(sources)} notebooks run, written: {', '.join(written) or 'nothing'}")
    else:
        print("nothing changed since the last run")
    print(f"open {project.reports / 'index.html'}")
    for told in (told for page in pages for told in page.rows(known) if told["published"]):
        print(f"differs from the published verdict: {told['id']}: {told['now']}; published: {told['published']}")
    lost = [page for page in observations if page.ran is None]
    return [*wrong, *(_line(page) for page in [*pages, *lost] if page.failure)]


def observe(project: Project, name: str, given: Mapping[str, Any], timeout: float = TIMEOUT) -> list[str]:
    """Run one notebook with other parameters, and keep page and notebook apart, as an observation.

    Raises
    ------
    ValueError
        If there is no such notebook, it can't be read, no parameter is given, or the notebook doesn't have it.
    """
    refuse_another_kdelab(project)
    path, *others = cells.chosen(project.notebooks, [name])
    if others:
        raise ValueError(f"notebook: {name!r} given, which fits {path.stem} and {', '.join(o.stem for o in others)}")
    if not given:
        raise ValueError("--parameters: none given; without any, `site` builds all pages")
    sources = {other: _Source.of(other) for other in cells.listed(project.notebooks)}
    if sources[path].notebook is None:
        raise ValueError(f"{path.name}: {sources[path].problem}")
    values = parameters.checked(sources[path].notebook, given)
    target = f"{project.observations.name}/{path.stem}-{digest(sourced(values))[:10]}"
    made, fingerprints = Made(project.reports), Fingerprints(project)
    job = Job(path, sources[path].notebook, values, fingerprints.of(sources[path].notebook, values))
    with running(project, [job], "observation", timeout=timeout) as runs:
        (page,) = (_keep(project, made, job, run, target) for _, run in runs)
    page, _ = write_page(made, page, {})
    pages = [source.page(_run_of(project, source.path.stem)) for source in sources.values()]
    if all(other.ran is not None for other in pages):
        observations = [
            page if other.stem == Path(target).name else _observation(made, fingerprints, other, list(sources.values()))
            for other in _observed(project)
        ]
        write_index(made, pages, observations, *_published(project))
    print(f"an observation, not a published verdict: {project.reports / target}.html")
    return [_line(page)] if page.failure else []


def _line(page: Page) -> str:
    return f"{page.name} failed, {page.failure['cell']}: {page.failure['error']}" if page.failure else ""


def _drawn_if_ours(made: Made, page: Page) -> tuple[Page, bool]:
    """Write the page of an observation; not of what somebody has put beside them."""
    ours = page.ran is not None or made.listed(f"{page.name}.html")
    return write_page(made, page, {}) if ours else (page, False)


def _whole_run(made: Made, stem: str) -> NotebookFile | None:
    """Return the last run of a notebook; None if there was none, or its file isn't what was written."""
    name = f"{stem}.ipynb"
    content = made.content(name)
    return None if content is None else NotebookFile.of(made.folder / name, content)


def _run_of(project: Project, stem: str) -> NotebookFile | None:
    path = project.reports / f"{stem}.ipynb"
    return NotebookFile.read(path) if path.exists() else None


def _jobs(fingerprints: Fingerprints, sources: Sequence[_Source], pages: Sequence[Page]) -> list[Job]:
    """Return what has to be run: what hasn't been, has failed, or would come out differently by now."""
    jobs = []
    for source, page in zip(sources, pages, strict=True):
        if source.notebook is not None:
            key = fingerprints.of(source.notebook, {})
            if page.ran is None or page.failure or not unchanged(page.record, key):
                jobs.append(Job(source.path, source.notebook, key=key))
    return jobs


def _run(project: Project, made: Made, jobs: Sequence[Job], before: Sequence[Page], timeout: float) -> list[Page]:
    """Run what has to be, keep it, and return the pages as they are now."""
    pages = {page.name: page for page in before}
    # Longest first, as far as known; else from the back, where the longer ones tend to stand.
    order = {page.name: (page.record.get("seconds", 0.0), i) for i, page in enumerate(before)}
    with running(project, jobs, "reports", lambda job: order[job.path.stem], timeout) as runs:
        for job, run in runs:
            stem = job.path.stem
            try:
                pages[stem] = _keep(project, made, job, run, stem)
            except Exception as error:
                pages[stem] = pages[stem].failed("keeping its run", error)
    return list(pages.values())


def _keep(project: Project, made: Made, job: Job, run: Run, name: str) -> Page:
    """Write the executed notebook, with a record of how it came about; return its page."""
    notebook = cells.tidy(run.notebook)
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


def _drop_stale(made: Made, stems: set[str], kept: set[str]) -> None:
    """Remove what was made of notebooks that are gone, and pages of observations that are."""
    for name in set(made.names()) - kept:
        path = Path(figures.page_of(name) or name)
        alone = path.parent != Path() and not (made.folder / path).with_suffix(".ipynb").exists()
        if alone or (path.parent == Path() and path.stem not in {*stems, "index", "thread"}):
            made.drop(name)


def _published(project: Project) -> tuple[dict[str, Summary], list[str]]:
    """Return what the record says of each claim, and what is wrong with the record."""
    try:
        verdicts = record.verdicts(record.content(project))
    except ValueError as error:
        return {}, [str(error)]
    return {claim: summary(verdict) for claim, verdict in verdicts.items()}, []


def _with_neighbours(pages: Sequence[Page]) -> Iterable[tuple[Page, Page | None, Page | None]]:
    return zip(pages, [None, *pages[:-1]], [*pages[1:], None], strict=True)


def _observed(project: Project) -> list[Path]:
    return sorted(project.observations.glob("*.ipynb"))


def _observation(made: Made, fingerprints: Fingerprints, path: Path, sources: Iterable[_Source]) -> Page:
    """Return the page of an observation, marked as stale if a run would differ by now."""
    name = f"{path.parent.name}/{path.stem}"
    file = NotebookFile.read(path)
    if made.listed(f"{name}.ipynb") and not made.whole(f"{name}.ipynb", file.content):
        where = f"its run, reports/{name}.ipynb"
        why = "truncated or edited since it was made; remove it, or make the observation again"
        return Page(name, path.stem, path.stem, failure=failure_of(where, why))
    page = Page.of(name, path.stem, path.stem, file)
    if page.ran is None:
        return page
    stem = page.record.get("notebook", "")
    page = replace(page, notebook=stem)
    source = next((source for source in sources if source.path.stem == stem), None)
    if source is None or source.notebook is None:
        return replace(page, stale="its notebook is gone, or can't be read.")
    try:
        values = {name: parameters.parsed(text) for name, text in page.given.items()}
        if unchanged(page.record, fingerprints.of(source.notebook, values)):
            return page
    except (ValueError, AttributeError):
        pass  # another version's record
    asked = " ".join(shlex.quote(f"{name}={text}") for name, text in page.given.items())
    again = f"python -m kdelab.report site {stem[:2]} --parameters {asked}"
    return replace(page, stale=f"the notebook, kdelab, or the data it reads have changed since. Again: {again}")
