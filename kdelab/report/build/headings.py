"""Headings: each has an id of its own and a link to itself; and what stands under each, for the search."""

import re
from collections.abc import Iterator
from html import escape, unescape
from html.parser import HTMLParser
from typing import NamedTuple

_HEADING = re.compile(r"(?<!<div class=\"headed\">)<(h[1-6])\b([^>]*)>(.*?)</\1>", re.DOTALL)
CONTENTS = "<!-- contents -->"
"""Where a template wants the contents of its page."""
_ID = re.compile(r'\sid="([^"]*)"')


def slug(text: str) -> str:
    """Return a heading's id, as the code host makes it: links made for there lead to the same heading here."""
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-") or "section"


def permalink(name: str, words: str) -> str:
    """Return the link to a heading: seen when the heading is pointed at or the link has the focus."""
    return f'<a class="permalink" href="#{name}" aria-label="Link to: {escape(words)}">#</a>'


def anchored(html: str) -> str:
    """Return a page in which every heading has an id, unique there, and a link to it; and contents at `CONTENTS`."""
    taken = set(_ID.findall(html))

    def anchor(match: re.Match[str]) -> str:
        tag, attributes, inner = match.groups()
        given = _ID.search(attributes)
        words = plain_text(inner)
        name = given[1] if given else _free(slug(words), taken)
        taken.add(name)
        attributes = attributes if given else f'{attributes} id="{name}"'
        return f'<div class="headed"><{tag}{attributes}>{inner}</{tag}>{permalink(name, words)}</div>'

    return _with_contents(_HEADING.sub(anchor, html))


def plain_text(html: str) -> str:
    """Return the words of some HTML."""
    return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())


def _with_contents(html: str) -> str:
    """Return a page with contents where its mark was: the headings of the second rank, if there are several."""
    found = re.findall(r'<h2[^>]*? id="([^"]*)"[^>]*>(.*?)</h2>', html, re.DOTALL)
    lines = [f'<li><a href="#{name}">{escape(plain_text(words))}</a></li>' for name, words in found]
    listed = f'<nav class="contents" aria-label="On this page"><ul>{"".join(lines)}</ul></nav>'
    return html.replace(CONTENTS, listed if len(lines) > 2 else "")


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
            self._heading, self._title = tag, ""
            self._id = "" if tag == "dt" else given.get("id") or ""
        elif tag == "a" and given.get("class") == "permalink":
            self._link = True
            self._id = self._id or (given.get("href") or "").removeprefix("#")
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
