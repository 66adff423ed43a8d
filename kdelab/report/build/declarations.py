"""Declarations of parameters: the lines of the cell tagged ``parameters``, and values that are asked for instead.

A line reads ``name: type = default  # DOMAIN: what it is``.  The type is int, float, bool, str, or a list of int, float
or str.  DOMAIN is one of

================================  ====================================================================================
``[unit, ]LOW to HIGH``           numbers, both ends allowed; with ``a power of two, `` before LOW only those
``"one", "other" or "third"``     one of these: text, numbers, truth values; with ``or a path`` at the end a file, too
``some of A B C``                 text: some of these words
================================  ====================================================================================
"""

import ast
import math
import numbers
import re
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from kdelab.report.build import cells

WANTED = "name: type = default  # unit, LOW to HIGH: what it is"
KINDS = ("int", "float", "bool", "str", "list[int]", "list[float]", "list[str]")

_NUMBER = r"-?\d[\d_]*(?:\.\d+)?(?:e-?\d+)?"
_POWER = "a power of two, "
_RANGE = re.compile(rf"(?:(?!{_POWER})[^\W\d][^,:\"]*, )?({_POWER})?({_NUMBER}) to ({_NUMBER})")
_LITERAL = rf'(?:"[^"]*"|True|False|{_NUMBER})'
_CHOICES = re.compile(rf"({_LITERAL}(?:(?:, | or ){_LITERAL})*)( or a path)?")
_SOME = re.compile(r"some of ((?:\S+ )*\S+)")


@dataclass(frozen=True)
class Domain:
    """What a parameter may be, as text and as what follows from it."""

    text: str
    ends: tuple[float, float] | None = None
    power_of_two: bool = False
    choices: tuple[Any, ...] = ()
    path: bool = False
    words: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> "Domain":
        """Return what a text means; ValueError if it is none of the forms above."""
        if match := _RANGE.fullmatch(text):
            low, high = float(match[2]), float(match[3])
            if not low < high:
                raise ValueError(f"its range, {text}, is empty")
            return cls(text, (low, high), bool(match[1]))
        if match := _CHOICES.fullmatch(text):
            return cls(text, choices=tuple(map(ast.literal_eval, re.findall(_LITERAL, match[1]))), path=bool(match[2]))
        if match := _SOME.fullmatch(text):
            return cls(text, words=tuple(match[1].split()))
        raise ValueError(f"{text!r} is no range, list of choices, or `some of`")

    def admits(self, value: Any, folder: Path | None) -> bool:
        """Whether a value of the right type is allowed; paths are looked for from `folder`, if it is given."""
        if isinstance(value, list):
            return bool(value) and all(self.admits(item, folder) for item in value)
        if self.ends:
            return self.ends[0] <= value <= self.ends[1] and not (self.power_of_two and math.log2(value) % 1)
        if self.words:
            return bool(value.split()) and set(value.split()) <= {*self.words}
        is_path = self.path and bool(value) and (folder is None or (folder / value).exists())
        return value in self.choices or is_path


@dataclass(frozen=True)
class Declaration:
    """One parameter of a notebook."""

    name: str
    kind: str
    default: Any
    domain: Domain
    meaning: str

    def allowed(self) -> str:
        """Return type and domain, as refusals and tables say it."""
        return f"{self.kind}, {self.domain.text}"

    def value(self, asked: Any) -> Any:
        """Return what was asked for, a value or the text of one, in the parameter's type.

        Raises
        ------
        ValueError
            If it is of another type.
        """
        try:
            if isinstance(asked, str):
                asked = _read(asked.strip(), self.kind)
            if (item := re.fullmatch(r"list\[(\w+)\]", self.kind)) and isinstance(asked, list | tuple):
                return [_typed(one, item[1]) for one in asked]
            return _typed(asked, self.kind)
        except (ValueError, SyntaxError, OverflowError, RecursionError, MemoryError):
            raise ValueError(self._refusal(asked)) from None

    def checked(self, asked: Any, folder: Path | None = None) -> Any:
        """Return what was asked for in the parameter's type; ValueError if it is of another one, or isn't allowed."""
        value = self.value(asked)
        if not self.domain.admits(value, folder):
            raise ValueError(self._refusal(asked))
        return value

    def _refusal(self, asked: Any) -> str:
        return f"{self.name}: {str(asked)[:80]!r} given, allowed is {self.allowed()} ({self.meaning})"


def _read(text: str, kind: str) -> Any:
    """Return the value that a text means in a parameter of that type; quotes around text may be left out."""
    if kind == "str" and text[:1] not in ("'", '"'):
        return text
    if kind == "float":
        return float(text)  # nan and inf, too, which no range allows
    return ast.literal_eval(text)


def _typed(value: Any, kind: str) -> Any:
    match kind, value:
        case ("bool", bool()) | ("str", str()):
            return value
        case (("int" | "float"), bool()):
            pass
        case "int", numbers.Integral():
            return int(value)
        case "float", numbers.Real():
            return float(value)
    raise ValueError(f"no {kind}")


def declared(notebook: Any) -> dict[str, Declaration]:
    """Return the parameters that a notebook declares, by name.

    Raises
    ------
    ValueError
        If a line of that cell isn't a declaration in full, or its default isn't allowed.
    """
    for index, cell in enumerate(notebook.cells):
        if cells.PARAMETERS in cells.tags(cell) and cell.cell_type == "code":
            where = cells.cell_name(notebook, index)
            try:
                return {one.name: one for one in _declarations(cell.source)}
            except (ValueError, SyntaxError, tokenize.TokenError, RecursionError, MemoryError) as error:
                raise ValueError(f"parameters: {where}: {error}; wanted is `{WANTED}`") from None
    return {}


def _declarations(source: str) -> Iterator[Declaration]:
    tokens = tokenize.generate_tokens(StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    for statement in ast.parse(source).body:
        line = ast.get_source_segment(source, statement)
        match statement:
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=ast.expr() as value):
                kind, default = ast.unparse(annotation), ast.literal_eval(value)
            case _:
                raise ValueError(f"{line!r} declares nothing")
        domain, colon, meaning = comments.get(statement.end_lineno or 0, "").partition(": ")
        if kind not in KINDS:
            raise ValueError(f"{name}: its type is {kind}, allowed are {', '.join(KINDS)}")
        if not colon:
            raise ValueError(f"{name}: no comment says its range and what it is")
        one = Declaration(name, kind, default, Domain.of(domain), meaning)
        if one.checked(default) != default or type(one.value(default)) is not type(default):
            raise ValueError(f"{name}: its default, {default!r}, is no {kind}")
        yield one


def checked(notebook: Any, asked: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Return the values that are asked for, each as a value or as the text of one, in their types.

    Raises
    ------
    ValueError
        For a parameter that the notebook doesn't declare, and for a value of another type or one that isn't allowed.
    """
    known = declared(notebook)
    unknown = [name for name in asked if name not in known]
    if unknown:
        listed = "".join(f"\n  {one.name}: {one.allowed()}" for one in known.values())
        raise ValueError(f"parameters: no {', '.join(unknown)} in this notebook, allowed are{listed or ' none'}")
    return {name: known[name].checked(value, folder) for name, value in asked.items()}
