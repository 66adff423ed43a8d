"""What is published: the outputs committed in notebooks/; from them, reports/verdicts.md and the README's table."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nbformat

from kdelab.report import cells
from kdelab.report.claims import BY_ID, CLAIMS, THREAD, Claim, of_notebook
from kdelab.report.runs import Job, Project, run_all, write
from kdelab.report.verdicts import SYMBOLS

BEGIN, END = "<!-- verdicts:begin -->", "<!-- verdicts:end -->"
LARGEST = 500_000  # bytes of a committed notebook
COMMAND = "python -m kdelab.report notebooks"


def verdicts_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the verdicts that the notebooks of a folder carry in their outputs, in JSON form, by claim."""
    found: dict[str, dict[str, Any]] = {}
    for path in cells.listed(folder):
        found |= cells.verdicts(cells.read(path))
    return found


def summary(verdict: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    """Return status, and name, value and bound of the telling check, of a verdict in JSON form; None is open."""
    if verdict is None:
        return "open", "", "", ""
    key = cells.key_of(verdict)
    return (verdict["status"], key["name"], key["shown"], key["bound"]) if key else (verdict["status"], "", "", "")


def _row(*fields: str) -> str:
    return "| " + " | ".join(field.replace("|", r"\|") for field in fields) + " |"


def _status(status: str) -> str:
    return f"{SYMBOLS[status]} {status}"


def _judged(claim: Claim, folder: Path, prefix: str) -> str:
    stem = claim.notebook
    return f"[{stem}]({prefix}{stem}.ipynb)" if (folder / f"{stem}.ipynb").exists() else stem


def verdicts_markdown(project: Project) -> str:
    """Return the text of reports/verdicts.md."""
    found = verdicts_in(project.notebooks)
    rows = [
        _row(f"`{claim.id}`", claim.said, _status(summary(found.get(claim.id))[0]), *summary(found.get(claim.id))[1:],
             _judged(claim, project.notebooks, "../notebooks/"))
        for claim in CLAIMS
    ]  # fmt: skip
    return (
        "# Published verdicts\n\n"
        "Written by `make notebooks` from the outputs committed in `notebooks/`; not to be edited. `make reports`\n"
        "names every verdict of a fresh run that differs.\n\n"
        "| claim | who | verdict | what was measured | value | bound | notebook |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def parse(markdown: str) -> dict[str, tuple[str, str, str, str]]:
    """Return the summaries in the text of verdicts.md, by claim."""
    found = {}
    for line in markdown.splitlines():
        fields = [field.strip().replace(r"\|", "|") for field in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(fields) == 7 and fields[0].startswith("`"):
            found[fields[0].strip("`")] = (fields[2].split(" ", 1)[1], fields[3], fields[4], fields[5])
    return found


def readme_table(project: Project) -> str:
    """Return the README's table: who, when, claim, verdict, bound or counterexample, meaning."""
    found = verdicts_in(project.notebooks)
    rows = []
    for claim in CLAIMS:
        status, name, value, bound = summary(found.get(claim.id))
        within = "" if value.startswith(("above", "below")) else f" ({bound})"
        measured = f"{name}: {value}{within}" if name else ""
        who = claim.said if claim.date else "ours"
        judged = _judged(claim, project.notebooks, "notebooks/")
        judged = judged.replace(f"[{claim.notebook}]", f"[{claim.notebook[:2]}]") if "[" in judged else judged[:2]
        rows.append(_row(judged, who, claim.text, f"{_status(status)}", measured, claim.meaning))
    return (
        f"The [thread's]({THREAD}) claims in our words, then our own; written by `make notebooks`.\n\n"
        "| | who | claim | verdict | measured | what it means |\n|---|---|---|---|---|---|\n" + "\n".join(rows)
    )


def _with_table(readme: str, table: str) -> str:
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def publish(project: Project) -> None:
    """Write reports/verdicts.md and, where the README has the two markers, its table."""
    write(project.reports / "verdicts.md", verdicts_markdown(project))
    readme = project.root / "README.md"
    if readme.exists() and BEGIN in readme.read_text(encoding="utf-8"):
        write(readme, _with_table(readme.read_text(encoding="utf-8"), readme_table(project)))


def tidy(notebook: Any) -> Any:
    """Return a copy without anything that differs between two runs of the same source: times, paths, versions.

    Cell ids follow from the source, so that an insertion renames nothing below it. Explorer cells have no outputs, and
    nbval is told to skip them.
    """
    seen: dict[str, int] = {}
    kept = []
    for cell in notebook.cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        seen[name] = seen.get(name, 0) + 1
        labels = sorted({*cells.tags(cell), *(["nbval-skip"] if cells.EXPLORE in cells.tags(cell) else [])})
        clean = {
            "cell_type": cell.cell_type,
            "id": name if seen[name] == 1 else f"{name}-{seen[name]}",
            "metadata": {"tags": labels} if labels else {},
            "source": cell.source,
        }
        if cell.cell_type == "code":
            explorer = cells.EXPLORE in labels
            clean["execution_count"] = None if explorer else cell.get("execution_count")
            clean["outputs"] = [] if explorer else _joined(cell.get("outputs", []))
        kept.append(clean)
    metadata = {
        "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.from_dict({"cells": kept, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})


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


def refresh(project: Project, names: Iterable[str] = ()) -> list[str]:
    """Run notebooks with their default parameters, keep their outputs in them, and publish the verdicts.

    A notebook that fails, or writes to stderr, keeps its old outputs. Returns what went wrong, a line each.
    """
    wrong = []
    for job, run in run_all([Job(path) for path in chosen(project, names)], "notebooks"):
        problem = f"{run.failure['cell']}: {run.failure['error']}" if run.failure else stderr_of(run.notebook)
        if problem:
            wrong.append(f"{job.path.stem}: {problem}")
            continue
        source = cells.read(job.path)
        ran = {cell.id: cell for cell in run.notebook.cells}
        for cell in source.cells:
            if cell.cell_type == "code" and cell.id in ran:
                cell.outputs, cell.execution_count = ran[cell.id].outputs, ran[cell.id].execution_count
        write(job.path, nbformat.writes(tidy(source)) + "\n")
    publish(project)
    return wrong


def stderr_of(notebook: Any) -> str:
    """Return where and what a notebook wrote to stderr, or an empty string."""
    for index, output in cells.outputs(notebook):
        if output.output_type == "stream" and output.name == "stderr":
            return f"{cells.cell_name(notebook, index)} writes to stderr: {output.text.strip()[:500]}"
    return ""


def chosen(project: Project, names: Iterable[str]) -> list[Path]:
    """Return the notebooks of these names, each a stem or its number; all for none.

    Raises
    ------
    ValueError
        If a name fits no notebook.
    """
    paths = cells.listed(project.notebooks)
    wanted = [Path(name).name.removesuffix(".ipynb") for name in names]
    for name in wanted:
        if not any(name in (path.stem, path.stem[:2]) for path in paths):
            allowed = ", ".join(path.stem for path in paths)
            raise ValueError(f"notebook: {name!r} given, there are {allowed or 'none'} in {project.notebooks}")
    return [path for path in paths if not wanted or path.stem in wanted or path.stem[:2] in wanted]


def problems(project: Project) -> list[str]:
    """Return what is out of step between notebooks, claims, verdicts.md and README, a line each."""
    found = []
    for path in cells.listed(project.notebooks):
        found += [f"{path.name}: {problem}" for problem in _problems_of(path)]
    text = {"reports/verdicts.md": verdicts_markdown(project)}
    readme = project.root / "README.md"
    if readme.exists() and BEGIN in readme.read_text(encoding="utf-8"):
        text["README.md"] = _with_table(readme.read_text(encoding="utf-8"), readme_table(project))
    for name, expected in text.items():
        path = project.root / name
        if not path.exists() or path.read_text(encoding="utf-8") != expected:
            found.append(f"{name}: not what the notebooks' outputs say; `{COMMAND}` writes it")
    return found


def _problems_of(path: Path) -> list[str]:
    notebook = cells.read(path)
    found = []
    if path.stat().st_size > LARGEST:
        found.append(f"{path.stat().st_size:,} bytes, allowed are {LARGEST:,}")
    if path.read_text(encoding="utf-8") != nbformat.writes(tidy(notebook)) + "\n":
        found.append(f"not as `{COMMAND} {path.stem[:2]}` leaves it (ids, tags, times)")
    if not cells.parameters_of(notebook):
        found.append("no cell tagged `parameters` that assigns any")
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source and cells.EXPLORE not in cells.tags(c)]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        found.append("its outputs are not those of one run from top to bottom")
    if stderr_of(notebook):
        found.append(stderr_of(notebook))
    for index, output in cells.outputs(notebook):
        if output.output_type == "error":
            found.append(f"{cells.cell_name(notebook, index)} failed")
    for number, figure in enumerate(cells.figures(notebook), 1):
        if not (figure.alt and figure.caption):
            found.append(f"figure {number} has no alt text or no caption: use kdelab.style.show")
    judged = cells.verdicts(notebook)
    mine = {claim.id for claim in of_notebook(path.stem)}
    found += [f"claim {name!r} is not registered in kdelab/report/claims.py" for name in judged if name not in BY_ID]
    found += [f"claim {name!r} is registered for another notebook" for name in judged if name in BY_ID.keys() - mine]
    found += [f"claim {name!r} gets no verdict" for name in sorted(mine - judged.keys())]
    return found
