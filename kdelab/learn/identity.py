"""What tells one setting of a fit from another: all that it is made of, not its name only."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_PLAIN = (type(None), bool, int, float, complex, str)
_CONTAINERS = (list, tuple, set, frozenset, dict)
_CODE = (ModuleType, CodeType, FunctionType, BuiltinFunctionType, type)


def identity(name: str, value: Any) -> str:
    """Return a digest that two values share only if they are made of the same parts.

    Functions count by their code, defaults and closure; classes by name and the code of their methods; everything else
    by what pickling would take down of it.  Global variables and class attributes are not looked at.

    Raises
    ------
    ValueError
        If the value holds what can't be taken down: an open file, say.
    """
    try:
        return digest(json.dumps(_parts(value, ())).encode())
    except Exception as error:  # whatever a stranger's __reduce__ raises
        raise ValueError(
            f"{name}: {value!r} can't be told from others, so no checkpoint can say whether it is of the same fit"
        ) from error


def digest(*parts: bytes) -> str:
    """Return a short digest of bytes."""
    return hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest()


def _parts(value: Any, above: tuple[int, ...]) -> Any:
    """Return lists of text that say what a value is made of; `above` are the ids of what it is part of."""
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) in _PLAIN:
        return [type(value).__name__, repr(value)]
    if isinstance(value, bytes):
        return ["bytes", digest(value)]
    if id(value) in above:
        return ["part of itself", len(above) - above.index(id(value))]
    of = partial(_parts, above=(*above, id(value)))
    for kinds, said in ((_CONTAINERS, _contained), (_CODE, _coded)):
        if isinstance(value, kinds) and (parts := said(value, of)):
            return parts
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str):
        return ["global", type(value).__module__, reduced]
    make, arguments, state, entries, pairs = (*reduced, None, None, None)[:5]
    return ["made by", of(make), of(arguments), of(state), of(list(entries or ())), of(list(pairs or ()))]


def _contained(value: Any, of: Callable[[Any], Any]) -> Any:
    """Return the parts of a list, tuple, set or dict; nothing for what is only derived from one."""
    if type(value) in (list, tuple):
        return [type(value).__name__, *map(of, value)]
    if type(value) in (set, frozenset):
        return [type(value).__name__, *sorted(map(of, value), key=json.dumps)]
    if type(value) is dict:
        return ["dict", *([of(key), of(entry)] for key, entry in value.items())]
    return None


def _coded(value: Any, of: Callable[[Any], Any]) -> Any:
    """Return the parts of modules, functions and classes: their names and their code."""
    if isinstance(value, ModuleType):
        return ["module", value.__name__]
    if isinstance(value, CodeType):
        return ["code", digest(value.co_code), of(value.co_consts), of(value.co_names), of(value.co_varnames)]
    if isinstance(value, FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return [_named(value), of(value.__code__), of(value.__defaults__), of(value.__kwdefaults__), of(cells)]
    if isinstance(value, BuiltinFunctionType):
        return [_named(value), of(value.__self__)]
    methods = {name: getattr(entry, "__func__", getattr(entry, "fget", entry)) for name, entry in vars(value).items()}
    codes = {name: entry.__code__ for name, entry in methods.items() if isinstance(entry, FunctionType)}
    return [_named(value), of(codes), *(of(base) for base in value.__bases__ if base is not object)]


def _named(value: Any) -> list[str]:
    return [str(value.__module__), value.__qualname__]
