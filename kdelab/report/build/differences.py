"""What differs between two executed notebooks: verdicts, numbers in checks, sources and text outputs, and figures."""

import base64
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import nbformat
from nbdime import diff_notebooks
from nbdime.prettyprint import PrettyPrintConfig, pretty_print_notebook_diff
from PIL import Image, ImageChops

from kdelab.report.build import cells

VISIBLE = 8  # of 255: what a channel may differ by between two releases of what draws
_FIELDS = ("value", "shown", "bound", "margin", "passed", "role")


@dataclass(frozen=True)
class Changed:
    """One thing that differs: of what, and how it was and is; empty text where it isn't."""

    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Picture:
    """A figure that differs: where it stands, both as PNG in base64, and the share of pixels that do."""

    where: str
    before: str
    after: str
    share: float | None = None


@dataclass(frozen=True)
class Difference:
    """What differs between two runs of a notebook; ``gone`` or ``new`` where there is only one."""

    stem: str
    title: str
    verdicts: tuple[Changed, ...] = ()
    numbers: tuple[Changed, ...] = ()
    sources: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    diff: str = ""
    figures: tuple[Picture, ...] = ()
    alone: str = ""

    def __bool__(self) -> bool:
        return any((self.verdicts, self.numbers, self.sources, self.texts, self.figures, self.alone))

    def lines(self) -> Iterator[str]:
        """Yield what differs, a line each, for a terminal."""
        if self.alone:
            yield self.alone
        for changed in self.verdicts:
            yield f"verdict {changed.what}: {changed.before or 'none'} -> {changed.after or 'none'}"
        for changed in self.numbers:
            yield f"check {changed.what}: {changed.before or 'none'} -> {changed.after or 'none'}"
        for name, where in (("source", self.sources), ("text output", self.texts)):
            yield from (f"{name} of {cell}" for cell in where)
        for picture in self.figures:
            share = "" if picture.share is None else f", {100 * picture.share:.3g} % of its pixels"
            what = "figure" if picture.before and picture.after else "lost figure" if picture.before else "new figure"
            yield f"{what} in {picture.where}{share}"


def difference(stem: str, before: Any, after: Any) -> Difference:
    """Return what differs between two executed notebooks; None for one that isn't there."""
    if before is None or after is None:
        notebook = after if before is None else before
        return Difference(stem, cells.title(notebook, stem), alone="new" if before is None else "gone")
    found = diff_notebooks(*map(_texts_only, (before, after)))
    pairs = list(_aligned(found, len(before.cells)))
    named = [_named(before, after, *pair) for pair in pairs]
    sources = [name for name, old, new in named if old is None or new is None or old.source != new.source]
    both = [(name, old, new) for name, old, new in named if old is not None and new is not None]
    texts = [name + _loose(new) for name, old, new in both if _text(old) != _text(new)]
    verdicts = cells.verdicts(before), cells.verdicts(after)
    return Difference(
        stem, cells.title(after, stem), tuple(_verdicts(*verdicts)), tuple(_numbers(*verdicts)), tuple(sources),
        tuple(texts), _printed(before, found), tuple(picture for pair in named for picture in _pictures(*pair)),
    )  # fmt: skip


def _texts_only(notebook: Any) -> Any:
    """Return sources and text outputs: what else differs is compared by itself, or says nothing."""
    made = []
    for cell in notebook.cells:
        plain = {"cell_type": cell.cell_type, "metadata": {}, "source": cell.source}
        if cell.cell_type == "code":
            plain |= {"execution_count": None, "outputs": [_text_output(o) for o in cell.outputs if _words(o)]}
        made.append(plain)
    return nbformat.from_dict({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4})


def _text_output(output: Any) -> Any:
    return {"output_type": "stream", "name": output.get("name", "stdout"), "text": _words(output)}


def _words(output: Any) -> str:
    """Return what an output says as text; a figure and a verdict say theirs elsewhere."""
    data = output.get("data", {})
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}\n"
    if "image/png" in data or cells.MIME in data:
        return ""
    return str(output.get("text", "") or data.get("text/plain", "") or data.get("text/html", ""))


