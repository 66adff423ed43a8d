"""What may stand on a page: a policy against all loading and all scripts but ours, and HTML cleaned of the others."""

import base64
import hashlib
import re
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import bleach  # type: ignore[import-untyped]
import jinja2
from markupsafe import Markup, escape
from nbconvert import HTMLExporter, TemplateExporter
from nbconvert.filters import Highlight2HTML, ansi2html
from traitlets.config import Config

from kdelab.plot import SHARED
from kdelab.report import thread
from kdelab.report.build import mathml
from kdelab.report.build.places import HOSTED, leading
from kdelab.report.claims import CLAIMS
from kdelab.report.explorer import module as explorer
from kdelab.report.verdicts import MIME, ROLES, SYMBOLS

TEMPLATES = Path(__file__).parent / "templates"

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_PLAIN = """
a b blockquote br caption code col colgroup dd del details div dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins
kbd li mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var
"""
_ATTRIBUTES = {"alt", "align", "colspan", "height", "open", "rowspan", "scope", "span", "start", "title", "width"}
_UNSEEN = re.compile(r"<(script|style|template|title|textarea)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_PRIORITY = [explorer.MIME, "text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg"]
_PRIORITY += ["text/latex", "text/plain"]


def policy(scripts: Iterable[str] = ()) -> str:
    """Return a page's Content-Security-Policy: nothing is loaded, and nothing runs but inline scripts of these texts.

    Pictures and styles are in the page itself.
    """
    digests = [hashlib.sha256(text.encode()).digest() for text in scripts]
    allowed = [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]
    return f"{_POLICY}; script-src {' '.join(allowed)}" if allowed else _POLICY


def _allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href":
        return value.startswith(("http:", "https:", "mailto:", "#"))
    return name in _ATTRIBUTES or (name == "class" and value == "dataframe")


def clean(html: str) -> Markup:
    """Return foreign HTML with only its text, tables and pictures left: no scripts, no styles, nothing loaded."""
    text = _UNSEEN.sub("", html)  # not for reading; whatever this misses loses its tags below
    schemes = {"http", "https", "mailto", "data"}
    kept = bleach.clean(text, set(_PLAIN.split()), _allowed, protocols=schemes, strip=True)
    return Markup(mathml.headed(kept))


def _globals(environment: jinja2.Environment) -> jinja2.Environment:
    environment.autoescape = True
    environment.filters["urlencode"] = lambda name: quote(str(name), errors="surrogateescape")
    mimes = {"mime": MIME, "thread_mime": thread.MIME, "shared_mime": SHARED, "explorer_mime": explorer.MIME}
    environment.globals.update(symbols=SYMBOLS, roles=ROLES, policy=policy, hosted=HOSTED, **mimes)
    environment.globals.update(explorer_style=explorer.STYLE, explorer_script=explorer.SCRIPT)
    environment.globals["texts"] = {claim.id: claim.text for claim in CLAIMS}
    return environment


def index_environment() -> jinja2.Environment:
    """Return the environment in which the index is drawn."""
    loader = jinja2.FileSystemLoader([TEMPLATES, TEMPLATES / "page"])
    return _globals(jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined))


class _Exporter(HTMLExporter):
    """nbconvert's, but for its last step, which reads each page again to give every image a text: ours have theirs."""

    def from_notebook_node(self, nb: Any, resources: Any = None, **kw: Any) -> tuple[str, dict[str, Any]]:
        drawn: tuple[str, dict[str, Any]] = TemplateExporter.from_notebook_node(
            self, nb, self._init_resources(resources), **kw
        )
        return drawn


@cache
def exporter(up: str, root: Path) -> HTMLExporter:
    """Return what draws a notebook's page; `up` leads from it to the folder of all pages, `root` is the project's.

    Everything is escaped but what these filters return.
    """
    made = _Exporter(
        config=Config(NbConvertBase={"display_data_priority": _PRIORITY}),
        template_name="page",
        extra_template_basedirs=[str(TEMPLATES)],
        sanitize_html=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        filters={
            "markdown2html": partial(mathml.markdown, lead=leading(root, "notebooks", up)),
            "inline_markdown": mathml.inline,
            "clean_html": clean,
            "escape_html": escape,
            "ansi2html": lambda text: Markup(ansi2html(text)),
            "highlight_python": _highlighted,
            "highlight_code": _highlighted,  # a block of the classic template, which ours replaces, names it
        },
    )
    _globals(made.environment)
    return made


def _highlighted(source: str) -> Markup:
    return Markup(Highlight2HTML(pygments_lexer="ipython3")(source))
