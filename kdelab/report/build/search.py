"""Search over all pages, without a network: what stands under each heading is in its page, beside the script."""

import json
from pathlib import Path, PurePosixPath

from markupsafe import Markup

from kdelab.report.build.cards import about
from kdelab.report.build.fingerprints import digest
from kdelab.report.build.headings import sections
from kdelab.report.build.pages import drawing, drawn
from kdelab.report.build.places import places
from kdelab.report.build.plain import rendered
from kdelab.report.build.project import Made

FILE = "search.html"
_SCRIPT = Path(__file__).parent / "templates" / "search.js"
_LISTS = ("docs/index.html", "api/index.html")  # they repeat what other pages say
_KINDS = {"docs": "guide", "api": "API"}


def write_search(made: Made) -> bool:
    """Write the page if another one has changed; return whether it was."""
    names = [name for name in made.names() if name.endswith(".html") and _searched(name)]
    key = digest({name: made.digest(name) for name in names}, places(made.folder.parent), drawing())
    if drawn(made, FILE, key):
        return False
    index = [line for name in sorted(names, key=_order) for line in _lines(made, name)]
    script = _SCRIPT.read_text(encoding="utf-8")
    context = {
        "script": Markup(script),
        "scripts": [script],
        "index": Markup(json.dumps(index, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")),
        "about": about(FILE, "Search claims, guides, the API and the thread."),
    }
    made.write(FILE, rendered(made, FILE, "search.html.j2", key, context))
    return True


def _searched(name: str) -> bool:
    folder = PurePosixPath(name).parent.as_posix()
    return name not in {FILE, *_LISTS} and folder in {".", *_KINDS}


def _order(name: str) -> tuple[int, str]:
    return name.count("/"), name


def _lines(made: Made, name: str) -> list[list[str]]:
    """Return a page's sections: address, kind and title of the page, heading, text."""
    content = made.content(name)
    found = sections(content.decode("utf-8", "replace")) if content is not None else []
    if not found:
        return []
    kind = _KINDS.get(PurePosixPath(name).parent.as_posix(), "page" if not name[:2].isdigit() else "claim")
    title = next((section.title for section in found if section.title), name)
    return [
        [name + (f"#{section.id}" if section.id else ""), kind, title, section.title or title, section.text]
        for section in found
    ]
