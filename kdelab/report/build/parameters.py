"""Names and default values in a cell tagged ``parameters``, as IPython runs it: of any notebook, declared or not."""

import ast
from collections.abc import Iterator
from typing import Any

from kdelab.report.build import cells

_RUN_HERE = {"time", "capture", "prun"}  # cell magics whose body runs in the notebook


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
