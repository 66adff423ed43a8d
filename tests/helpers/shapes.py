"""The shapes that docstrings promise: read from their text, and compared with what functions return."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

_SHAPE = re.compile(r"\((\w+,(?: \w+,?)*)\)")


def promised(function: Callable[..., Any]) -> list[tuple[str, ...]]:
    """Return the shapes, as names, of the entries under Returns; without that section, those in the first line."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Returns\n-+\n(.*?)(?:\n\n[A-Z]\w+\n-+\n|\Z)", text, re.DOTALL | re.MULTILINE)
    told = "\n".join(re.findall(r"^\w.*", section[1], re.MULTILINE)) if section else text.partition("\n")[0]
    return [tuple(name for name in re.split(", ?", shape) if name) for shape in _SHAPE.findall(told)]


def kept(function: Callable[..., Any], returned: Any, sizes: Mapping[str, int]) -> bool:
    """Whether what a function returned has the shapes that its docstring promises, under these sizes of its names."""
    wanted = [tuple(sizes[name] for name in shape) for shape in promised(function)]
    arrays = returned if isinstance(returned, tuple) else (returned,)
    return bool(wanted) and wanted == [np.shape(array) for array in arrays]
