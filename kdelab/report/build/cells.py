"""What the other modules need to know of a notebook: its file, and the cells, tags, verdicts and figures in it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from kdelab.plot import FIGURE, SHARED
from kdelab.report.build.decoding import decoded
from kdelab.report.build.inside import CUT
from kdelab.report.build.project import encoded
from kdelab.report.build.verdict_json import flaw
from kdelab.report.verdicts import MIME

PARAMETERS, EXPLORE = "parameters", "explore"
WIDGET = "application/vnd.jupyter.widget-view+json"


def tags(cell: Any) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.get("metadata", {}).get("tags", []))


@dataclass(frozen=True)
class NotebookFile:
    """A notebook's file, read once: its bytes and the notebook in them, as nbformat 4, or why there is none."""

    path: Path
    content: bytes = b""
    notebook: Any = None
    problem: str = ""

    @classmethod
    def read(cls, path: Path) -> "NotebookFile":
        """Return what is in the file; whatever is wrong with it is its `problem`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            return cls(path, problem=error.strerror or str(error))
        return cls.of(path, content)

    @classmethod
    def of(cls, path: Path, content: bytes) -> "NotebookFile":
        """Return what a file of these bytes holds."""
        try:
            return cls(path, content, _parsed(content))
        except Exception as error:  # nbformat has many ways to stumble over what is no notebook
            reason = str(error).strip().splitlines() or [type(error).__name__]
            return cls(path, content, problem=f"not a notebook: {reason[0][:200]}")

    def found(self) -> Any:
        """Return the notebook; ValueError, naming the file, if there is none."""
        if self.notebook is None:
            raise ValueError(f"{self.path.name}: {self.problem}")
        return self.notebook

    def verdicts(self) -> dict[str, dict[str, Any]]:
        """Return the verdicts that its outputs carry, by claim; ValueError, naming the file, if that can't be told."""
        notebook = self.found()
        try:
            return verdicts(notebook)
        except ValueError as error:
            raise ValueError(f"{self.path.name}: {error}") from None


def read(path: Path) -> Any:
    """Return the notebook in the file, as nbformat 4.

    Raises
    ------
    ValueError
        If there is no file that can be read, or it is no notebook; says which, and what is wrong with it.
    """
    return NotebookFile.read(path).found()


def content(notebook: Any) -> bytes:
    """Return what the file of a notebook holds."""
    return encoded(nbformat.writes(notebook) + "\n")


def _parsed(content: bytes) -> Any:
    raw = decoded(content)
    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), int):
        raise ValueError("it is JSON, but has no nbformat")
    if raw["nbformat"] == 4 and not isinstance(raw.get("cells"), list):
        raise ValueError("it has no cells")
    if raw["nbformat"] == 4:  # nbformat.reads would write what is wrong with it to the log, and go on
        notebook = nbformat.v4.upgrade(nbformat.v4.to_notebook_json(raw))
    else:
        notebook = nbformat.reads(content.decode("utf-8"), as_version=4)
    nbformat.validate(notebook, relax_add_props=True)
    return notebook


def listed(folder: Path) -> list[Path]:
    """Return the numbered notebooks of a folder, in order; a playground has no number and is no page."""
    return sorted(folder.glob("[0-9][0-9]-*.ipynb"))


def chosen(folder: Path, names: Iterable[str]) -> list[Path]:
    """Return the notebooks of a folder with these names, each a stem or its number; all for none.

    Raises
    ------
    ValueError
        If a name fits no notebook.
    """
    paths = listed(folder)
    wanted = [Path(name).name.removesuffix(".ipynb") for name in names]
    for name in wanted:
        if not any(name in (path.stem, path.stem[:2]) for path in paths):
            allowed = ", ".join(path.stem for path in paths)
            raise ValueError(f"notebook: {name!r} given, there are {allowed or 'none'} in {folder}")
    if not paths:
        raise ValueError(f"--root: there are no numbered notebooks in {folder}")
    return [path for path in paths if not wanted or path.stem in wanted or path.stem[:2] in wanted]


