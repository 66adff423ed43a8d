"""Verdicts in JSON form, as outputs and the published record carry them: what they must be, what tables say of them."""

import math
from collections.abc import Mapping
from types import NoneType
from typing import Any

from kdelab.report.verdicts import ROLES, Check, Verdict

#: Fields and their types, as :meth:`kdelab.Verdict.as_json` gives them.
VERDICT: dict[str, tuple[type, ...]] = {
    "claim": (str,),
    "status": (str,),
    "note": (str,),
    "measured": (str,),
    "coverage": (str,),
    "key": (str, NoneType),
    "checks": (list,),
}
CHECK: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "role": (str,),
    "value": (float, int, NoneType),
    "shown": (str,),
    "bound": (str,),
    "margin": (str,),
    "passed": (bool,),
}

Summary = tuple[str, str]


def flaw(data: Any) -> str:
    """Return what keeps `data` from being a verdict: a field, or a status that its checks do not bear out."""
    if wrong := ill_typed(data, VERDICT):
        return wrong
    for number, check in enumerate(data["checks"], 1):
        if wrong := ill_typed(check, CHECK):
            return f"check {number}: {wrong}"
        if check["role"] not in ROLES:
            return f"check {number}: its role is {check['role']!r}, allowed are {', '.join(ROLES)}"
        if isinstance(check["value"], float) and not math.isfinite(check["value"]):
            return f"check {number}: its value is {check['value']}, which is null in JSON form"
    honest = _judged(data)
    for name, follows in (("status", honest.status), ("key", honest.key.name if honest.key else None)):
        if data[name] != follows:
            return f"its {name} is {data[name]!r}, but from its checks follows {follows!r}"
    return ""


def ill_typed(data: Any, fields: Mapping[str, tuple[type, ...]]) -> str:
    """Return which field is missing or of another type; nothing if none is."""
    if not isinstance(data, Mapping):
        return f"{_named(type(data))} stands where an object should"
    for name, types in fields.items():
        if name not in data:
            return f"it has no {name}"
        if type(data[name]) not in types:  # exactly: True is no number
            allowed = " or ".join(dict.fromkeys(map(_named, types)))
            return f"its {name} is {_named(type(data[name]))}, not {allowed}"
    return ""


def _named(kind: type) -> str:
    known = {str: "text", NoneType: "null", bool: "true or false", float: "a number", int: "a number"}
    return known.get(kind, "a list" if issubclass(kind, list) else "an object")


def _judged(data: Mapping[str, Any]) -> Verdict:
    """Return a verdict with checks of these names and roles that pass where these do."""
    checks = [Check(c["name"], 0, at_most=0 if c["passed"] else -1, role=c["role"]) for c in data["checks"]]
    return Verdict(data["claim"], checks)


def summary(verdict: Mapping[str, Any] | None) -> Summary:
    """Return status and what was measured, in a sentence or as the telling check; no verdict, None, is open."""
    if verdict is None:
        return "open", ""
    if verdict["measured"]:
        covers = f"Covers {verdict['coverage']}." if verdict["coverage"] else ""
        return verdict["status"], " ".join(f"{verdict['measured']} {covers}".split())  # one line of a table
    key = next((check for check in verdict["checks"] if check["name"] == verdict["key"]), None)
    if key is None:
        return verdict["status"], ""
    within = "" if key["shown"].startswith(("above", "below")) else f" ({key['bound']})"  # has its bound in it
    return verdict["status"], " ".join(f"{key['name']}: {key['shown']}{within}".split())
