"""The guides: a page each of what docs/ holds, and their list; links between files become links between pages."""

import base64
import re
from functools import partial
from html import escape
from pathlib import Path

from kdelab.report.build import mathml
from kdelab.report.build.headings import plain_text
from kdelab.report.build.places import CODE, leading
from kdelab.report.build.plain import Plain

#: Those for whom the guides are written first; whatever else there is comes after them.
ORDER = [
    "gun", "loss", "networks", "regression", "tables", "scale", "logs",
    "extending", "reports", "commands", "design", "preregistration",
]  # fmt: skip
_IMAGES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg"}


def files(root: Path) -> list[str]:
    """Return the names of the pages of a project's guides, their list first; none if it has no guides."""
    stems = [path.stem for path in _paths(root)]
    return [f"docs/{stem}.html" for stem in ["index", *stems]] if stems else []


def guides(root: Path) -> list[Plain]:
    """Return these pages."""
    pages = [_guide(root, path) for path in _paths(root)]
    return [_list(pages), *pages] if pages else []


def _paths(root: Path) -> list[Path]:
    return sorted((root / "docs").glob("*.md"), key=lambda path: (_place(path.stem), path.stem))


def _place(stem: str) -> int:
    return ORDER.index(stem) if stem in ORDER else len(ORDER)


def _guide(root: Path, path: Path) -> Plain:
    source = path.read_text(encoding="utf-8")
    heading = re.search(r"^# (.+)$", source, re.MULTILINE)
    title = plain_text(mathml.inline(heading[1])) if heading else path.stem
    body = mathml.markdown(
        source if heading else f"# {title}\n\n{source}",
        leading(root, "docs", "../"),
        picture=partial(_picture, path.parent),
    )
    return Plain(f"docs/{path.stem}.html", title, "guides", str(body), (f"docs/{path.name}", f"{CODE}docs/{path.name}"))


def _picture(folder: Path, url: str) -> str:
    """Return a picture beside a guide as what can stand in the page itself; another's address as it is."""
    kind = _IMAGES.get(Path(url).suffix)
    if kind is None or ":" in url or not (folder / url).is_file():
        return url
    return f"data:{kind};base64,{base64.b64encode((folder / url).read_bytes()).decode()}"


def _list(pages: list[Plain]) -> Plain:
    entries = [
        f'<dt><a href="{page.file.rpartition("/")[2]}">{escape(page.title)}</a></dt><dd>{escape(page.summary)}</dd>'
        for page in pages
    ]
    body = f"<h1>Guides</h1>\n<dl>{''.join(entries)}</dl>"
    words = "How to train a gun, use the loss in a network, fit any table, and add to it."
    return Plain("docs/index.html", "Guides", "guides", body, ("docs/", f"{CODE}docs"), words)
