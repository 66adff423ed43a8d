"""Parameters of notebooks: which ones a notebook has, and values that reach it as they were asked for."""

import ast
import math
import numbers
from collections.abc import Iterator, Mapping
from typing import Any

from kdelab.report.build import cells

_NAMED = {"nan": math.nan, "inf": math.inf}  # as Python shows them, though they are no literals
_RUN_HERE = {"time", "capture", "prun"}  # cell magics whose body runs in the notebook


class Bare(str):
    """Text that was given without quotes: ``Gaussian``, ``../mine.parquet``, and perhaps a number mistyped."""


def parsed(text: str) -> Any:
    """Return the value that a text means: a Python literal (nan and inf are some), else the text itself, :class:`Bare`.

    Raises
    ------
    ValueError
        If the text begins like a list, a dictionary or quoted text and is none, or has no counterpart in a notebook.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        value = _value(node)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        if text.strip()[:1] in tuple("([{'\""):
            raise ValueError(f"{text!r} given, which is no Python literal; quote it if text is meant") from None
        return Bare(text)
    return plain(value)


def _value(node: ast.expr) -> Any:
    """Evaluate a literal; ValueError for all else."""
    match node:
        case ast.Name(id=name) if name in _NAMED:
            return _NAMED[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=ast.Name(id=name)) if name in _NAMED:
            return -_NAMED[name] if isinstance(sign, ast.USub) else _NAMED[name]
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item) for item in items]
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True) if key is not None}
    value = ast.literal_eval(node)
    if isinstance(value, float) and math.isinf(value):
        raise ValueError("too large for a float; it would arrive as infinity")
    return value


def plain(value: Any) -> Any:
    """Return a value in the types that reach a notebook unchanged; tuples become lists.

    Raises
    ------
    ValueError
        If it is none of them: a set, bytes, a complex number, a dictionary whose keys aren't text.
    """
    match value:
        case None | bool() | str():
            return value
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {str(key): plain(item) for key, item in value.items()}
    kind = type(value).__name__
    allowed = "None, True, False, numbers, text, lists, and dictionaries with text as keys"
    raise ValueError(f"{value!r} given ({kind}), allowed are {allowed}")


def defaults(notebook: Any) -> dict[str, str]:
    """Return names and default values, as source, that the first cell tagged ``parameters`` assigns.

    Raises
    ------
    ValueError
        If that cell isn't what IPython would run.
    """
    for index, cell in enumerate(notebook.cells):
        if cells.PARAMETERS in cells.tags(cell):  # the first one only, as papermill puts the others' values below it
            return dict(_assigned(cell.source, cells.cell_name(notebook, index))) if cell.cell_type == "code" else {}
    return {}


def _assigned(source: str, where: str) -> Iterator[tuple[str, str]]:
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        body = ast.parse(TransformerManager().transform_cell(source)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"parameters: {where} can't be parsed: {type(error).__name__}: {error}") from None
    for statement in body:
        match statement:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _names(target, value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                yield name, ast.unparse(value)
            case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
                yield name, ast.unparse(ast.BinOp(ast.Name(name), op, value))
            case ast.Expr(ast.Call(ast.Attribute(attr="run_cell_magic"), [ast.Constant(name), _, ast.Constant(inner)])):
                if name in _RUN_HERE:
                    yield from _assigned(str(inner), where)


def _names(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    match target, value:
        case ast.Name(id=name), _:
            yield name, ast.unparse(value)
        case ((ast.Tuple(elts=names) | ast.List(elts=names)), (ast.Tuple(elts=values) | ast.List(elts=values))):
            for one, its in zip(names, values, strict=False):
                yield from _names(one, its)
        case ((ast.Tuple(elts=names) | ast.List(elts=names)), _):
            for one in names:
                yield from _names(one, value)


def checked(notebook: Any, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters in plain types.

    Raises
    ------
    ValueError
        For a parameter that the notebook doesn't have (papermill would only warn), a value that can't reach it, or bare
        text where its default is something else.
    """
    known = defaults(notebook)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise ValueError(f"parameters: no {', '.join(unknown)} in this notebook, allowed are {', '.join(known) or '-'}")
    found = {}
    for name, value in parameters.items():
        try:
            found[name] = plain(value)
            default = parsed(known[name])
        except ValueError as error:
            if name not in found:
                raise ValueError(f"{name}: {error}") from None
            continue  # its default is an expression
        if isinstance(value, Bare) and default is not None and not isinstance(default, str):
            raise ValueError(f"{name}: {str(value)!r} given, its default is {known[name]}; quote it if text is meant")
        found[name] = str(value) if isinstance(value, str) else found[name]
    return found
