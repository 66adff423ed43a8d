"""Observations: runs with other parameters, kept in reports/observations/ and never published."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kdelab.report.build import declarations
from kdelab.report.build.cells import NotebookFile
from kdelab.report.build.fingerprints import Fingerprints, digest, sourced, unchanged
from kdelab.report.build.pages import Page, failure_of, write_page
from kdelab.report.build.project import Made, Project
from kdelab.report.build.sources import Source

FOLDER = "observations"


def name_of(stem: str, values: Mapping[str, Any]) -> str:
    """Return the name of an observation's files, relative to reports/, without suffix."""
    return f"{FOLDER}/{stem}-{digest(sourced(values))[:10]}"


def listed(project: Project) -> list[Path]:
    """Return the files of all observations."""
    return sorted(project.observations.glob("*.ipynb"))


def page_of(made: Made, fingerprints: Fingerprints, path: Path, sources: Iterable[Source]) -> Page:
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
        values = declarations.checked(source.notebook, page.given)
        if unchanged(page.record, fingerprints.of(source.notebook, values)):
            return page
    except (ValueError, AttributeError):
        pass  # another version's record, or not allowed any more
    asked = " ".join(shlex.quote(f"{name}={text}") for name, text in page.given.items())
    again = f"kdelab report {stem[:2]} {asked}"
    return replace(page, stale=f"the notebook, kdelab, or the data it reads have changed since. Again: {again}")


def draw(made: Made, page: Page) -> tuple[Page, bool]:
    """Write the page of an observation; not of what somebody has put beside them."""
    ours = page.ran is not None or made.listed(f"{page.name}.html")
    return write_page(made, page, {}) if ours else (page, False)
