"""One page a run: what it shows, when it has to be drawn again, and what it says where it can't be shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from kdelab.report.build import cells, figures, mathml, parameters
from kdelab.report.build.cards import CARD, about, card_of
from kdelab.report.build.fingerprints import RECORD, digest, sources
from kdelab.report.build.headings import anchored
from kdelab.report.build.markup import TEMPLATES, exporter
from kdelab.report.build.places import places
from kdelab.report.build.project import Made, encoded, sha256
from kdelab.report.build.verdict_json import Summary, summary
from kdelab.report.claims import BY_ID, Claim, of_notebook
from kdelab.report.explorer.module import MIME

Failure = dict[str, str]


def failure_of(where: str, error: Exception | str) -> Failure:
    """Return a failure of something other than a cell."""
    text = error if isinstance(error, str | ValueError) else f"{type(error).__name__}: {error}"
    return {"cell": where, "error": str(text)[:2000]}


@dataclass(frozen=True)
class Page:
    """What the page of one run shows: ``name`` is its file, without suffix, in reports/.

    ``ran`` is None where there is no run to show; ``failure`` then says why, unless it is still to be made.
    """

    name: str
    notebook: str
    title: str
    ran: Any = None
    record: Mapping[str, Any] = field(default_factory=dict)
    failure: Failure | None = None
    content: str = ""
    stale: str = ""

    @classmethod
    def of(cls, name: str, notebook: str, title: str, file: cells.NotebookFile) -> "Page":
        """Return the page of the run that the file holds, or, where that is damaged, one that says so."""
        try:
            ran = file.notebook
            if ran is None:
                raise ValueError(file.problem)
            record = ran.metadata.get(RECORD)
            needed = {"key", "versions", "seconds", "given", "failure", "commit", "dirty"}
            if not isinstance(record, Mapping) or not needed <= record.keys():
                raise ValueError("no record in it tells how it came about; it is none of the site's runs")
            cells.verdicts(ran)
        except Exception as error:
            return cls(name, notebook, title, failure=failure_of(f"its run, reports/{name}.ipynb", error))
        return cls(name, notebook, cells.title(ran, title), ran, record, record["failure"], sha256(file.content))

    @property
    def given(self) -> Mapping[str, str]:
        """Parameters that replaced the notebook's defaults, as source."""
        found: Mapping[str, str] = self.record.get("given", {})
        return found

    def failed(self, where: str, error: Exception) -> "Page":
        """Return a page that shows only this failure."""
        return replace(self, ran=None, record={}, failure=failure_of(where, error), content="", stale="")

    def rows(self, known: Mapping[str, Summary]) -> list[dict[str, Any]]:
        """Return one row a claim of this notebook: what this run says about it, and where that differs from `known`."""
        found = cells.verdicts(self.ran) if self.ran is not None else {}
        claims = [*of_notebook(self.notebook)]
        claims += [Claim(name, "kdelab", "", self.notebook, name, "") for name in sorted(found.keys() - BY_ID.keys())]
        if self.given:
            return [row(claim, found.get(claim.id), {}, self.failure) for claim in claims]
        return [row(claim, found.get(claim.id), known, self.failure) for claim in claims]


def row(
    claim: Claim, verdict: Mapping[str, Any] | None, known: Mapping[str, Summary], failure: Failure | None = None
) -> dict[str, Any]:
    """Return what a table says about one claim."""
    now = summary(verdict)
    status = "failed" if failure and verdict is None else now[0]
    published = known.get(claim.id)
    if known and published is None and verdict is not None and claim.id in BY_ID:
        published = ("nothing", "")

    def said(summed: Summary) -> str:
        return f"{summed[0]}, {summed[1]}" if summed[1] else summed[0]

    return {
        "id": claim.id,
        "said": claim.said,
        "text": claim.text,
        "meaning": claim.meaning,
        "status": status,
        "measured": now[1],
        "now": "failed" if status == "failed" else said(now),
        "published": said(published) if published is not None and published != now else "",
    }


@cache
def style() -> str:
    """Return the style sheet of all pages."""
    return (TEMPLATES / "page" / "style.css").read_text(encoding="utf-8")


@cache
def drawing() -> str:
    """Return a hash of all that draws pages."""
    return digest(sources(drawing=True))


def drawn(made: Made, name: str, key: str) -> bool:
    """Whether a file is whole, and was made of what has this key."""
    content = made.content(name)
    return content is not None and f"<!-- kdelab {key} -->".encode() in content[:400]


def write_page(
    made: Made, page: Page, known: Mapping[str, Summary], previous: Page | None = None, following: Page | None = None
) -> tuple[Page, bool]:
    """Write a page if it has to be; return it, with a failure if it couldn't be drawn, and whether it was written."""
    name, root = f"{page.name}.html", made.folder.parent
    try:
        beside = [(other.name, other.title) if other else None for other in (previous, following)]
        shown = (page.title, page.content, page.failure, page.stale, page.rows(known))
        key = digest(shown, beside, places(root), drawing())
        notebook = nbformat.from_dict(page.ran) if page.ran is not None else nbformat.v4.new_notebook()
        for file, content in figures.files_of(page.name, notebook).items():
            if made.content(file) != content:
                made.write(file, content)
        if drawn(made, name, key):
            return page, False
        made.write(name, encoded(_render(page, notebook, known, (previous, following), key, root)))
    except Exception as error:
        page = page.failed("drawing its page", error)
        empty = nbformat.v4.new_notebook()
        made.write(name, encoded(_render(page, empty, known, (previous, following), "failed", root)))
    return page, True


def _render(
    page: Page,
    notebook: Any,
    known: Mapping[str, Summary],
    beside: tuple[Page | None, Page | None],
    key: str,
    root: Path,
) -> str:
    previous, following = beside
    first = notebook.cells[0] if notebook.cells else None
    if first is not None and first.cell_type == "markdown" and first.source.startswith("# "):
        # The heading goes above the claims, the rest of its cell below.
        first.source = first.source.partition("\n")[2].strip()
    try:
        named = parameters.defaults(notebook)
    except ValueError:  # the run's failure says so
        named = {}
    for number, cell in enumerate(notebook.cells, 1):
        cell.metadata["number"] = number
    up = "../" * page.name.count("/")
    context = {
        "key": key,
        "style": style(),
        "title": page.title,
        "heading": mathml.inline(page.title),
        "up": up,
        "previous": (previous.name, previous.title) if previous else None,
        "next": (following.name, following.title) if following else None,
        "rows": page.rows(known),
        "record": page.record,
        "given": page.given,
        "stale": page.stale,
        "failure": page.failure,
        "cut": cells.cut(notebook),
        "explored": any(MIME in output.get("data", {}) for _, output in cells.outputs(notebook)),
        "parameters": {**named, **page.given},
        "file": page.name.rpartition("/")[2],
        "places": places(root),
        "glossary": next(
            (f"{path.stem}.html" for path in cells.listed(root / "notebooks") if path.stem[:2] == "00"), ""
        ),
        "about": _about(page, known),
    }
    body, _ = exporter(up, root).from_notebook_node(notebook, resources={"page": context})
    return anchored(str(body))


def _about(page: Page, known: Mapping[str, Summary]) -> dict[str, str] | None:
    """Return what a preview shows; None for an observation, which isn't published."""
    if "/" in page.name:
        return None
    told = [f"{row['text'] or row['id']} {row['status'].capitalize()}." for row in page.rows(known)]
    return about(
        f"{page.name}.html", " ".join(told) or page.title, card_of(page.name) if page.ran is not None else CARD
    )
