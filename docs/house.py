"""The house in one picture: ``python docs/house.py`` draws the rooms from the contracts that imports are checked by.

Rooms and arrows come from import-linter's layers in pyproject.toml, what a wing is for from its docstring. It writes
docs/house.svg, which README shows, and the text that notebook 00 shows; tests/test_house.py keeps both in step.
"""

import ast
import re
import textwrap
import tomllib
from html import escape
from pathlib import Path
from typing import NamedTuple

import nbformat

from kdelab.report.build.cells import tidy

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 84  # characters of the text's boxes
COLOURS = ["#e8f1fa", "#efeaf7", "#e6f4f4", "#fdf3e0", "#eaf5ea", "#f9e9e4", "#f1f1f1"]


class Wing(NamedTuple):
    """A room of the first floor: its name, what it is for, and its own rooms from the top to the bottom."""

    name: str
    purpose: str
    rooms: str


def floors() -> list[list[Wing]]:
    """Return the wings, floor by floor from the top; each may import what lies below its own floor only."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = [[names.split(" | ") for names in contract["layers"]] for contract in contracts]
    return [[Wing(name.split(".")[-1], _purpose(name), _rooms(name, layers)) for name in floor] for floor in layers[0]]


def _purpose(name: str) -> str:
    """Return the first sentence of a module's docstring."""
    path = ROOT / name.replace(".", "/")
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return re.split(r"\.\s", ast.get_docstring(ast.parse(source.read_text())) or "")[0].rstrip(".")


def _rooms(name: str, layers: list[list[list[str]]]) -> str:
    own = [floors for floors in layers[1:] if floors[0][0].startswith(name + ".")]
    return " → ".join(", ".join(room.split(".")[-1] for room in floor) for floors in own for floor in floors)


def text() -> str:
    """Return the picture in characters."""
    lines = []
    for number, floor in enumerate(floors()):
        inner = (WIDTH - 2 * len(floor) - (len(floor) - 1)) // len(floor)
        boxes = [[*textwrap.wrap(w.purpose, inner - 2), *textwrap.wrap(w.rooms, inner - 2)] for w in floor]
        height = max(map(len, boxes))
        if number:
            lines.append("↓".center(WIDTH).rstrip())
        lines.append(" ".join(f"┌─ {wing.name} ".ljust(inner + 1, "─") + "┐" for wing in floor))
        for i in range(height):
            lines.append(" ".join(f"│ {box[i] if i < len(box) else '':{inner - 1}}│" for box in boxes))
        lines.append(" ".join("└" + "─" * inner + "┘" for _ in floor))
    return "\n".join(lines)


def svg() -> str:
    """Return the picture as SVG."""
    width, gap, line = 760, 30, 18
    shapes, y = [], 10
    for number, floor in enumerate(floors()):
        each = (width - 20 - 14 * (len(floor) - 1)) / len(floor)
        boxes = [[*textwrap.wrap(w.purpose, int(each / 8.2)), *textwrap.wrap(w.rooms, int(each / 8.2))] for w in floor]
        height = 34 + line * max(map(len, boxes))
        if number:
            shapes.append(f'<path d="M{width / 2:g} {y - gap + 4}v{gap - 12}" class="arrow"/>')
        for i, (wing, box) in enumerate(zip(floor, boxes, strict=True)):
            x = 10 + i * (each + 14)
            shapes.append(
                f'<rect x="{x:g}" y="{y}" width="{each:g}" height="{height}" rx="6" fill="{COLOURS[number]}"/>'
            )
            shapes.append(f'<text x="{x + 12:g}" y="{y + 21}" class="name">{wing.name}</text>')
            for j, words in enumerate(box):
                shapes.append(f'<text x="{x + 12:g}" y="{y + 21 + line * (j + 1)}">{escape(words)}</text>')
        y += height + gap
    style = (
        "rect{stroke:#555} text{font:13px sans-serif;fill:#222} .name{font-weight:bold;font-size:15px} "
        ".arrow{stroke:#555;stroke-width:2;marker-end:url(#head)}"
    )
    head = '<marker id="head" markerWidth="8" markerHeight="8" refX="4" refY="3" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y - gap + 10}" width="{width}" role="img">',
            "<title>The rooms of kdelab: imports run downward only</title>",
            f"<style>{style}</style>",
            f'<defs>{head}<path d="M0 0L7 3L0 6z" fill="#555"/></marker></defs>',
            '<rect width="100%" height="100%" fill="white" style="stroke:none"/>',
            *shapes,
            "</svg>\n",
        ]
    )


def main() -> None:
    """Write the picture where it is shown."""
    (ROOT / "docs" / "house.svg").write_text(svg())
    path = ROOT / "notebooks" / "00-start-here.ipynb"
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and "┌─" in cell.source:
            cell.source = re.sub(r"```\n┌─.*?```", lambda _: f"```\n{text()}\n```", cell.source, flags=re.DOTALL)
    path.write_text(nbformat.writes(tidy(notebook)) + "\n")


if __name__ == "__main__":
    main()
