"""What the other modules need to know of a notebook: its cells, tags, parameters, verdicts and figures."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from kdelab.report.verdicts import FIGURE, MIME

PARAMETERS, EXPLORE = "parameters", "explore"


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.get("metadata", {}).get("tags", []))


def read(path: Path) -> Any:
    """Return the notebook in the file, as nbformat 4."""
    return nbformat.read(path, as_version=4)


def listed(folder: Path) -> list[Path]:
    """Return the numbered notebooks of a folder, in order; a playground has no number and is no page."""
    return sorted(folder.glob("[0-9][0-9]-*.ipynb"))


def without_explorer(notebook: Any) -> Any:
    """Return a copy without the cells tagged ``explore``, nor a section of their own that they would leave empty."""
    kept: list[Any] = []
    dropping = False
    for cell in notebook.cells:
        if EXPLORE in tags(cell):
            # Their heading stands right above them, if it is only a heading.
            if kept and not dropping and kept[-1].cell_type == "markdown" and _is_heading(kept[-1].source):
                kept.pop()
            dropping = True
        else:
            kept.append(cell)
            dropping = False
    copy = nbformat.from_dict({**notebook, "cells": kept})
    return copy


def _is_heading(source: str) -> bool:
    lines = source.strip().splitlines()
    return len(lines) == 1 and lines[0].startswith("#")


def title(notebook: Any, default: str) -> str:
    """Return the text of the first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return default


def cell_name(notebook: Any, index: int) -> str:
    """Return a name by which a reader finds a cell: its number, its id and the heading above it."""
    heading = ""
    for cell in notebook.cells[:index]:
        if cell.cell_type == "markdown":
            headings = [line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = headings[-1] if headings else heading
    under = f", under “{heading}”" if heading else ""
    return f"cell {index + 1} (id {notebook.cells[index].get('id', '?')}{under})"


def parameters_of(notebook: Any) -> dict[str, Any]:
    """Return names and default values that the cell tagged ``parameters`` assigns.

    A default that is no literal, such as ``2 * seed``, is given as its source.
    """
    found: dict[str, Any] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and PARAMETERS in tags(cell):
            for node in ast.parse(cell.source).body:
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
                value = getattr(node, "value", None)
                for target in targets:
                    if isinstance(target, ast.Name) and value is not None:
                        found[target.id] = _literal(value)
    return found


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def refuse_unknown(notebook: Any, parameters: Mapping[str, Any]) -> None:
    """Raise ValueError for a parameter that the notebook doesn't have: papermill would only warn."""
    known = parameters_of(notebook)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise ValueError(f"parameters: no {', '.join(unknown)} in this notebook, allowed are {', '.join(known) or '-'}")


@dataclass(frozen=True)
class Figure:
    """A displayed figure: PNG in base64, what it shows, and whether it decides the claim."""

    png: str
    alt: str
    caption: str
    decisive: bool


def outputs(notebook: Any) -> Iterator[tuple[int, Any]]:
    """Yield cell index and output, for all outputs."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            yield index, output


def verdicts(notebook: Any) -> dict[str, dict[str, Any]]:
    """Return the verdicts that the outputs carry, in JSON form, by claim."""
    found = [output.data[MIME] for _, output in outputs(notebook) if MIME in output.get("data", {})]
    return {verdict["claim"]: verdict for verdict in found}


def figures(notebook: Any) -> list[Figure]:
    """Return the figures displayed through :func:`kdelab.report.style.show`."""
    found = []
    for _, output in outputs(notebook):
        png = output.get("data", {}).get("image/png")
        if png is not None:
            metadata = output.get("metadata", {})
            told = metadata.get(FIGURE, {})
            alt = metadata.get("image/png", {}).get("alt", "")
            found.append(Figure(png, alt, told.get("caption", ""), bool(told.get("decisive"))))
    return found


def key_of(verdict: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the check of a verdict in JSON form that tells most about its status."""
    return next((check for check in verdict["checks"] if check["name"] == verdict["key"]), None)
