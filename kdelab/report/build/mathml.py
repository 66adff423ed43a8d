"""TeX to MathML at build time: mathematics that browsers draw without a script and without a network."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from html import escape, unescape
from typing import Any
from xml.etree import ElementTree

from latex2mathml.converter import convert_to_element
from markupsafe import Markup
from mistune.util import safe_entity
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

# latex2mathml knows the environments that stand alone, not those that belong inside of a formula.
_ENVIRONMENTS = {"aligned": "align*", "align": "align*", "gathered": "align*", "equation": "align*", "dcases": "cases"}
_ROWS = {"math", "mrow", "mtd", "mstyle", "mpadded"}
_BARS = {"|", "‖"}
_LETTERS = {"∂", "∇", "∞", "∅"}  # symbols that stand for a thing; latex2mathml takes some operators for one, too
_OPERATORS = {"~": "∼"}
_SCRIPTED = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
_SPACED = {"mo", "mspace", "mtext"}  # what keeps its own distance
_LONG = 40  # characters of TeX; such a formula gets a line of its own on a phone
_MEANS = {"href", "style", "class", "id"}  # what \href, \style and others would say to the page around the formula
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
        math = convert_to_element(known, xmlns="", display="block" if display else "inline")
    except Exception as error:
        raise ValueError(f"tex: {tex!r} is not understood: {type(error).__name__} {error}") from None
    math.attrib.pop("xmlns", None)
    gap = "0.12em" if "align*" in known else "0.5em"
    for element in math.iter():
        _refuse_the_unknown(element, tex)
        _translate(element, gap)
    for row in [element for element in math.iter() if element.tag in _ROWS]:
        _pair_bars(row)
        _set_functions_apart(row)
    math.set("alttext", tex.strip())
    return ElementTree.tostring(math, encoding="unicode")


def _refuse_the_unknown(element: ElementTree.Element, tex: str) -> None:
    """Raise ValueError for what latex2mathml has passed through."""
    if element.text == "&":
        raise ValueError(f"tex: & in {tex!r} is not understood: it stands in no table")
    if re.match(r"\\[A-Za-z]", element.text or ""):
        raise ValueError(f"tex: {element.text} in {tex!r} is not understood")


def _translate(element: ElementTree.Element, gap: str) -> None:
    """Turn what browsers don't know, or must not obey, into what they do; `gap` is the space beside a table's cells."""
    element.text = unescape(element.text) if element.text else element.text  # symbols are character references
    for name in _MEANS.intersection(element.attrib):
        del element.attrib[name]
    if element.get("mathvariant") == "bold":
        element.text = (element.text or "").translate(_BOLD)
    if element.tag == "mo" and re.fullmatch(r"[A-Za-z]{2,}", element.text or ""):
        element.tag = "mi"  # a name: as an operator it would be set apart on both sides
    if element.tag == "mi" and element.text not in _LETTERS and unicodedata.category((element.text or " ")[0]) == "Sm":
        element.tag, element.text = "mo", _OPERATORS.get(element.text or "", element.text)
    if element.get("columnalign"):  # browsers want style where MathML once had attributes
        element.set("style", f"text-align:{element.get('columnalign')};padding:0.25em {gap}")


def _pair_bars(row: ElementTree.Element) -> None:
    """Tell the opening bar of |x| from the closing one: else each is set apart as if it stood between two things."""
    opens = True
    for element in row:
        if element.tag == "mo" and element.text in _BARS and not element.get("form"):
            element.attrib |= {"form": "prefix" if opens else "postfix", "lspace": "0", "rspace": "0"}
            opens = not opens


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
    if display:
        return scrolling(math, "Formula", "formula")
    return scrolling(math, "Formula", "long", "span") if len(tex) > _LONG else math


def headed(table: str) -> str:
    """Return a table whose headers say of what: those in two rows, each half empty, in one; an empty one is none."""
    head, body, rest = table.partition("<tbody")
    rows = re.findall(r"<tr\b[^>]*>(.*?)</tr>", head, re.DOTALL)
    cells = [re.findall(r"<th\b([^>]*)>\s*(.*?)\s*</th>", row, re.DOTALL) for row in rows]
    if len(rows) == 2 and "span=" not in head and len(cells[0]) == len(cells[1]):
        pairs = [(upper, lower) for (_, upper), (_, lower) in zip(*cells, strict=True)]
        if all(not (upper and lower) for upper, lower in pairs):
            merged = "".join(f"<th>{upper or lower}</th>" for upper, lower in pairs)
            head = f"{head[: head.index('<tr')]}<tr>{merged}</tr></thead>"
    named = re.sub(r"<th\b(?![^>]*scope)", '<th scope="col"', head) + re.sub(
        r"<th\b(?![^>]*scope)", '<th scope="row"', body + rest
    )
    return re.sub(r"<th\b[^>]*>\s*</th>", "<td></td>", named)


def scrolling(html: str, name: str, kind: str = "scrolls", tag: str = "div") -> str:
    """Return what may be wider than a page in a box of its own, that a keyboard can scroll."""
    return f'<{tag} class="{kind}" tabindex="0" role="group" aria-label="{name}">{html}</{tag}>'


class _Renderer(IPythonRenderer):
    lead: Callable[[str], str] = staticmethod(str)  # links of the source to links of the page
    picture: Callable[[str], str] = staticmethod(str)  # likewise, to what is in the page itself

    def text(self, text: str) -> str:
        return str(safe_entity(text))  # &nbsp; and its like may be written, tags may not

    def inline_math(self, body: str) -> str:
        return render(body)

    def block_math(self, body: str) -> str:
        return render(body, display=True)

    def latex_environment(self, name: str, body: str) -> str:
        return render(rf"\begin{{{name}}}{body}\end{{{name}}}", display=True)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return str(super().link(text, self.lead(url), title))

    def block_code(self, code: str, info: str | None = None) -> str:
        shown = super().block_code(code, info)
        return scrolling(shown, "Code, for reading")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        if url.removeprefix("attachment:") in self.attachments:
            return str(super().image(text, url, title))
        shown = self.picture(url)
        if shown != url:
            return f'<img src="{escape(shown)}" alt="{escape(text)}">'
        # Pages load nothing: a picture that isn't in the page is a link.
        return str(super().image(text, url, title)) if url.startswith("data:image/") else self.link(text, url, title)


def _rendered(source: str, renderer: _Renderer) -> str:
    html = str(MarkdownWithMath(renderer=renderer).render(source))
    html = re.sub(r"</math></span>([.,;:])", r"</math>\1</span>", html)  # a line of its own ends with what ends it
    return re.sub(r"<table>.*?</table>", lambda table: scrolling(headed(table[0]), "Table"), html, flags=re.DOTALL)


def markdown(
    source: str,
    lead: Callable[[str], str] = str,
    attachments: Mapping[str, Any] | None = None,
    picture: Callable[[str], str] = str,
) -> Markup:
    """Return HTML for Markdown with TeX in it. HTML in it is shown as text, and links run no scripts.

    `lead` says where a link leads from the page, `picture` which data a picture is; `attachments` are the cell's own.
    """
    renderer = _Renderer(True, False, exclude_anchor_links=True, attachments=dict(attachments or {}))
    renderer.lead, renderer.picture = lead, picture
    return Markup(_rendered(source, renderer))


def inline(source: str) -> Markup:
    """Return HTML for one line of Markdown, without the paragraph around it."""
    return Markup(re.sub(r"^<p>|</p>$", "", markdown(source).strip()))


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
            _rendered(cell.source, Collector(True, False, exclude_anchor_links=True))
    return found
