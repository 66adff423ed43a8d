"""The parameters of notebooks as a table for terminals."""

from kdelab.report.build import cells, declarations
from kdelab.report.build.project import Project


def text(project: Project, name: str | None = None) -> str:
    """Return name, type, default, what is allowed and meaning, a line each; of one notebook, or of all."""
    blocks = []
    for path in cells.chosen(project.notebooks, [name] if name else ()):
        known = declarations.declared(cells.read(path)).values()
        rows = [(one.name, one.kind, repr(one.default), one.domain.text, one.meaning) for one in known]
        blocks.append("\n".join([path.stem, *_aligned([("name", "type", "default", "allowed", "what it is"), *rows])]))
    return "\n\n".join(blocks)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