def tidy(notebook: Any, drawn: bool = False) -> Any:
    """Return a copy without anything that differs between two runs of the same source: times, paths, versions.

    Cell ids follow from the source, so that an insertion renames nothing below it. What only a page draws stays if it
    is to be ``drawn``: outputs of explorer cells, which nbval is told to skip, and what a figure is shared as.
    """
    seen: dict[str, int] = {}
    kept = []
    unkept = {WIDGET} if drawn else {WIDGET, SHARED}  # a widget's number says nothing once the kernel has ended
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode("utf-8", "surrogatepass")).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        labels = sorted({*tags(cell), *(["nbval-skip"] if EXPLORE in tags(cell) else [])})
        clean = {
            "cell_type": cell.cell_type,
            "id": name if seen[name] == 1 else f"{name}-{seen[name]}",
            "metadata": {"tags": labels} if labels else {},
            "source": cell.source,
        }
        if "attachments" in cell:
            clean["attachments"] = cell.attachments
        if cell.cell_type == "code":
            dropped = EXPLORE in labels and not drawn
            clean["execution_count"] = None if dropped else cell.get("execution_count")
            clean["outputs"] = [] if dropped else _joined(_without(unkept, cell.get("outputs", [])))
        kept.append(clean)
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.from_dict({"cells": kept, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


def _without(kinds: set[str], outputs: Iterable[Any]) -> Iterator[Any]:
    """Yield outputs without what they hold of these MIME types."""
    for output in outputs:
        if kinds.isdisjoint(output.get("data", {})):
            yield output
        else:
            data = {kind: held for kind, held in output.data.items() if kind not in kinds}
            yield nbformat.from_dict({**output, "data": data})


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """Join what one stream got in pieces: how a kernel cuts its messages is chance."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            joined[-1] = nbformat.from_dict({**last, "text": last.text + output.text})
        else:
            joined.append(output)
    return joined


def title(notebook: Any, default: str) -> str:
    """Return the text of the first heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                if line.startswith("# "):
                    return line[2:].strip() or default
    return default


def cell_name(notebook: Any, index: int) -> str:
    """Return a name by which a reader finds a cell: its number, its id and the heading above it."""
    heading = ""
    for cell in notebook.cells[:index]:
        if cell.cell_type == "markdown":
            headings = [line.lstrip("# ").strip() for line in cell.source.splitlines() if line.startswith("#")]
            heading = headings[-1] if headings else heading
    under = f", under “{heading}”" if heading else ""
    return f"cell {index + 1} (id {notebook.cells[index].get('id', '?')}{under})"


@dataclass(frozen=True)
class Figure:
    """A displayed figure: PNG in base64, what it shows, and whether it decides the claim."""

    png: str
    alt: str
    caption: str
    decisive: bool


def outputs(notebook: Any) -> Iterator[tuple[int, Any]]:
    """Yield cell index and output, for all outputs."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            yield index, output


def verdicts(notebook: Any) -> dict[str, dict[str, Any]]:
    """Return the verdicts that the outputs carry, in JSON form, by claim.

    Raises
    ------
    ValueError
        If one of them is not what :meth:`kdelab.Verdict.as_json` gives.
    """
    found = {}
    for index, output in outputs(notebook):
        if MIME in output.get("data", {}):
            verdict = output.data[MIME]
            if wrong := flaw(verdict):
                raise ValueError(f"{cell_name(notebook, index)} shows a verdict that is none: {wrong}")
            found[verdict["claim"]] = verdict
    return found


def cut(notebook: Any) -> list[str]:
    """Return the names of the cells of whose outputs a part was left out, as too large."""
    found = []
    for index, output in outputs(notebook):
        text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
        if CUT in text and cell_name(notebook, index) not in found:
            found.append(cell_name(notebook, index))
    return found


def stderr_of(notebook: Any) -> str:
    """Return where and what a notebook wrote to stderr, or an empty string."""
    for index, output in outputs(notebook):
        if output.output_type == "stream" and output.name == "stderr":
            return f"{cell_name(notebook, index)} writes to stderr: {output.text.strip()[:500]}"
    return ""


def figures(notebook: Any) -> list[Figure]:
    """Return the figures displayed through :func:`kdelab.plot.style.show`."""
    found = []
    for _, output in outputs(notebook):
        png = output.get("data", {}).get("image/png")
        if png is not None:
            told, image = (_mapping(output.get("metadata", {}).get(name)) for name in (FIGURE, "image/png"))
            alt, caption = str(image.get("alt", "")), str(told.get("caption", ""))
            found.append(Figure(str(png), alt, caption, bool(told.get("decisive"))))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
