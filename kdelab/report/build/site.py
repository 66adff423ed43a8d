"""The site: what is run again, and the index of all claims over the pages; whatever is damaged fails by its name."""

import base64
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import nbformat

from kdelab.report.build import cells, parameters
from kdelab.report.build.client import TIMEOUT, Run
from kdelab.report.build.fingerprints import (
    RECORD,
    commit,
    digest,
    fingerprint,
    read_digests,
    refuse_another_kdelab,
    sourced,
    sources,
    unchanged,
)  # fmt: skip
from kdelab.report.build.markup import index_environment
from kdelab.report.build.pages import Failure, Page, Summary, drawn, failure_of, row, style, write_page
from kdelab.report.build.project import Made, Project
from kdelab.report.build.published import chosen, recorded
from kdelab.report.build.runs import Job, running
from kdelab.report.claims import CLAIMS, THREAD, of_notebook
from kdelab.report.verdicts import SYMBOLS

_THUMBNAIL = 360  # pixels across; shown at half of that


@dataclass(frozen=True)
class _Source:
    """A notebook's source, without its explorer, or why it can't be read."""

    path: Path
    notebook: Any = None
    problem: Failure | None = None

    @classmethod
    def of(cls, path: Path) -> "_Source":
        try:
            return cls(path, cells.without_explorer(cells.read(path)))
        except ValueError as error:
            why = str(error).removeprefix(f"{path.name}: ")
            return cls(path, problem=failure_of(f"its file, {path.parent.name}/{path.name}", why))


def build(project: Project, timeout: float = TIMEOUT) -> list[str]:
    """Run the notebooks that changed, write their pages and the index, and say what was done.

    Returns what went wrong, a line each; verdicts that differ from the published ones are told, but are no failure.

    Raises
    ------
    ValueError
        If there are no notebooks, or the project has a kdelab of its own and another one runs.
    """
    refuse_another_kdelab(project)
    given = [_Source.of(path) for path in chosen(project, ())]
    made = Made(project.reports)
    records = {source.path.stem: _record_of(made, source.path.stem) for source in given}
    jobs = []
    for source in given:
        if source.notebook is not None:
            key, record = fingerprint(project, source.notebook, {}), records[source.path.stem]
            if record.get("failure") or not unchanged(record, key):
                jobs.append(Job(source.path, source.notebook, key=key))
    # Longest first, as far as known; else from the back, where the longer ones tend to stand.
    order = {source.path.stem: (records[source.path.stem].get("seconds", 0.0), i) for i, source in enumerate(given)}
    problems = {source.path.stem: source.problem for source in given if source.problem}
    with running(project, jobs, "reports", lambda job: order[job.path.stem], timeout) as runs:
        for job, run in runs:
            try:
                _keep(project, job, run, job.path.stem)
            except Exception as error:
                problems[job.path.stem] = failure_of("keeping its run", error)
    _drop_stale(made, {source.path.stem for source in given})
    known, wrong = _published(project)
    pages = [_page(project, source, problems) for source in given]
    written = []
    for i, page in enumerate(pages):
        beside = pages[i - 1] if i else None, pages[i + 1] if i + 1 < len(pages) else None
        pages[i], new = write_page(made, page, known, *beside)
        written += [page.name] * new
    observations = [_observation(project, path, given) for path in _observed(project)]
    for i, page in enumerate(observations):
        if page.ran is not None or made.listed(f"{page.name}.html"):
            observations[i], new = write_page(made, page, {})
            written += [page.name] * new
    written += ["index"] * _write_index(made, pages, observations, known, wrong)
    if jobs or written:
        print(f"{len(jobs)} of {len(given)} notebooks run, written: {', '.join(written) or 'nothing'}")
    else:
        print("nothing changed since the last run")
    print(f"open {project.reports / 'index.html'}")
    for page in pages:
        for told in page.rows(known):
            if told["published"]:
                print(
                    f"differs from the published verdict: {told['id']}: {told['now']}; published: {told['published']}"
                )
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
    path, *others = chosen(project, [name])
    if others:
        raise ValueError(f"notebook: {name!r} given, which fits {path.stem} and {', '.join(o.stem for o in others)}")
    if not given:
        raise ValueError("--parameters: none given; without any, `site` builds all pages")
    notebook = cells.without_explorer(cells.read(path))
    values = parameters.checked(notebook, given)
    target = f"{project.observations.name}/{path.stem}-{digest(sourced(values))[:10]}"
    job = Job(path, notebook, values, fingerprint(project, notebook, values))
    with running(project, [job], "observation", timeout=timeout) as runs:
        for _, run in runs:
            _keep(project, job, run, target)
    made = Made(project.reports)
    page, _ = write_page(made, Page.of(project, target, path.stem), {})
    all_given = [_Source.of(other) for other in chosen(project, ())]
    pages = [_page(project, source, {}) for source in all_given]
    if all(other.ran is not None for other in pages):
        observations = [_observation(project, other, all_given) for other in _observed(project)]
        _write_index(made, pages, observations, *_published(project))
    print(f"an observation, not a published verdict: {project.reports / target}.html")
    return [_line(page)] if page.failure else []


