"""Notebooks under deliberately wrong libraries: the named check must fail and the claim's status must change."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from notebook_runner import run

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
Wrong = Callable[[pytest.MonkeyPatch], None]


@cache
def right(notebook: str, parameters: tuple[tuple[str, Any], ...]) -> dict[str, Any]:
    """The verdicts of the honest library, computed once a process."""
    return run(NOTEBOOKS / notebook, **dict(parameters))


def assert_caught(
    notebook: str, claim: str, check: str, wrong: Wrong, monkeypatch: pytest.MonkeyPatch, **parameters: Any
) -> None:
    """Assert that ``wrong``, applied to the library, makes ``check`` fail and changes the status of ``claim``."""
    before = right(notebook, tuple(sorted(parameters.items())))[claim]
    assert {c.name: c.passed for c in before.checks}[check], f"{check} must pass with the right library"
    wrong(monkeypatch)
    after = run(NOTEBOOKS / notebook, **parameters)[claim]
    assert not {c.name: c.passed for c in after.checks}[check], f"{check} still passes: {after}"
    assert after.status != before.status, f"the verdict is {after.status} with the right library and with the wrong one"
