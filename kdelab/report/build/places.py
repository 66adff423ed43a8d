"""Where things are on the site: what every page leads to, and where a link into the repository leads from a page."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

HOSTED = "https://kdelab.github.io/kdelab/"
"""Where the pages are published: for canonical addresses and previews alone; nothing is loaded from there."""
CODE = "https://github.com/kdelab/kdelab/blob/main/"
"""Where the repository's files are shown: links to what has no page lead there."""

HISTORY = "benchmarks/history.csv"


def places(root: Path) -> list[tuple[str, str]]:
    """Return what every page leads to: label and file, of what this project has."""
    there = {
        "docs/index.html": any((root / "docs").glob("*.md")),
        "api/index.html": (root / "kdelab" / "__init__.py").is_file(),
        "benchmarks.html": (root / HISTORY).is_file(),
    }
    all_places = {
        "claims": "index.html",
        "thread": "thread.html",
        "guides": "docs/index.html",
        "API": "api/index.html",
        "benchmarks": "benchmarks.html",
        "explorer": "explorer.html",
        "search": "search.html",
    }
    return [(label, href) for label, href in all_places.items() if there.get(href, True)]


def leading(root: Path, folder: str, up: str) -> Callable[[str], str]:
    """Return what turns links of a file in a folder of the repository into links of its page.

    Parameters
    ----------
    root
        The repository.
    folder
        The file's, "docs" say.
    up
        Leads from the page to the folder of all pages.
    """

    def lead(url: str) -> str:
        if re.match(r"[a-z][a-z0-9+.-]*:|#|/", url, re.IGNORECASE):
            return url
        path, hash_, anchor = url.partition("#")
        name = posixpath.normpath(posixpath.join(folder, path))
        if name == "." or name.startswith(".."):
            return url
        return _page(root, name, up) + hash_ + anchor

    return lead


def _page(root: Path, name: str, up: str) -> str:
    if name == "notebooks/playground.ipynb":  # it is there to be edited; its page is to play on
        return f"{up}explorer.html"
    if notebook := re.fullmatch(r"notebooks/(\d\d-[\w-]+)\.ipynb", name):
        return f"{up}{notebook[1]}.html"
    guide = re.fullmatch(r"docs/([\w-]+)\.md", name)
    if guide and (root / unquote(name)).is_file():
        return f"{up}docs/{guide[1]}.html"
    return CODE + name