def _text(cell: Any) -> list[str]:
    return [words for output in cell.get("outputs", []) if (words := _words(output))]


def _loose(cell: Any) -> str:
    return " (which may differ from run to run)" if "nbval-ignore-output" in cells.tags(cell) else ""


def _aligned(found: Any, before: int) -> Iterator[tuple[int | None, int | None]]:
    """Yield which cell became which, by nbdime's account of the two lists; None where there is none.

    Where cells went and others came, they count as the same, much changed, as far as there are as many.
    """
    changes: list[Any] = next((entry.diff for entry in found if entry.key == "cells"), [])
    i = j = 0
    for at in sorted({*(change.key for change in changes), before}):
        yield from zip(range(i, at), range(j, j + at - i), strict=True)
        i, j = at, j + at - i
        here = [change for change in changes if change.key == at]
        new = sum(len(change.valuelist) for change in here if change.op == "addrange")
        gone = sum(change.length for change in here if change.op == "removerange")
        yield from zip_longest(range(i, i + gone), range(j, j + new))
        i, j = i + gone, j + new


def _named(before: Any, after: Any, i: int | None, j: int | None) -> tuple[str, Any, Any]:
    name = cells.cell_name(before, i) if j is None and i is not None else cells.cell_name(after, j or 0)
    name += " (new)" if i is None else " (gone)" if j is None else ""
    return name, None if i is None else before.cells[i], None if j is None else after.cells[j]


def _verdicts(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Changed]:
    for claim in {**before, **after}:
        was, now = (str(side.get(claim, {}).get("status", "")) for side in (before, after))
        if was != now:
            yield Changed(claim, was, now)


def _numbers(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Changed]:
    """Yield the checks that differ, and what was measured in a sentence."""
    for claim in {**before, **after}:
        old, new = (side.get(claim, {}) for side in (before, after))
        was, now = ({check["name"]: check for check in side.get("checks", [])} for side in (old, new))
        for name in {**was, **now}:
            if any(was.get(name, {}).get(field) != now.get(name, {}).get(field) for field in _FIELDS):
                yield Changed(f"{claim}: {name}", _check(was.get(name)), _check(now.get(name)))
        for field in ("measured", "coverage", "note"):
            if old.get(field, "") != new.get(field, ""):
                yield Changed(f"{claim}: {field}", old.get(field, ""), new.get(field, ""))


def _check(check: Mapping[str, Any] | None) -> str:
    if check is None:
        return ""
    rounded = check["value"] is not None and f"{check['value']:g}" not in check["shown"]
    value = f" [{check['value']}]" if rounded else ""
    return f"{check['shown']}{value} ({check['bound']}; {check['margin']}), {'passes' if check['passed'] else 'fails'}"


def _printed(before: Any, found: Any) -> str:
    if not found:
        return ""
    out = io.StringIO()
    config = PrettyPrintConfig(out=out, use_color=False, use_git=False, use_diff=False)
    pretty_print_notebook_diff("before", "after", _texts_only(before), found, config)
    return out.getvalue().partition("\n## ")[2].strip()


def _pictures(where: str, before: Any, after: Any) -> Iterator[Picture]:
    for old, new in zip_longest(_pngs(before), _pngs(after), fillvalue=""):
        if old != new:
            share = _share(old, new) if old and new else None
            if share != 0:
                yield Picture(where, old, new, share)


def _pngs(cell: Any) -> list[str]:
    outputs = [] if cell is None else cell.get("outputs", [])
    return [str(o.data["image/png"]).replace("\n", "") for o in outputs if "image/png" in o.get("data", {})]


def _share(before: str, after: str) -> float | None:
    """Return the share of pixels that visibly differ; None for pictures of other sizes, or none at all."""
    try:
        one, other = (Image.open(io.BytesIO(base64.b64decode(png))).convert("RGBA") for png in (before, after))
    except Exception:  # a notebook may call anything a picture
        return None
    if one.size != other.size:
        return None
    bands = ImageChops.difference(one, other).split()
    most = bands[0]
    for band in bands[1:]:
        most = ImageChops.lighter(most, band)
    return sum(most.histogram()[VISIBLE + 1 :]) / (one.width * one.height)
