"""What is published: the outputs committed in notebooks/; from them, reports/verdicts.md and the README's table."""

import re
from collections.abc import Iterable, Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

import nbformat

from kdelab.report.build import cells, parameters
from kdelab.report.build.cells import tidy
from kdelab.report.build.client import TIMEOUT
from kdelab.report.build.fingerprints import refuse_another_kdelab
from kdelab.report.build.project import Project, write
from kdelab.report.build.runs import Job, running
from kdelab.report.claims import BY_ID, CLAIMS, THREAD, Claim, of_notebook
from kdelab.report.verdicts import SYMBOLS

BEGIN, END = "<!-- verdicts:begin -->", "<!-- verdicts:end -->"
LARGEST = 500_000  # bytes of a committed notebook
COMMAND = "python -m kdelab.report notebooks"


def verdicts_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the verdicts that the notebooks of a folder carry in their outputs, in JSON form, by claim."""
    found: dict[str, dict[str, Any]] = {}
    for path in cells.listed(folder):
        try:
            found |= cells.verdicts(cells.read(path))
        except ValueError as error:
            raise ValueError(_named(path, error)) from None
    return found


def _named(path: Path, error: ValueError) -> str:
    return str(error) if path.name in str(error) else f"{path.name}: {error}"


def summary(verdict: Mapping[str, Any] | None) -> tuple[str, str, str, str]:
    """Return status, and name, value and bound of the telling check, of a verdict in JSON form; None is open."""
    if verdict is None:
        return "open", "", "", ""
    key = cells.key_of(verdict)
    if key is None:
        return verdict["status"], "", "", ""
    name, shown, bound = (" ".join(key[part].split()) for part in ("name", "shown", "bound"))  # one line of a table
    return verdict["status"], name, shown, bound


def _row(*fields: str) -> str:
    return "| " + " | ".join(escape(field, quote=False).replace("|", r"\|") for field in fields) + " |"


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
    """Return the summaries in the text of verdicts.md, by claim.

    Raises
    ------
    ValueError
        If a line isn't a whole row of the table, naming it.
    """
    found = {}
    for number, line in enumerate(markdown.splitlines(), 1):
        if not line.startswith("| `"):
            if line.startswith(("<<<<<<< ", ">>>>>>> ")) or (number == 1 and not line.startswith(("#", "|"))):
                raise ValueError(f"line {number} is no part of the table: {line[:60]}")
            continue
        fields = [unescape(field.strip()).replace(r"\|", "|") for field in re.split(r"(?<!\\)\|", line)[1:-1]]
        symbol, _, status = fields[2].partition(" ") if len(fields) == 7 else ("", "", "")
        if SYMBOLS.get(status) != symbol or not line.rstrip().endswith("|"):
            raise ValueError(f"line {number} is not a whole row of the table: {line[:60]}")
        found[fields[0].strip("`")] = (status, fields[3], fields[4], fields[5])
    return found


def recorded(project: Project) -> dict[str, tuple[str, str, str, str]]:
    """Return the summaries in reports/verdicts.md, by claim; nothing if there is none.

    Raises
    ------
    ValueError
        If it can't be read, or is damaged.
    """
    path = project.reports / "verdicts.md"
    if not path.exists():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        if not text.endswith("\n"):
            raise ValueError("it ends in the middle of a line")
        return parse(text)
    except (OSError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise ValueError(f"reports/verdicts.md: damaged, `{COMMAND}` writes it anew: {error}") from None


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


def _texts(project: Project) -> dict[str, str]:
    """Return what is published, by file: reports/verdicts.md and, where the README has the two markers, its table."""
    found = {"reports/verdicts.md": verdicts_markdown(project)}
    readme = project.root / "README.md"
    if readme.exists():
        text = readme.read_text(encoding="utf-8")
        before, begin, rest = text.partition(BEGIN)
        _, end, after = rest.partition(END)
        if begin and not end:
            raise ValueError(f"README.md: {BEGIN} without {END}")
        if begin:
            found["README.md"] = f"{before}{BEGIN}\n{readme_table(project)}\n{END}{after}"
    return found


def publish(project: Project) -> None:
    """Write reports/verdicts.md and, where the README has the two markers, its table.

    Raises
    ------
    ValueError
        If a notebook can't be read: its verdicts would be lost. Nothing is written then.
    """
    for name, text in _texts(project).items():
        write(project.root / name, text)


def refresh(project: Project, names: Iterable[str] = (), timeout: float = TIMEOUT) -> list[str]:
    """Run notebooks with their default parameters, keep their outputs in them, and publish the verdicts.

    A notebook that fails, or writes to stderr, keeps its old outputs. Returns what went wrong, a line each.
    """
    refuse_another_kdelab(project)
    wrong, jobs = [], []
    for path in chosen(project, names):
        try:
            jobs.append(Job(path, tidy(cells.read(path))))  # tidy: every cell has an id of its own
        except ValueError as error:
            wrong.append(str(error))
    with running(project, jobs, "notebooks", timeout=timeout) as runs:
        for job, run in runs:
            problem = f"{run.failure['cell']}: {run.failure['error']}" if run.failure else _unfit(run.notebook)
            if not problem and not _as_it_was(job):
                problem = "its file changed while it ran, and was left alone"
            if problem:
                wrong.append(f"{job.path.stem}: {problem}")
                continue
            ran = {cell.id: cell for cell in run.notebook.cells}
            for cell in job.notebook.cells:
                if cell.cell_type == "code" and cell.id in ran:
                    cell.outputs, cell.execution_count = ran[cell.id].outputs, ran[cell.id].execution_count
            write(job.path, nbformat.writes(tidy(job.notebook)) + "\n")
    try:
        publish(project)
    except (ValueError, OSError) as error:
        wrong.append(f"the published verdicts are as they were: {error}")
    return wrong


def _as_it_was(job: Job) -> bool:
    try:
        return bool(tidy(cells.read(job.path)) == job.notebook)
    except ValueError:
        return False


def _unfit(notebook: Any) -> str:
    """Return why outputs can't be published, or an empty string."""
    cut = cells.cut(notebook)
    return f"{cut[0]} shows too much: some of it was left out" if cut else stderr_of(notebook)


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
    if not paths:
        raise ValueError(f"--root: there are no numbered notebooks in {project.notebooks}")
    return [path for path in paths if not wanted or path.stem in wanted or path.stem[:2] in wanted]