def _line(page: Page) -> str:
    return f"{page.name} failed, {page.failure['cell']}: {page.failure['error']}" if page.failure else ""


def _keep(project: Project, job: Job, run: Run, name: str) -> None:
    """Write the executed notebook, with a record of how it came about."""
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
    Made(project.reports).write(f"{name}.ipynb", nbformat.writes(notebook) + "\n")


def _record_of(made: Made, stem: str) -> Mapping[str, Any]:
    """Return the record of the last run; nothing if there was none, or its file isn't what was written."""
    if not made.whole(f"{stem}.ipynb"):
        return {}
    try:
        record = cells.read(made.folder / f"{stem}.ipynb").metadata.get(RECORD)
    except ValueError:
        return {}
    return record if isinstance(record, Mapping) else {}


def _drop_stale(made: Made, stems: set[str]) -> None:
    """Remove what was made of notebooks that are gone, and pages of observations that are."""
    for name in made.digests():
        path = Path(name)
        alone = path.parent != Path() and not (made.folder / path).with_suffix(".ipynb").exists()
        if alone or (path.parent == Path() and path.stem not in {*stems, "index"}):
            made.drop(name)


def _published(project: Project) -> tuple[dict[str, Summary], list[str]]:
    try:
        return recorded(project), []
    except ValueError as error:
        return {}, [str(error)]


def _page(project: Project, source: _Source, problems: Mapping[str, Failure]) -> Page:
    stem = source.path.stem
    problem = problems.get(stem) or source.problem
    title = cells.title(source.notebook, stem) if source.notebook is not None else stem
    if problem or not (project.reports / f"{stem}.ipynb").exists():
        return Page(stem, stem, title, failure=problem)
    return Page.of(project, stem, stem, title)


def _observed(project: Project) -> list[Path]:
    return sorted(project.observations.glob("*.ipynb"))


def _observation(project: Project, path: Path, given: list[_Source]) -> Page:
    """Return the page of an observation, marked as stale if a run would differ by now."""
    name = f"{project.observations.name}/{path.stem}"
    made = Made(project.reports)
    if made.listed(f"{name}.ipynb") and not made.whole(f"{name}.ipynb"):
        where = f"its run, reports/{name}.ipynb"
        why = "truncated or edited since it was made; remove it, or make the observation again"
        return Page(name, path.stem, path.stem, failure=failure_of(where, why))
    page = Page.of(project, name, path.stem)
    if page.ran is None:
        return page
    stem = page.record.get("notebook", "")
    page = replace(page, notebook=stem)
    source = next((source for source in given if source.path.stem == stem), None)
    if source is None or source.notebook is None:
        return replace(page, stale="its notebook is gone, or can't be read.")
    try:
        values = {name: parameters.parsed(text) for name, text in page.given.items()}
        if unchanged(page.record, fingerprint(project, source.notebook, values)):
            return page
    except (ValueError, AttributeError):
        pass  # another version's record
    asked = " ".join(shlex.quote(f"{name}={text}") for name, text in page.given.items())
    again = f"python -m kdelab.report site {stem[:2]} --parameters {asked}"
    return replace(page, stale=f"the notebook, kdelab, or the data it reads have changed since. Again: {again}")


