"""The site: one self-contained page a notebook and an index of all claims, rebuilt where content has changed."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

from kdelab.report import cells, mathml
from kdelab.report.claims import BY_ID, CLAIMS, THREAD, Claim, of_notebook
from kdelab.report.published import chosen, parse, summary, tidy
from kdelab.report.runs import RECORD, Job, Project, Run, commit, digest, fingerprint, run_all, sources, versions, write
from kdelab.report.verdicts import MIME, ROLES, SYMBOLS

TEMPLATES = Path(__file__).parent / "templates"
_THUMBNAIL = 360  # pixels across; shown at half of that


def build(project: Project) -> list[str]:
    """Run the notebooks that changed, write their pages and the index, and say what was done.

    Returns what went wrong, a line each; verdicts that differ from the published ones are told, but are no failure.
    """
    paths = chosen(project, ())
    done = {path.stem: _record_of(project.reports / f"{path.stem}.ipynb") for path in paths}
    jobs = []
    for path in paths:
        key = fingerprint(project, cells.without_explorer(cells.read(path)), {})
        if done[path.stem].get("key") != key or done[path.stem].get("failure"):
            jobs.append(Job(path, key=key))
    # Longest first, as far as known; else from the back, where the longer ones tend to stand.
    order = {path.stem: (done[path.stem].get("seconds", 0.0), place) for place, path in enumerate(paths)}
    for job, run in run_all(jobs, "reports", first=lambda job: order[job.path.stem]):
        _keep(project, job, run, project.reports / f"{job.path.stem}.ipynb")
    _drop_stale(project, {path.stem for path in paths})
    pages = [_Page.of(project, path) for path in paths]
    written = [page.stem for place, page in enumerate(pages) if _write_page(project, pages, place)]
    if _write_index(project, pages):
        written.append("index")
    if jobs or written:
        print(f"{len(jobs)} of {len(paths)} notebooks run, written: {', '.join(written) or 'nothing'}")
    else:
        print("nothing changed since the last run")
    print(f"open {project.reports / 'index.html'}")
    for page in pages:
        for row in page.rows(project):
            if row["published"]:
                print(f"differs from the published verdict: {row['id']}: {row['now']}; published: {row['published']}")
    return [f"{page.stem} failed in {page.failure['cell']}: {page.failure['error']}" for page in pages if page.failure]


def observe(project: Project, name: str, parameters: Mapping[str, Any]) -> list[str]:
    """Run one notebook with other parameters, and keep page and notebook apart, as an observation.

    Raises
    ------
    ValueError
        If there is no such notebook, no parameter is given, or the notebook doesn't have it.
    """
    (path,) = chosen(project, [name])
    if not parameters:
        raise ValueError("--parameters: none given; without any, `site` builds all pages")
    source = cells.without_explorer(cells.read(path))
    cells.refuse_unknown(source, parameters)
    stem = f"{path.stem}-{digest(dict(parameters))[:6]}"
    target = project.reports / "observations" / f"{stem}.ipynb"
    job = Job(path, parameters, fingerprint(project, source, parameters))
    for _, run in run_all([job], "observation"):
        _keep(project, job, run, target)
    page = _Page.of(project, path, target)
    write(target.with_suffix(".html"), _render(project, page, None, None, "observation"))
    pages = [_Page.of(project, other) for other in chosen(project, ())]
    if all(other.ran for other in pages):
        _write_index(project, pages)
    print(f"an observation, not a published verdict: {target.with_suffix('.html')}")
    return [f"{stem} failed in {page.failure['cell']}: {page.failure['error']}"] if page.failure else []


def _keep(project: Project, job: Job, run: Run, target: Path) -> None:
    """Write the executed notebook, with a record of how it came about."""
    notebook = tidy(run.notebook)
    notebook.metadata[RECORD] = {
        "key": job.key,
        **commit(project.root),
        "versions": versions(),
        "seconds": run.seconds,
        "given": dict(job.parameters),
        "failure": run.failure,
    }
    write(target, nbformat.writes(notebook) + "\n")


def _record_of(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        record: dict[str, Any] = cells.read(path).metadata.get(RECORD, {})
    except Exception:  # not a notebook (any more): as if it had never run
        return {}
    return record


def _drop_stale(project: Project, stems: set[str]) -> None:
    for path in project.reports.glob("[0-9][0-9]-*.*"):
        if path.suffix in (".html", ".ipynb") and path.stem not in stems:
            path.unlink()


@dataclass(frozen=True)
class _Page:
    """A notebook's executed copy and what its page and the index show of it."""

    stem: str
    title: str
    ran: Any
    content: str

    @classmethod
    def of(cls, project: Project, path: Path, target: Path | None = None) -> "_Page":
        target = target or project.reports / f"{path.stem}.ipynb"
        title = cells.title(cells.read(path), path.stem)
        if not target.exists():
            return cls(path.stem, title, None, "")
        content = hashlib.sha256(target.read_bytes()).hexdigest()
        return cls(path.stem, title, cells.read(target), content)

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = self.ran.metadata[RECORD]
        return found

    @property
    def failure(self) -> dict[str, str] | None:
        return self.record["failure"]

    def rows(self, project: Project) -> list[dict[str, Any]]:
        """One row a claim of this notebook, with what this run says about it."""
        found = cells.verdicts(self.ran)
        known = _published(project)
        rows = [_row(claim, found.get(claim.id), known.get(claim.id), self.failure) for claim in of_notebook(self.stem)]
        for name in found.keys() - BY_ID.keys():  # a notebook that isn't registered yet
            claim = Claim(name, "kdelab", "", self.stem, name, "")
            rows.append(_row(claim, found[name], None, self.failure))
        return [{**row, "published": ""} for row in rows] if self.record["given"] else rows