def problems(project: Project) -> list[str]:
    """Return what is out of step between notebooks, claims, verdicts.md and README, a line each."""
    found = []
    for path in cells.listed(project.notebooks):
        try:
            found += [f"{path.name}: {problem}" for problem in _problems_of(path, cells.read(path))]
        except ValueError as error:
            found.append(_named(path, error))
    try:
        expected = _texts(project)
    except (ValueError, OSError) as error:
        return [*found, *([] if str(error) in found else [str(error)])]
    for name, text in expected.items():
        path = project.root / name
        if not path.exists() or path.read_bytes() != text.encode():
            found.append(f"{name}: not what the notebooks' outputs say; `{COMMAND}` writes it")
    return found


def _problems_of(path: Path, notebook: Any) -> list[str]:
    found = []
    if path.stat().st_size > LARGEST:
        found.append(f"{path.stat().st_size:,} bytes, allowed are {LARGEST:,}")
    if path.read_text(encoding="utf-8") != nbformat.writes(tidy(notebook)) + "\n":
        found.append(f"not as `{COMMAND} {path.stem[:2]}` leaves it (ids, tags, times)")
    try:
        if not parameters.defaults(notebook):
            found.append("no cell tagged `parameters` that assigns any")
    except ValueError as error:
        found.append(str(error))
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
