"""Runs with other parameters: one of them, or every combination in a grid, of which only what is missing is run."""

from collections.abc import Iterable, Mapping, Sequence

from kdelab.report.build import declarations, observations, sources
from kdelab.report.build.client import TIMEOUT
from kdelab.report.build.fingerprints import Fingerprints, refuse_another_kdelab
from kdelab.report.build.pages import Page, write_page
from kdelab.report.build.project import Made, Project
from kdelab.report.build.runs import Job, running
from kdelab.report.build.site import line, link
from kdelab.report.build.sources import Source
from kdelab.report.build.sweeps import STANDARD, Sweep


def observe(project: Project, name: str, asked: Mapping[str, str], timeout: float = TIMEOUT) -> list[str]:
    """Run one notebook with other parameters, and keep page and notebook apart, as an observation.

    Raises
    ------
    ValueError
        If there is no such notebook, it can't be read, no parameter is given, or one that isn't declared or allowed.
    """
    refuse_another_kdelab(project)
    found = sources.listed(project)
    source = sources.chosen(found, name)
    if not asked:
        raise ValueError(f"{source.path.stem}: no NAME=VALUE given; without any notebook all pages are built")
    values = declarations.checked(source.notebook, asked, project.notebooks)
    made, fingerprints = Made(project.reports), Fingerprints(project)
    job = Job(source.path, source.notebook, values, fingerprints.of(source.notebook, values))
    (page,) = _kept(project, made, [job], "observation", timeout)
    link(project, made, fingerprints, found)
    print(f"an observation, not a published verdict: {project.reports / page.name}.html")
    return [line(page)] if page.failure else []


def sweep(project: Project, name: str | None, asked: Mapping[str, str], timeout: float = TIMEOUT) -> list[str]:
    """Run a notebook with every combination of some values, two at a time, and draw a page of the verdicts.

    Each run is kept as it ends; what has been run and hasn't changed since isn't run again.

    Parameters
    ----------
    name
        Stem or number of the notebook; all that have a standard sweep if it is None.
    asked
        For each parameter its values, with commas between them; none for the standard sweep.

    Raises
    ------
    ValueError
        As of `observe`, before anything runs.
    """
    refuse_another_kdelab(project)
    found = sources.listed(project)
    known = [source for source in found if source.path.stem[:2] in STANDARD]
    chosen = known if name is None else [sources.chosen(found, name)]
    if not chosen:
        raise ValueError(f"sweep: no notebook here has a standard sweep; {', '.join(STANDARD)} would")
    grids = [Sweep.of(source, asked or STANDARD.get(source.path.stem[:2], {}), project.notebooks) for source in chosen]
    wrong = []
    for one in grids:
        wrong += _swept(project, found, one, timeout)
    return wrong


def _swept(project: Project, found: Sequence[Source], one: Sweep, timeout: float) -> list[str]:
    made, fingerprints = Made(project.reports), Fingerprints(project)
    made.write(f"{one.name}.json", one.content())
    jobs = []
    wanted = list(one.cells())
    for values in wanted:
        path = project.reports / f"{observations.name_of(one.source.path.stem, values)}.ipynb"
        page = observations.page_of(made, fingerprints, path, found) if path.exists() else None
        if page is None or page.ran is None or page.failure or page.stale:
            key = fingerprints.of(one.source.notebook, values)
            jobs.append(Job(one.source.path, one.source.notebook, values, key))
    try:
        pages = list(_kept(project, made, jobs, f"sweep of {one.source.path.stem[:2]}", timeout))
    finally:
        link(project, made, fingerprints, found)
    there = len(wanted) - len(jobs)
    print(f"{len(jobs)} of {len(wanted)} runs made, {there} were there: {project.reports / one.name}.html")
    return [line(page) for page in pages if page.failure]


def _kept(project: Project, made: Made, jobs: Sequence[Job], doing: str, timeout: float) -> Iterable[Page]:
    """Run notebooks; keep each run and draw its page as it ends."""
    with running(project, jobs, doing, timeout=timeout) as runs:
        for job, run in runs:
            name = observations.name_of(job.path.stem, job.parameters)
            yield write_page(made, sources.keep(project, made, job, run, name), {})[0]