def _published(project: Project) -> dict[str, tuple[str, str, str, str]]:
    path = project.reports / "verdicts.md"
    return parse(path.read_text(encoding="utf-8")) if path.exists() else {}


def _row(
    claim: Claim,
    verdict: Mapping[str, Any] | None,
    published: tuple[str, str, str, str] | None,
    failure: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    now = summary(verdict)
    status, name, shown, bound = now
    if failure and verdict is None:
        status = "failed"

    def said(summed: tuple[str, str, str, str]) -> str:
        return f"{summed[0]}, {summed[1]} {summed[2]} ({summed[3]})" if summed[1] else summed[0]

    differs = published is not None and published != now
    return {
        "id": claim.id,
        "said": claim.said,
        "text": claim.text,
        "meaning": claim.meaning,
        "status": status,
        "name": name,
        "shown": shown,
        "bound": bound,
        "now": said(now) if status != "failed" else "failed",
        "published": said(published) if differs and published else "",
    }


def _style() -> str:
    light = HtmlFormatter(style="friendly", nobackground=True).get_style_defs(".highlight")
    dark = HtmlFormatter(style="github-dark", nobackground=True).get_style_defs(".highlight")
    # Pygments numbers lines, which we don't, with colours that would need a dark twin.
    light, dark = (re.sub(r"(?m)^(pre|td\.linenos|span\.linenos).*\n?", "", text) for text in (light, dark))
    own = (TEMPLATES / "page" / "style.css").read_text(encoding="utf-8")
    return f"{own}{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}"


def _key_in(path: Path) -> str:
    """Return the hash of what a written page was made of."""
    if not path.exists():
        return ""
    found = re.search(r"<!-- kdelab (\w+) -->", path.read_text(encoding="utf-8")[:400])
    return found.group(1) if found else ""


def _write_page(project: Project, pages: list[_Page], place: int) -> bool:
    page = pages[place]
    previous = pages[place - 1] if place else None
    following = pages[place + 1] if place + 1 < len(pages) else None
    beside = [(other.stem, other.title) if other else None for other in (previous, following)]
    key = digest(page.content, sources(drawing=True), beside, page.rows(project))
    target = project.reports / f"{page.stem}.html"
    if _key_in(target) == key:
        return False
    write(target, _render(project, page, previous, following, key))
    return True


def _render(project: Project, page: _Page, previous: _Page | None, following: _Page | None, key: str) -> str:
    notebook = nbformat.from_dict(page.ran)
    first = notebook.cells[0] if notebook.cells else None
    heading = page.title
    if first is not None and first.cell_type == "markdown" and first.source.startswith("# "):
        # The heading goes above the claims, the rest of its cell below.
        first.source = first.source.partition("\n")[2].strip()
    given = page.record["given"]
    context = {
        "key": key,
        "style": _style(),
        "title": page.title,
        "heading": mathml.inline(heading),
        "up": "../" if given else "",
        "previous": (previous.stem, previous.title) if previous else None,
        "next": (following.stem, following.title) if following else None,
        "rows": page.rows(project),
        "record": page.record,
        "given": given,
        "failure": page.failure,
        "parameters": cells.parameters_of(notebook) | given,
        "executed": f"{page.stem}-{digest(given)[:6]}.ipynb" if given else f"{page.stem}.ipynb",
    }
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        filters={"markdown2html": partial(mathml.markdown, up=context["up"]), "inline_markdown": mathml.inline},
    )
    exporter.environment.globals.update(symbols=SYMBOLS, roles=ROLES, mime=MIME)
    body, _ = exporter.from_notebook_node(notebook, resources={"page": context})
    return str(body)


