"""What is published: the record of all verdicts; from it, reports/verdicts.md and the README's tally and table."""

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from kdelab.report.build import cells, parameters, record
from kdelab.report.build.annotated import outdated
from kdelab.report.build.cells import NotebookFile, tidy
from kdelab.report.build.project import Project, encoded, write
from kdelab.report.build.record import COMMAND, PUBLISH, Verdicts
from kdelab.report.build.tally import in_a_sentence, tally
from kdelab.report.build.verdict_json import summary
from kdelab.report.claims import BY_ID, CLAIMS, THREAD, Claim, of_notebook
from kdelab.report.verdicts import SYMBOLS

MARKERS = {name: (f"<!-- {name}:begin -->", f"<!-- {name}:end -->") for name in ("tally", "verdicts")}
LARGEST = 500_000  # bytes of a committed notebook


def _row(*fields: str, blank: str = " ") -> str:
    cells = (blank + escape(field, quote=False).replace("|", r"\|") + blank for field in fields)
    return f"|{'|'.join(cells)}|"


def _counted(verdicts: Verdicts) -> str:
    return in_a_sentence(tally({claim.id: summary(verdicts.get(claim.id))[0] for claim in CLAIMS}))


def _status(status: str) -> str:
    return f"{SYMBOLS[status]} {status}"


def _judged(claim: Claim, folder: Path, prefix: str) -> str:
    stem = claim.notebook
    return f"[{stem}]({prefix}{stem}.ipynb)" if (folder / f"{stem}.ipynb").exists() else stem


