"""TeX to MathML at build time: mathematics that browsers draw without a script and without a network."""

import re
from html import escape
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

# latex2mathml knows the environments that stand alone, not those that belong inside of a formula.
_ENVIRONMENTS = {"aligned": "align*", "align": "align*", "gathered": "align*", "equation": "align*", "dcases": "cases"}
_ROWS = {"math", "mrow", "mtd", "mstyle", "mpadded"}
_SCRIPTED = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
_SPACED = {"mo", "mspace", "mtext"}  # what keeps its own distance
# Browsers know no mathvariant but `normal`, so bold letters and digits must be characters of their own.
_BOLD = {ord("A") + i: 0x1D400 + i for i in range(26)} | {ord("a") + i: 0x1D41A + i for i in range(26)}
_BOLD |= {ord("0") + i: 0x1D7CE + i for i in range(10)}


def to_mathml(tex: str, display: bool = False) -> str:
    """Return MathML for a formula, with its source as alternative text.

    Raises
    ------
    ValueError
        If the formula has a command or environment that isn't understood.
    """
    known = tex.strip()
    for inner, outer in _ENVIRONMENTS.items():
        known = known.replace(f"{{{inner}}}", f"{{{outer}}}")
    try:
        math = ElementTree.fromstring(convert(known, xmlns="", display="block" if display else "inline"))
    except Exception as error:
        raise ValueError(f"tex: {tex!r} is not understood: {type(error).__name__} {error}") from None
    for element in math.iter():
        if re.match(r"\\[A-Za-z]", element.text or ""):
            raise ValueError(f"tex: {element.text} in {tex!r} is not understood")
        if element.get("mathvariant") == "bold":
            element.text = (element.text or "").translate(_BOLD)
        if element.tag == "mo" and re.fullmatch(r"[A-Za-z]{2,}", element.text or ""):
            element.tag = "mi"  # a name: as an operator it would be set apart on both sides
        if element.get("columnalign"):  # browsers want style where MathML once had attributes
            gap = "0.12em" if "align*" in known else "0.5em"
            element.set("style", f"text-align:{element.get('columnalign')};padding:0.25em {gap}")
    for row in [element for element in math.iter() if element.tag in _ROWS]:
        _set_functions_apart(row)
    math.set("alttext", tex.strip())
    return ElementTree.tostring(math, encoding="unicode")


def _set_functions_apart(row: ElementTree.Element) -> None:
    """Put thin spaces around a function's name: S log p, not Slogp."""
    children = list(row)
    for place in range(len(children) - 1, 0, -1):
        before, after = children[place - 1], children[place]
        if (_is_function(before) and after.tag not in _SPACED) or (_is_function(after) and before.tag not in _SPACED):
            row.insert(place, ElementTree.Element("mspace", width="0.17em"))


def _is_function(element: ElementTree.Element) -> bool:
    name = element[0] if element.tag in _SCRIPTED and len(element) else element
    return name.tag == "mi" and re.fullmatch(r"[A-Za-z]{2,}\d*", name.text or "") is not None


def render(tex: str, display: bool = False) -> str:
    """Return MathML, or the formula's source marked as such where it isn't understood."""
    try:
        math = to_mathml(tex, display)
    except ValueError:
        math = f'<code class="tex">{escape(tex.strip())}</code>'
    return f'<div class="formula">{math}</div>' if display else math


class _Renderer(IPythonRenderer):
    up = ""  # the way from the page to the folder of all pages

    def inline_math(self, body: str) -> str:
        return render(body)

    def block_math(self, body: str) -> str:
        return render(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        return render(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        # On the site, a neighbouring notebook is a neighbouring page.
        return str(super().link(text, re.sub(r"^(\d\d-[\w-]+)\.ipynb", rf"{self.up}\1.html", url), title))


def markdown(source: str, up: str = "") -> str:
    """Return HTML for Markdown with TeX in it; `up` leads from the page to the folder of all pages."""
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    renderer.up = up
    return MarkdownWithMath(renderer=renderer).render(source)


def inline(source: str) -> str:
    """Return HTML for one line of Markdown, without the paragraph around it."""
    return re.sub(r"^<p>|</p>$", "", markdown(source).strip())


def formulas(notebook: Any) -> list[tuple[str, bool]]:
    """Return all formulas of a notebook's prose, each with whether it stands in a line of its own."""
    found: list[tuple[str, bool]] = []

    class Collector(_Renderer):
        def inline_math(self, body: str) -> str:
            found.append((body, False))
            return ""

        def block_math(self, body: str) -> str:
            found.append((body, True))
            return ""

        def latex_environment(self, name: str, body: str) -> str:
            found.append((rf"\begin{{{name}}}{body}\end{{{name}}}", True))
            return ""

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            MarkdownWithMath(renderer=Collector(escape=False, exclude_anchor_links=True)).render(cell.source)
    return found