def _write_index(project: Project, pages: list[_Page]) -> bool:
    by_stem = {page.stem: page for page in pages}
    stems = list(dict.fromkeys([claim.notebook for claim in CLAIMS]))
    stems += [page.stem for page in pages if page.stem not in stems and page.rows(project)]
    notebooks = [_entry(project, stem, by_stem.get(stem)) for stem in sorted(stems)]
    rows = [row for notebook in notebooks for row in notebook["rows"]]
    tally = {status: [row["status"] for row in rows].count(status) for status in SYMBOLS}
    plain = [(page.stem, page.title) for page in pages if page.stem not in stems]
    context = {
        "thread": THREAD,
        "notebooks": notebooks,
        "tally": {status: number for status, number in tally.items() if number},
        "differing": [row for row in rows if row["published"]],
        "failures": [(page.stem, page.failure) for page in pages if page.failure],
        "introduction": next((entry for entry in plain if entry[0].startswith("00-")), None),
        "others": [entry for entry in plain if not entry[0].startswith("00-")],
        "observations": _observations(project),
        "style": _style(),
    }
    key = digest(json.loads(json.dumps(context)), sources(drawing=True))
    target = project.reports / "index.html"
    if _key_in(target) == key:
        return False
    loader = jinja2.FileSystemLoader([TEMPLATES, TEMPLATES / "page"])
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    environment.globals.update(symbols=SYMBOLS, roles=ROLES)
    write(target, environment.get_template("site.html.j2").render(key=key, **context) + "\n")
    return True


def _entry(project: Project, stem: str, page: _Page | None) -> dict[str, Any]:
    """One notebook's part of the index: its title, the thumbnail of what decides, and its claims."""
    name = stem[3:].replace("-", " ")
    if page is None:
        known = _published(project)
        rows = [_row(claim, None, known.get(claim.id)) for claim in of_notebook(stem)]
        return {"stem": stem, "title": name, "exists": False, "thumbnail": "", "alt": "", "rows": rows, "ours": False}
    figures = cells.figures(page.ran)
    decisive = next((figure for figure in figures if figure.decisive), None)
    rows = page.rows(project)
    return {
        "stem": stem,
        "title": page.title,
        "exists": True,
        "thumbnail": _thumbnail(decisive.png) if decisive else "",
        "alt": decisive.alt if decisive else "",
        "rows": rows,
        "ours": all(row["said"] == "ours" for row in rows),
    }


def _thumbnail(png: str) -> str:
    from PIL import Image

    with Image.open(BytesIO(base64.b64decode(png))) as image:
        height = round(image.height * _THUMBNAIL / image.width)
        small = image.convert("RGB").resize((_THUMBNAIL, height), Image.Resampling.LANCZOS).quantize(64)
    packed = BytesIO()
    small.save(packed, format="png", optimize=True)
    return base64.b64encode(packed.getvalue()).decode()


def _observations(project: Project) -> list[dict[str, str]]:
    found = []
    for path in sorted((project.reports / "observations").glob("*.ipynb")):
        notebook = cells.read(path)
        given = notebook.metadata[RECORD]["given"]
        statuses = [f"{name} {verdict['status']}" for name, verdict in cells.verdicts(notebook).items()]
        found.append(
            {
                "name": path.stem,
                "title": cells.title(notebook, path.stem),
                "given": ", ".join(f"{name} = {value!r}" for name, value in given.items()),
                "statuses": ", ".join(statuses),
            }
        )
    return found
