"""Links that lead nowhere: on pages of Markdown, in notebooks' prose, and on built pages of HTML."""

import json
import re
import unicodedata
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

PLACES = (".md", ".ipynb", ".html")  # where what stands behind a # can be looked up
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^()\s>]+(?:\([^()]*\))?)>?(?:\s+\"[^\"]*\")?\s*\)")
REFERENCE = re.compile(r"^ {0,3}\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^ {0,3}#{1,6} +(.+?)(?: +#+)?$", re.MULTILINE)


class _Page(HTMLParser):
    """Where the tags of a page lead, and what can be led to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name in ("href", "src", "poster") if (value := given.get(name))]
        self.ids |= {value for name in ("id", "name") if (value := given.get(name))}


def slug(heading: str) -> str:
    """Return a heading's anchor, as GitHub makes it."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
    kept = (
        c for c in plain if c in " -_" or unicodedata.category(c)[0] in "LN" or unicodedata.category(c) in ("Mn", "Mc")
    )
    return "".join(kept).replace(" ", "-")


def slugs(text: str) -> set[str]:
    """Return the anchors of all headings; what occurs again is numbered."""
    found: set[str] = set()
    for heading in HEADING.findall(FENCE.sub("", text)):
        base = name = slug(re.sub(r"[*]|(?<!\w)_|_(?!\w)", "", heading))
        number = 0
        while name in found:
            number += 1
            name = f"{base}-{number}"
        found.add(name)
    return found


def text_of(path: Path) -> str:
    """Return a page as Markdown or HTML; of a notebook its prose."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    return "\n\n".join("".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown")


@cache
def anchors(path: Path) -> set[str]:
    """Return what can be led to within a file."""
    text = text_of(path)
    if path.suffix == ".html":
        return _Page(text).ids
    jupyter = {h.strip().replace(" ", "-") for h in HEADING.findall(text)} if path.suffix == ".ipynb" else set()
    return slugs(text) | _Page(re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))).ids | jupyter


def links(path: Path) -> list[str]:
    """Return where a file leads."""
    text = text_of(path)
    if path.suffix == ".html":
        return _Page(text).links
    text = re.sub(r"(?<!`)`[^`\n]+`(?!`)", "`", FENCE.sub("", text))  # code isn't a link
    return INLINE.findall(text) + REFERENCE.findall(text) + _Page(text).links


def dead(path: Path, root: Path) -> list[str]:
    """Return a line for each link of a file that leads to no file, to no place on its page, or out of `root`."""
    wrong = []
    for link in dict.fromkeys(links(path)):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or link.startswith("data:"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
        if not target.exists():
            wrong.append(f"{path.relative_to(root)}: {link} leads to nothing")
        elif not target.is_relative_to(root.resolve()):
            wrong.append(f"{path.relative_to(root)}: {link} leads out of {root.name}")
        elif parts.fragment and target.suffix in PLACES and unquote(parts.fragment) not in anchors(target):
            wrong.append(f"{path.relative_to(root)}: {link}: there is no such place")
    return wrong


def dead_in(folder: Path, suffix: str = ".html", root: Path | None = None) -> list[str]:
    """Return the dead links of all files of a kind in a folder and below."""
    files = sorted(path for path in folder.rglob(f"*{suffix}") if not path.name.startswith("."))
    return [line for path in files for line in dead(path, root or folder)]
