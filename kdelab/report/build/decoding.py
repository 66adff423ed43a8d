"""JSON in files that people edit and merge: what it says, or one clause on what is wrong with it."""

import json
from typing import Any


def decoded(content: bytes, **hooks: Any) -> Any:
    """Return what the JSON in a file's bytes says; `hooks` are those of :func:`json.loads`.

    Raises
    ------
    ValueError
        If it is no JSON in UTF-8, saying where it stops being some.
    """
    if not content.strip():
        raise ValueError("the file is empty")
    if content.startswith(b"\xef\xbb\xbf"):
        raise ValueError("it begins with a byte order mark; save it as UTF-8 without")
    for number, line in enumerate(content.splitlines(), 1):
        if line.startswith((b"<<<<<<< ", b">>>>>>> ")):
            raise ValueError(f"line {number} is the mark of a merge conflict: {line[:60].decode(errors='replace')}")
    try:
        return json.loads(content.decode("utf-8"), **hooks)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno} is no JSON any more: {error.msg}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
