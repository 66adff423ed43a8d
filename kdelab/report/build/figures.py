"""What a page offers of each figure: a picture for phones in the page, and beside it files, the SVG and its numbers."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from kdelab.plot import SHARED
from kdelab.report.build import cells
from kdelab.report.build.project import encoded

FOLDER = "figures"
_SVG = "{http://www.w3.org/2000/svg}"
_DRAWN = {"svg", "g", "defs", "path", "use", "clipPath", "rect", "text", "tspan", "image", "style"}


def files_of(name: str, notebook: Any) -> dict[str, bytes]:
    """Take the files of the figures out of a page's notebook, by name in reports/; figures are told what they have.

    Only what matplotlib draws is taken: a file that a browser opens must not run anything.
    """
    found: dict[str, bytes] = {}
    drawn = [output for _, output in cells.outputs(notebook) if "image/png" in output.get("data", {})]
    for number, output in enumerate(drawn, 1):
        shared = output.data.pop(SHARED, None)
        output.metadata[SHARED] = {}
        if isinstance(shared, Mapping) and harmless(shared.get("svg")):
            stem = f"{FOLDER}/{name}/figure-{number}"
            found |= {f"{stem}.{kind}": encoded(str(shared.get(kind, ""))) for kind in ("svg", "csv")}
            narrow = {key: shared.get(key) for key in ("narrow", "width", "height")}
            output.metadata[SHARED] = {**narrow, "stem": stem, "number": number}
    return found


def page_of(file: str) -> str:
    """Return the name of the page that a figure's file belongs to; an empty string for any other file."""
    path = PurePosixPath(file)
    return str(path.parent.relative_to(FOLDER)) if path.is_relative_to(FOLDER) else ""


def harmless(svg: Any) -> bool:
    """Whether a text is an SVG of shapes and text alone, which loads and runs nothing."""
    try:
        root = ElementTree.fromstring(str(svg).encode())
    except (ElementTree.ParseError, ValueError):
        return False
    return root.tag == f"{_SVG}svg" and all(map(_is_drawing, root.iter()))


def _is_drawing(element: ElementTree.Element) -> bool:
    if not element.tag.startswith(_SVG) or element.tag.removeprefix(_SVG) not in _DRAWN:
        return False
    said = [element.text or "", *element.attrib.values()]
    if any("url(" in text.replace("url(#", "") or "@import" in text for text in map(str.lower, said)):
        return False
    names = {name.split("}")[-1].lower(): value for name, value in element.attrib.items()}
    links = names.get("href", "#")
    return not any(name.startswith("on") for name in names) and links.startswith(("#", "data:image/png;base64,"))
