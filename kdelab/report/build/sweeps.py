"""Sweeps: a notebook's verdicts over a grid of parameters, as a file that says what was asked for, and as a page.

Each cell of the grid is an observation; ``reports/sweeps/NAME.json`` names notebook and values, by which the page is
drawn again from what has been run by then.
"""

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from kdelab.report.build import declarations, observations
from kdelab.report.build.fingerprints import digest
from kdelab.report.build.pages import Page
from kdelab.report.build.plain import draw
from kdelab.report.build.project import Made, encoded
from kdelab.report.build.sources import Source

FOLDER = "sweeps"
#: The sweeps that `kdelab sweep` makes where no values are named, as they would be asked for.
STANDARD = {
    "05": {"kernel_name": "Laplace,Gaussian,Cauchy", "bandwidth": "0.05,0.1,0.2"},
    "06": {"bandwidth": "0.05,0.1,0.2", "seed": "0,1,2"},
    "07": {
        "decided_on": '"confirm","samples","surfers","surfers, new"',
        "surfers_on": '"surfers, new","surfers","confirm"',
    },
    "10": {"kernel_name": "Laplace,Gaussian,Cauchy", "widen": "0.5,1,2"},
    "11": {"neighbours": "16,32,64", "seed": "0,1"},
}


@dataclass(frozen=True)
class Sweep:
    """A grid of values for some parameters of one notebook."""

    source: Source
    grid: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, source: Source, texts: Mapping[str, str], folder: Path) -> "Sweep":
        """Return the sweep over values that texts name, with commas between them.

        Raises
        ------
        ValueError
            If a parameter isn't declared, or a value isn't allowed or stands twice.
        """
        if not texts:
            raise ValueError(f"sweep: no parameter given, and {source.path.stem} has no standard sweep")
        split = {name: _split(text) for name, text in texts.items()}
        declarations.checked(source.notebook, {name: each[0] for name, each in split.items()}, folder)
        known = declarations.declared(source.notebook)
        grid = {name: [known[name].checked(text, folder) for text in each] for name, each in split.items()}
        for name, values in grid.items():
            if len({repr(value) for value in values}) < len(values):
                raise ValueError(f"{name}: {texts[name]!r} given, in which a value stands twice")
        return cls(source, grid)

    @classmethod
    def read(cls, content: bytes, sources: Sequence[Source]) -> "Sweep | None":
        """Return what a file holds; None if its notebook is gone, or doesn't take these values any more."""
        try:
            told = json.loads(content)
            source = next(source for source in sources if source.path.stem == told["notebook"])
            known = declarations.declared(source.notebook)
            grid = {name: [known[name].checked(text) for text in each] for name, each in told["grid"].items()}
        except (ValueError, KeyError, AttributeError, StopIteration):
            return None
        return cls(source, grid)

    @property
    def name(self) -> str:
        """Name of its files, relative to reports/, without suffix."""
        return f"{FOLDER}/{self.source.path.stem}-{digest(self._told())[:10]}"

    def content(self) -> bytes:
        """Return what its file holds."""
        return encoded(json.dumps(self._told(), ensure_ascii=False, indent=1) + "\n")

    def _told(self) -> dict[str, Any]:
        grid = {name: [repr(value) for value in values] for name, values in self.grid.items()}
        return {"notebook": self.source.path.stem, "grid": grid}

    def cells(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of each cell, the last one turning fastest."""
        for values in product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))


def _split(text: str) -> list[str]:
    """Return what stands between commas; those in quotes and brackets are part of a value."""
    try:
        items = ast.parse(f"[{text}]", mode="eval").body
        found = [ast.get_source_segment(f"[{text}]", item) or "" for item in items.elts]  # type: ignore[attr-defined]
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # a path, say
        found = [part.strip() for part in text.split(",")]
    return found or [""]


def known(made: Made, sources: Sequence[Source]) -> list[Sweep]:
    """Return the sweeps that have been asked for; one that its notebook wouldn't take any more goes, with its page."""
    found = []
    for name in made.names():
        if name.startswith(f"{FOLDER}/") and name.endswith(".json"):
            content = made.content(name)
            sweep = None if content is None else Sweep.read(content, sources)
            if sweep is not None:
                found.append(sweep)
            elif not any(source.problem for source in sources):  # a notebook that can't be read now may be mended
                made.drop(name.removesuffix(".json") + ".html")
                made.drop(name)
    return found


def write(made: Made, told: Mapping[str, Any]) -> bool:
    """Write the page of a sweep, if it has to be; return whether it was."""
    return draw(made, f"{told['name']}.html", "sweep.html.j2", told)


def told(sweep: Sweep, pages: Mapping[str, Page]) -> dict[str, Any]:
    """Return what the page of a sweep says, and the index of it, from the pages of observations by name."""
    stem = sweep.source.path.stem
    axes = [(name, [repr(value) for value in values]) for name, values in sweep.grid.items()]
    alone = [("", [""])] if len(axes) == 1 else []
    at = {}
    for given in sweep.cells():
        name = observations.name_of(stem, given)
        at[(*map(repr, given.values()), *("" for _ in alone))] = _cell(name, pages.get(name))
    down, across, *further = axes + alone
    blocks = [
        (
            list(zip([name for name, _ in further], rest, strict=True)),
            [(row, [at[row, column, *rest] for column in across[1]]) for row in down[1]],
        )
        for rest in product(*(values for _, values in further))
    ]
    return {
        "title": sweep.source.page(None).title,
        "stem": stem,
        "name": sweep.name,
        "asked": [(name, ", ".join(map(repr, values))) for name, values in sweep.grid.items()],
        "claims": _claims(sweep, pages.values()),
        "down": down[0],
        "across": across,
        "blocks": blocks,
        "cells": len(at),
        "run": sum(cell["run"] for cell in at.values()),
        "failed": sum(bool(cell["failure"]) for cell in at.values()),
        "stale": sum(cell["stale"] for cell in at.values()),
    }


def _claims(sweep: Sweep, pages: Any) -> list[tuple[str, str]]:
    """Return id and text of the claims that the notebook judges, also those that only runs know of."""
    found = {row["id"]: row["text"] for row in sweep.source.page(None).rows({})}
    for page in pages:
        if page.notebook == sweep.source.path.stem:
            found |= {row["id"]: row["text"] for row in page.rows({}) if row["id"] not in found}
    return list(found.items())


def _cell(name: str, page: Page | None) -> dict[str, Any]:
    """One cell of the grid: the page it leads to, and what its run says on each claim."""
    if page is None or (page.ran is None and page.failure is None):
        return {"run": False, "name": name, "failure": "", "stale": False, "statuses": {}}
    failure = f"{page.failure['cell']}: {page.failure['error']}" if page.failure else ""
    statuses = {row["id"]: row["status"] for row in page.rows({})}
    return {"run": True, "name": name, "failure": failure, "stale": bool(page.stale), "statuses": statuses}
