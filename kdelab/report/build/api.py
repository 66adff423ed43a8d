"""The API reference: pages of what Sphinx makes of the docstrings, drawn again when the library has changed."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import kdelab
from kdelab.report.build.autodoc import PAGES
from kdelab.report.build.fingerprints import digest_of
from kdelab.report.build.mathml import headed, scrolling
from kdelab.report.build.places import CODE
from kdelab.report.build.plain import Plain, mark, marked
from kdelab.report.build.project import Made


def files() -> list[str]:
    """Return the reference's pages, the list of all first."""
    return [f"api/{name}.html" for name in ("index", *PAGES)]


def write_api(made: Made) -> tuple[list[str], list[str]]:
    """Write the reference if the library has changed since; return the pages written, and what went wrong."""
    package = Path(kdelab.__file__).parent
    now = mark(made, [(path.name, digest_of(path)) for path in sorted(package.rglob("*.py"))])
    if all(marked(made, name, now) for name in files()):
        return [], []
    try:
        bodies = _bodies(package.parent)
    except (OSError, ValueError) as error:
        return [], [f"the API reference: {error}"]
    pages = [
        Plain(f"api/{name}.html", name if name != "index" else "API", "API", f"{body}\n{now}", _source(name))
        for name, body in bodies.items()
    ]
    return [page.file for page in pages if page.write(made)], []


def _source(page: str) -> tuple[str, str]:
    folder = "kdelab" if page == "index" else page.replace(".", "/")
    return f"the docstrings in {folder}", CODE + folder + (".py" if page == "kdelab.distributed" else "")


def _bodies(root: Path) -> dict[str, str]:
    """Return what Sphinx makes of each page.

    Raises
    ------
    ValueError
        If it gives up, with what it says.
    """
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    with tempfile.TemporaryDirectory() as name:
        done = subprocess.run(
            [sys.executable, "-m", "kdelab.report.build.autodoc", name],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            capture_output=True,
            text=True,
        )
        wrong = [line for line in done.stderr.splitlines() if "autodoc: failed" in line]
        if done.returncode or wrong:
            raise ValueError("; ".join(wrong) or done.stderr.strip().rpartition("\n")[2] or "Sphinx failed")
        return {page: _ours((Path(name) / f"{page}.html").read_text(encoding="utf-8")) for page in ("index", *PAGES)}


def _ours(html: str) -> str:
    """Return Sphinx's HTML with our links and boxes that scroll, and without the base of all classes."""
    html = re.sub(r'<a class="headerlink"[^>]*>[^<]*</a>(?=</h\d>)', "", html)  # headings get theirs as on all pages
    links = r'<a class="headerlink" href="#([^"]*)" title="([^"]*)">'
    html = re.sub(links, r'<a class="permalink" href="#\1" aria-label="\2">', html)
    html = re.sub(r"<p>Bases: <code[^>]*><span[^>]*>object</span></code></p>", "", html)
    html = re.sub(r"<table.*?</table>", lambda table: scrolling(headed(table[0]), "Table"), html, flags=re.DOTALL)
    code = r'<div class="highlight"><pre>.*?</pre>\s*</div>'
    return re.sub(code, lambda shown: scrolling(shown[0], "Code, for reading"), html, flags=re.DOTALL)
