"""Pages that no notebook makes: each is drawn when what it shows has changed, with the navigation that all share."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kdelab.report.build.cards import about
from kdelab.report.build.fingerprints import digest
from kdelab.report.build.headings import anchored, plain_text
from kdelab.report.build.markup import index_environment
from kdelab.report.build.pages import drawing, drawn, style
from kdelab.report.build.places import places
from kdelab.report.build.project import Made, encoded


def draw(made: Made, name: str, template: str, context: Mapping[str, Any]) -> bool:
    """Write a page of a template if it has to be; return whether it was."""
    key = digest(name, json.loads(json.dumps(context)), places(made.folder.parent), drawing())
    if drawn(made, name, key):
        return False
    made.write(name, rendered(made, name, template, key, context))
    return True


def rendered(made: Made, name: str, template: str, key: str, context: Mapping[str, Any]) -> bytes:
    """Return a page of a template, with what all pages share, its headings' ids and its key."""
    shared = {"places": places(made.folder.parent), "up": "../" * name.count("/"), "style": style()}
    text = index_environment().get_template(template).render(key=key, **shared, **context)
    return encoded(anchored(text) + "\n")


def mark(made: Made, *parts: Any) -> str:
    """Return a comment that says what a page was made of: one that has it still need not be made again."""
    return f"<!-- made of {digest(*parts, places(made.folder.parent), drawing())} -->"


def marked(made: Made, file: str, mark: str) -> bool:
    """Whether a page is whole and was made of what this mark says."""
    content = made.content(file)
    return content is not None and mark.encode() in content


@dataclass(frozen=True)
class Plain:
    """A page of prose: ``here`` is its place in the navigation, ``source`` what it is made of, and where that is."""

    file: str
    title: str
    here: str
    body: str
    source: tuple[str, str]
    description: str = ""

    @property
    def summary(self) -> str:
        """Its description; without one, its first paragraph."""
        first = re.search(r"<p>(.*?)</p>", self.body, re.DOTALL)
        return self.description or (plain_text(first[1]) if first else "")

    def write(self, made: Made) -> bool:
        """Write the page if it has to be; return whether it was."""
        heading, body = _beheaded(anchored(self.body))
        context = {
            "title": self.title,
            "heading": Markup(heading),
            "here": self.here,
            "body": Markup(body),
            "source": self.source,
            "about": about(self.file, self.summary),
        }
        return draw(made, self.file, "plain.html.j2", context)


def _beheaded(body: str) -> tuple[str, str]:
    """Return the heading of the first rank, and what is left: the contents stand between them."""
    found = re.search(r'<div class="headed"><h1\b.*?</div>', body, re.DOTALL)
    return (found[0], body.replace(found[0], "", 1)) if found else ("", body)
