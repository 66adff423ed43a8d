"""The published record, reports/verdicts.json: what the committed outputs say of each claim.

============  ====================================================================================================
``schema``    2, the number of this form
``about``     one sentence on the file, for who meets it
``verdicts``  one object a claim that has a verdict, in the order of :mod:`kdelab.report.claims`:
              ``claim`` (its id there), ``notebook`` (the stem of the one that judges it), ``status``, ``note``,
              ``measured`` (a sentence), ``coverage`` (of a claim within bounds: the share that lies inside, in words),
              ``key`` (name of the check that tells most, or null) and ``checks``
============  ====================================================================================================

A check has ``name``, ``role``, ``value`` (a number, or null where no digit of it is robust), ``shown``, ``bound`` and
``margin`` (text), and ``passed``; :meth:`kdelab.Check.as_json` says more. A claim without a verdict is open. Status and
key follow from the checks: a record in which they don't is damaged, as is one with a field too many or too few.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from kdelab.report.build import cells
from kdelab.report.build.decoding import decoded
from kdelab.report.build.project import Project
from kdelab.report.build.verdict_json import CHECK, VERDICT, flaw, ill_typed
from kdelab.report.claims import BY_ID, CLAIMS, of_notebook

SCHEMA = 2
NAME = "reports/verdicts.json"
ABOUT = "What the outputs committed in notebooks/ say of each claim. Written by `make notebooks`; not to be edited."
COMMAND = "python -m kdelab.report notebooks"
PUBLISH = f"{COMMAND} --publish"

TYPES = {"schema": (int,), "about": (str,), "verdicts": (list,)}
ENTRY = {"claim": (str,), "notebook": (str,), **VERDICT}  # in the order in which they are written

Verdicts = dict[str, dict[str, Any]]


def measured(files: Iterable[cells.NotebookFile]) -> Verdicts:
    """Return the verdicts that notebooks carry in their outputs on the claims that are theirs, by claim.

    Raises
    ------
    ValueError
        If a notebook can't be read, or shows a verdict that is none: nobody knows then what it would publish.
    """
    found: Verdicts = {}
    for file in files:
        judged = file.verdicts()
        for claim in of_notebook(file.path.stem):
            if claim.id in judged:
                verdict = judged[claim.id]
                told = {**verdict, "notebook": claim.notebook}
                checks = [{name: check[name] for name in CHECK} for check in verdict["checks"]]
                found[claim.id] = {name: told[name] for name in ENTRY} | {"checks": checks}
    return {claim.id: found[claim.id] for claim in CLAIMS if claim.id in found}


def text_of(published: Verdicts) -> str:
    """Return the record's text, a line a check, so that a diff shows what has changed."""
    entries = ",\n".join(_entry(verdict) for verdict in published.values())
    return f'{{\n"schema": {SCHEMA},\n"about": {_json(ABOUT)},\n"verdicts": [\n{entries}\n]\n}}\n'


def _entry(verdict: Mapping[str, Any]) -> str:
    fields = "".join(f" {_json(name)}: {_json(verdict[name])},\n" for name in ENTRY if name != "checks")
    checks = ",\n".join(f"  {_json(check)}" for check in verdict["checks"])
    return f'{{\n{fields} "checks": [\n{checks}\n ]\n}}'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def content(project: Project) -> bytes | None:
    """Return the bytes of the record; None if nothing has been published."""
    try:
        return (project.root / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ValueError(f"{NAME}: {error.strerror or error}") from None


def verdicts(content: bytes | None) -> Verdicts:
    """Return the published verdicts by claim in the bytes of the record; none for None.

    Raises
    ------
    ValueError
        If the record is damaged: what to do about it, and what is wrong with it.
    """
    if content is None:
        return {}
    try:
        return _verdicts(decoded(content, object_pairs_hook=_once, parse_constant=_refuse))
    except ValueError as error:
        raise ValueError(f"{NAME}: damaged, `{PUBLISH}` writes it anew from the notebooks: {error}") from None


def _verdicts(data: Any) -> Verdicts:
    if wrong := ill_typed(data, {"schema": (int,)}):
        raise ValueError(wrong)
    if data["schema"] != SCHEMA:
        raise ValueError(f"its schema is {data['schema']}, this kdelab reads {SCHEMA}")
    if wrong := _misfit(data, TYPES):
        raise ValueError(wrong)
    found: Verdicts = {}
    for number, verdict in enumerate(data["verdicts"], 1):
        claim = verdict.get("claim") if isinstance(verdict, dict) else None
        if wrong := _flaw(verdict) or ("the claim has another one above" if claim in found else ""):
            raise ValueError(f"verdict {number} ({claim}): {wrong}")
        found[verdict["claim"]] = verdict
    return found


def _flaw(verdict: Any) -> str:
    """Return what is wrong with one verdict of the record; nothing if all is well."""
    if wrong := _misfit(verdict, ENTRY) or flaw(verdict):
        return wrong
    for check in verdict["checks"]:
        if wrong := _misfit(check, CHECK):
            return wrong
    claim = BY_ID.get(verdict["claim"])
    if claim is None:
        return "no such claim in kdelab/report/claims.py"
    if claim.notebook != verdict["notebook"]:
        return f"its notebook is {verdict['notebook']!r}, the claim's is {claim.notebook}"
    return ""


def _misfit(data: Any, fields: Mapping[str, tuple[type, ...]]) -> str:
    if wrong := ill_typed(data, fields):
        return wrong
    unknown = [name for name in data if name not in fields]
    return f"it has a field {unknown[0]!r} too many" if unknown else ""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"a field stands twice in one object: {next(n for n in names if names.count(n) > 1)!r}")
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
