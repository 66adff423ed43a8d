"""The site: which notebooks are run again, and what is kept of their runs; whatever is damaged fails by its name."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from kdelab.report.build import beside, figures, observations, record, sources, sweeps
from kdelab.report.build.client import TIMEOUT
from kdelab.report.build.fingerprints import Fingerprints, refuse_another_kdelab, unchanged
from kdelab.report.build.index import write_explorer, write_index, write_thread
from kdelab.report.build.pages import Page, write_page
from kdelab.report.build.project import Made, Project
from kdelab.report.build.runs import Job, running
from kdelab.report.build.sources import Source
from kdelab.report.build.verdict_json import Summary, summary


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
    found = sources.listed(project)
    made, fingerprints = Made(project.reports), Fingerprints(project)
    before = [source.page(sources.whole_run(made, source.path.stem)) for source in found]
    jobs = _jobs(fingerprints, found, before)
    pages = _run(project, made, jobs, before, timeout)
    _drop_stale(made, {page.name for page in pages}, beside.files(project, pages))
    observed = [observations.page_of(made, fingerprints, path, found) for path in observations.listed(project)]
    known, wrong = _published(project)
    drawn = [write_page(made, page, known, *others) for page, *others in _with_neighbours(pages)]
    drawn_too = [observations.draw(made, page) for page in observed]
    written = [page.name for page, new in [*drawn, *drawn_too] if new]
    pages, observed = [page for page, _ in drawn], [page for page, _ in drawn_too]
    written += ["thread"] * write_thread(made, pages) + ["explorer"] * write_explorer(made)
    written += _link(made, found, pages, observed, (known, wrong))
    more, failed = beside.write(project, made, pages)
    written, wrong = written + more, wrong + failed
    if jobs or written:
        print(f"{len(jobs)} of {len(found)} notebooks run, written: {', '.join(written) or 'nothing'}")
    else:
        print("nothing changed since the last run")
    print(f"open {project.reports / 'index.html'}")
    for told in (told for page in pages for told in page.rows(known) if told["published"]):
        print(f"differs from the published verdict: {told['id']}: {told['now']}; published: {told['published']}")
    lost = [page for page in observed if page.ran is None]
    return [*wrong, *(line(page) for page in [*pages, *lost] if page.failure)]


def link(project: Project, made: Made, fingerprints: Fingerprints, found: Sequence[Source]) -> None:
    """Write the pages of sweeps, and the index if all notebooks have been run, with the observations there are now."""
    pages = [source.page(sources.run_of(project, source.path.stem)) for source in found]
    observed = [observations.page_of(made, fingerprints, path, found) for path in observations.listed(project)]
    _link(made, found, pages, observed, _published(project))


def _link(
    made: Made,
    found: Sequence[Source],
    pages: list[Page],
    observed: Sequence[Page],
    published: tuple[dict[str, Summary], list[str]],
) -> list[str]:
    """Write what leads to observations; return the names of what was written."""
    by_name = {page.name: page for page in observed}
    swept, told, written = set(), [], []
    for sweep in sweeps.known(made, found):
        names = {observations.name_of(sweep.source.path.stem, given) for given in sweep.cells()}
        its = {name: by_name[name] for name in sorted(names & by_name.keys())}
        told.append(sweeps.told(sweep, its))
        written += [sweep.name] * sweeps.write(made, told[-1])
        swept |= names
    alone = [page for page in observed if page.name not in swept]
    if all(page.ran is not None or page.failure for page in pages):
        written += ["index"] * write_index(made, pages, alone, told, *published)
    return written


def line(page: Page) -> str:
    """Return what went wrong in a run; an empty string if nothing did."""
    return f"{page.name} failed, {page.failure['cell']}: {page.failure['error']}" if page.failure else ""


def _jobs(fingerprints: Fingerprints, found: Sequence[Source], pages: Sequence[Page]) -> list[Job]:
    """Return what has to be run: what hasn't been, has failed, or would come out differently by now."""
    jobs = []
    for source, page in zip(found, pages, strict=True):
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
                pages[stem] = sources.keep(project, made, job, run, stem)
            except Exception as error:
                pages[stem] = pages[stem].failed("keeping its run", error)
    return list(pages.values())


def _drop_stale(made: Made, stems: set[str], kept: set[str]) -> None:
    """Remove what was made of notebooks that are gone, and pages of observations and sweeps that are."""
    for name in set(made.names()) - kept:
        path = Path(figures.page_of(name) or name)
        of = (made.folder / path).with_suffix(".json" if path.parent.name == sweeps.FOLDER else ".ipynb")
        alone = path.parent != Path() and not of.exists()
        if alone or (path.parent == Path() and path.stem not in {*stems, "index", "thread", "compare", "explorer"}):
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
