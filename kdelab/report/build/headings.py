"""Headings: each has an id of its own and a link to itself; and what stands under each, for the search."""

import re
from collections.abc import Iterator
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

_HEADING = re.compile(r"<(h[1-6])\b([^>]*)>(.*?)</\1>", re.DOTALL)
_ID = re.compile(r'\sid="([^"]*)"')


def slug(text: str) -> str:
    """Return a heading's id, as the code host makes it: links made for there lead to the same heading here."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") or "section"


def permalink(name: str) -> str:
    """Return the link that a heading has to itself: seen when the heading is pointed at or the link has the focus."""
    return f'<a class="permalink" href="#{name}" aria-label="Link to this section">#</a>'


def anchored(html: str) -> str:
    """Return a page in which every heading has an id, unique there, and a link to itself."""
    taken = set(_ID.findall(html))

    def anchor(match: re.Match[str]) -> str:
        tag, attributes, inner = match.groups()
        if 'class="permalink"' in inner:
            return match[0]
        given = _ID.search(attributes)
        name = given[1] if given else _free(slug(unescape(re.sub(r"<[^>]*>", "", inner))), taken)
        taken.add(name)
        attributes = attributes if given else f'{attributes} id="{name}"'
        return f"<{tag}{attributes}>{inner}{permalink(name)}</{tag}>"

    return _HEADING.sub(anchor, html)


def _free(name: str, taken: set[str]) -> str:
    number, found = 0, name
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    return found


class Section(NamedTuple):
    """A heading's id, its words, and the text under it up to the next one."""

    id: str
    title: str
    text: str


def sections(html: str) -> list[Section]:
    """Return what a page says under each heading with a permalink, and, in a reference, under each name."""
    parser = _Sections()
    parser.feed(html)
    return [Section(name, " ".join(title.split()), " ".join(text.split())) for name, title, text in parser.closed()]


class _Sections(HTMLParser):
    """Text of the page's <main>, without code that is folded away and without formulas."""

    _UNREAD = frozenset({"script", "style", "math", "details", "nav", "svg", "noscript"})
    _INLINE = frozenset({"a", "b", "code", "em", "i", "span", "strong", "sub", "sup"})

    def __init__(self) -> None:
        super().__init__()
        self._found = [["", "", ""]]
        self._main = False
        self._unread: list[str] = []
        self._heading, self._id, self._title = "", "", ""
        self._link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._main = self._main or tag == "main"
        if tag == "math" and self._heading:
            self._title += given.get("alttext") or ""
        if tag in self._UNREAD:
            self._unread.append(tag)
        elif re.fullmatch(r"h[1-6]|dt", tag):
            self._heading, self._id, self._title = tag, "", ""
        elif tag == "a" and given.get("class") == "permalink" and self._heading:
            self._id, self._link = (given.get("href") or "").removeprefix("#"), True
        self._apart(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == "main":
            self._main = False
        if self._unread and tag == self._unread[-1]:
            self._unread.pop()
        elif tag == "a":
            self._link = False
        elif self._heading and tag == self._heading:
            if self._id:
                self._found.append([self._id, self._id if tag == "dt" else self._title, ""])
            if tag == "dt" or not self._id:
                self._found[-1][2] += f" {self._title} "
            self._heading = ""
        self._apart(tag)

    def handle_data(self, data: str) -> None:
        if not self._main or self._unread or self._link:
            return
        if self._heading:
            self._title += data
        else:
            self._found[-1][2] += data

    def _apart(self, tag: str) -> None:
        if tag not in self._INLINE and not self._heading:
            self._found[-1][2] += " "

    def closed(self) -> Iterator[list[str]]:
        self.close()
        return (found for found in self._found if found[1] or found[2].strip())