def verdicts_markdown(project: Project, verdicts: Verdicts) -> str:
    """Return the text of reports/verdicts.md."""
    rows = []
    for claim in CLAIMS:
        status, measured = summary(verdicts.get(claim.id))
        judged = _judged(claim, project.notebooks, "../notebooks/")
        rows.append(_row(f"`{claim.id}`", claim.said, _status(status), measured, claim.text, claim.meaning, judged))
    return (
        "# Published verdicts\n\n"
        "Written by `make notebooks` from the outputs committed in `notebooks/`; not to be edited. `make reports`\n"
        f"names every verdict of a fresh run that differs.\n\n{_counted(verdicts)}\n\n"
        f"The [thread's]({THREAD}) claims in our words, then our own.\n\n"
        "| id | who | verdict | what was measured | claim | what it means for a gun | notebook |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def readme_blocks(project: Project, verdicts: Verdicts) -> dict[str, str]:
    """Return what the README shows between markers: the tally, and the thread's claims, as narrow as a phone."""
    rows = []
    for claim in CLAIMS:
        if claim.date:
            judged = _judged(claim, project.notebooks, "notebooks/").replace(claim.notebook, claim.notebook[:2], 1)
            rows.append(_row(judged, _status(summary(verdicts.get(claim.id))[0]), claim.text, blank=""))
    return {"tally": _counted(verdicts), "verdicts": "||verdict|claim|\n|---|---|---|\n" + "\n".join(rows)}


def _tables(project: Project, verdicts: Verdicts) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield what is written from the record: the file's name, what it holds, and what it should.

    That is reports/verdicts.md and, where the README has markers, the README.
    """
    yield "reports/verdicts.md", _held(project.reports / "verdicts.md"), encoded(verdicts_markdown(project, verdicts))
    readme = _held(project.root / "README.md")
    wanted = _filled(readme, readme_blocks(project, verdicts))
    if wanted is not None:
        yield "README.md", readme, wanted


def _filled(readme: bytes, blocks: Mapping[str, str]) -> bytes | None:
    """Return the README with these blocks between their markers; None if it has none of them."""
    found = False
    for name, text in blocks.items():
        begin, end = (marker.encode() for marker in MARKERS[name])
        before, has, rest = readme.partition(begin)
        _, ends, after = rest.partition(end)
        if has and not ends:
            raise ValueError(f"README.md: {begin.decode()} without {end.decode()}")
        if has:
            found, readme = True, b"\n".join([before + begin, encoded(text), end + after])
    return readme if found else None


def _held(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def publish(project: Project, files: Iterable[NotebookFile]) -> None:
    """Write what all notebooks' outputs say to the record, and from that all that shows it.

    Raises
    ------
    ValueError
        If a notebook can't be read: its verdicts would be lost. Nothing is written then.
    """
    content = encoded(record.text_of(record.measured(files)))
    tables = list(_tables(project, record.verdicts(content)))
    write(project.root / record.NAME, content)
    for name, _, wanted in tables:
        write(project.root / name, wanted)


def problems(project: Project) -> list[str]:
    """Return what is out of step between notebooks, claims, the record, verdicts.md and README, a line each."""
    files = [NotebookFile.read(path) for path in cells.listed(project.notebooks)]
    found = [f"{file.path.name}: {problem}" for file in files for problem in _problems_of(file)]
    try:
        content = record.content(project)
        published = record.verdicts(content)
        if all(file.notebook is not None for file in files):
            found += _unrecorded(files, content, published)
            for path in outdated(files, published):
                found.append(f"{path.name}: shows the thread with other verdicts than {record.NAME}; run it again")
        for name, held, wanted in _tables(project, published):
            if held != wanted:
                found.append(f"{name}: not what {record.NAME} says; `{PUBLISH}` writes it")
    except (ValueError, OSError) as error:
        found += [str(error)] if str(error) not in found else []
    return found


def _unrecorded(files: list[NotebookFile], content: bytes | None, published: Verdicts) -> Iterator[str]:
    """Yield how the record differs from what the notebooks' outputs say."""
    measured = record.measured(files)
    differing = [claim.id for claim in CLAIMS if measured.get(claim.id) != published.get(claim.id)]
    if content is None:
        yield f"{record.NAME}: there is none; `{PUBLISH}` writes it"
    elif differing:
        yield f"{record.NAME}: not what the notebooks' outputs say of {', '.join(differing)}; `{PUBLISH}` writes it"
    elif content != encoded(record.text_of(measured)):
        yield f"{record.NAME}: not as `{PUBLISH}` writes it"


def _problems_of(file: NotebookFile) -> Iterator[str]:
    """Yield what is wrong with one committed notebook."""
    if file.notebook is None:
        yield file.problem
        return
    if len(file.content) > LARGEST:
        yield f"{len(file.content):,} bytes, allowed are {LARGEST:,}"
    if file.content != cells.content(tidy(file.notebook)):
        yield f"not as `{COMMAND} {file.path.stem[:2]}` leaves it (ids, tags, times)"
    yield from _slips(file.notebook)
    yield from _claims_of(file)


def _slips(notebook: Any) -> Iterator[str]:
    """Yield what a notebook lacks that a reader needs, and what its run should not have left."""
    try:
        if not parameters.defaults(notebook):
            yield "no cell tagged `parameters` that assigns any"
    except ValueError as error:
        yield str(error)
    code = [c for c in notebook.cells if c.cell_type == "code" and c.source and cells.EXPLORE not in cells.tags(c)]
    if [cell.execution_count for cell in code] != list(range(1, len(code) + 1)):
        yield "its outputs are not those of one run from top to bottom"
    if said := cells.stderr_of(notebook):
        yield said
    for index, output in cells.outputs(notebook):
        if output.output_type == "error":
            yield f"{cells.cell_name(notebook, index)} failed"
    for number, figure in enumerate(cells.figures(notebook), 1):
        if not (figure.alt and figure.caption):
            yield f"figure {number} has no alt text or no caption: use kdelab.style.show"


def _claims_of(file: NotebookFile) -> Iterator[str]:
    """Yield where a notebook's verdicts are not those on its own claims."""
    try:
        judged = cells.verdicts(file.notebook)
    except ValueError as error:
        yield str(error)
        return
    mine = {claim.id for claim in of_notebook(file.path.stem)}
    yield from (f"claim {name!r} is not registered in kdelab/report/claims.py" for name in judged if name not in BY_ID)
    yield from (f"claim {name!r} is registered for another notebook" for name in judged if name in BY_ID.keys() - mine)
    yield from (f"claim {name!r} gets no verdict" for name in sorted(mine - judged.keys()))