def _write_index(
    made: Made, pages: list[Page], observations: list[Page], known: Mapping[str, Summary], wrong: list[str]
) -> bool:
    by_stem = {page.name: page for page in pages}
    stems = list(dict.fromkeys([claim.notebook for claim in CLAIMS]))
    stems += [page.name for page in pages if page.name not in stems and page.rows(known)]
    notebooks = [_entry(stem, by_stem.get(stem), known) for stem in sorted(stems)]
    rows = [told for notebook in notebooks for told in notebook["rows"]]
    tally = {status: [told["status"] for told in rows].count(status) for status in SYMBOLS}
    plain = [(page.name, page.title) for page in pages if page.name not in stems]
    lost = [page for page in observations if page.ran is None]
    context = {
        "thread": THREAD,
        "notebooks": notebooks,
        "tally": {status: number for status, number in tally.items() if number},
        "differing": [told for told in rows if told["published"]],
        "failures": [
            (page.name, page.failure, made.listed(f"{page.name}.html")) for page in [*pages, *lost] if page.failure
        ],
        "wrong": wrong,
        "introduction": next((entry for entry in plain if entry[0].startswith("00-")), None),
        "others": [entry for entry in plain if not entry[0].startswith("00-")],
        "observations": [_told(page) for page in observations if page.ran is not None],
        "style": style(),
    }
    key = digest(json.loads(json.dumps(context)), sources(drawing=True))
    if drawn(made, "index.html", key):
        return False
    made.write("index.html", index_environment().get_template("site.html.j2").render(key=key, **context) + "\n")
    return True


def _entry(stem: str, page: Page | None, known: Mapping[str, Summary]) -> dict[str, Any]:
    """One notebook's part of the index: its title, the thumbnail of what decides, and its claims."""
    if page is None:
        rows = [row(claim, None, known) for claim in of_notebook(stem)]
        name = stem[3:].replace("-", " ")
        return {"stem": stem, "title": name, "exists": False, "thumbnail": "", "alt": "", "rows": rows, "ours": False}
    rows = page.rows(known)
    decisive = [figure for figure in cells.figures(page.ran) if figure.decisive] if page.ran is not None else []
    return {
        "stem": stem,
        "title": page.title,
        "exists": True,
        "thumbnail": _thumbnail(decisive[0].png) if decisive else "",
        "alt": decisive[0].alt if decisive else "",
        "rows": rows,
        "ours": all(told["said"] == "ours" for told in rows),
    }


def _thumbnail(png: str) -> str:
    """Return a small PNG in base64; an empty string for what is no picture."""
    from PIL import Image

    try:
        with Image.open(BytesIO(base64.b64decode(png))) as image:
            height = round(image.height * _THUMBNAIL / image.width)
            small = image.convert("RGB").resize((_THUMBNAIL, height), Image.Resampling.LANCZOS).quantize(64)
    except Exception:  # a notebook may call anything a picture
        return ""
    packed = BytesIO()
    small.save(packed, format="png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _told(page: Page) -> dict[str, str]:
    statuses = [f"{name} {verdict['status']}" for name, verdict in cells.verdicts(page.ran).items()]
    return {
        "name": page.name,
        "title": page.title,
        "given": ", ".join(f"{name} = {text}" for name, text in page.given.items()),
        "statuses": ", ".join(statuses),
        "stale": page.stale,
    }
