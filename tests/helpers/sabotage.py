"""Deliberately wrong libraries, under which a notebook's verdict must change, or else a unit test must fail."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from notebook_runner import run

from kdelab.loss.cross_entropy import CrossEntropy

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
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


def scaled_gradient(factor: float) -> Wrong:
    """A library whose gradient is ``factor`` times the true one; -1 flips its sign."""

    def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
        honest = CrossEntropy.value_and_grad

        def value_and_grad(self: CrossEntropy, logits: Any) -> Any:
            values, gradient = honest(self, logits)
            return values, factor * gradient

        monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)

    return wrong


def prepared_with(change: Callable[..., tuple[Any, Any]]) -> Wrong:
    """A library that prepares a loss for what ``change(clusters, kernel, quadrature)`` makes of clusters and kernel."""

    def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
        honest = CrossEntropy.__init__

        def prepare(
            self: CrossEntropy, clusters: Any, kernel: Any, quadrature: Any = "auto", background: float = 0.0
        ) -> None:
            honest(self, *change(clusters, kernel, quadrature), quadrature, background)

        monkeypatch.setattr(CrossEntropy, "__init__", prepare)

    return wrong


def scaled_bandwidth(factor: float) -> Wrong:
    """A library that takes the bandwidth for ``factor`` times what it is."""
    return prepared_with(lambda clusters, kernel, _: (clusters, replace(kernel, bandwidth=factor * kernel.bandwidth)))


def instead(owner: Any, name: str, make: Callable[[Any], Any]) -> Wrong:
    """A library in which ``owner.name`` is ``make(what it was)``."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, make(getattr(owner, name)))


def changed_gradient(change: Callable[..., Any]) -> Wrong:
    """A library whose gradient is ``change(loss, logits, gradient)``."""

    def make(honest: Callable[..., Any]) -> Callable[..., Any]:
        def value_and_grad(self: CrossEntropy, logits: Any) -> Any:
            values, gradient = honest(self, logits)
            return values, change(self, np.asarray(logits, dtype=float), gradient)

        return value_and_grad

    return instead(CrossEntropy, "value_and_grad", make)


def assert_noticed(
    wrong: Wrong, test: Callable[..., Any], given: Sequence[Any], request: pytest.FixtureRequest
) -> None:
    """Assert that a unit test, called with ``given``, fails under a wrong library; "@x" stands for the fixture x."""
    arguments = [request.getfixturevalue(v[1:]) if isinstance(v, str) and v[:1] == "@" else v for v in given]
    with pytest.MonkeyPatch.context() as monkeypatch:
        wrong(monkeypatch)
        with pytest.raises(AssertionError):
            test(*arguments)
