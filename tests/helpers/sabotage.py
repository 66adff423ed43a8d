"""Deliberately wrong libraries, under which a notebook's verdict must change, or else a unit test must fail."""

from collections.abc import Callable, Iterable, Sequence
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


@cache
def wronged(notebook: str, parameters: tuple[tuple[str, Any], ...], wrong: Wrong) -> dict[str, Any]:
    """The verdicts of a wrong library, computed once a process: several claims of a notebook may have to notice it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        wrong(monkeypatch)
        return run(NOTEBOOKS / notebook, **dict(parameters))


def slow_but_first(cases: Iterable[Any], claim: Callable[[Any], Any] = lambda _: None) -> list[Any]:
    """Return the cases for pytest: the first of each claim runs with `make test`, the others with `make test-all`."""
    seen: set[Any] = set()
    parameters = []
    for case in cases:
        marks = [pytest.mark.slow] if claim(case) in seen else []
        seen.add(claim(case))
        parameters.append(pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marks))
    return parameters


def assert_caught(notebook: str, claim: str, check: str, wrong: Wrong, **parameters: Any) -> None:
    """Assert that ``wrong``, applied to the library, makes ``check`` fail and changes the status of ``claim``."""
    given = tuple(sorted(parameters.items()))
    before = right(notebook, given)[claim]
    assert {c.name: c.passed for c in before.checks}[check], f"{check} must pass with the right library"
    after = wronged(notebook, given, wrong)[claim]
    assert not {c.name: c.passed for c in after.checks}[check], f"{check} still passes: {after}"
    assert after.status != before.status, f"the verdict is {after.status} with the right library and with the wrong one"


@cache
def scaled_gradient(factor: float) -> Wrong:
    """A library whose gradient is ``factor`` times the true one; -1 flips its sign."""

    def wrong(monkeypatch: pytest.MonkeyPatch) -> None:
        honest = CrossEntropy.value_and_grad

        def value_and_grad(self: CrossEntropy, logits: Any) -> Any:
            values, gradient = honest(self, logits)
            return values, factor * gradient

        monkeypatch.setattr(CrossEntropy, "value_and_grad", value_and_grad)

    return wrong


@cache
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


@cache
def scaled_bandwidth(factor: float) -> Wrong:
    """A library that takes the bandwidth for ``factor`` times what it is."""
    return prepared_with(lambda clusters, kernel, _: (clusters, replace(kernel, bandwidth=factor * kernel.bandwidth)))


@cache
def instead(owner: Any, name: str, make: Callable[[Any], Any]) -> Wrong:
    """A library in which ``owner.name`` is ``make(what it was)``."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, make(getattr(owner, name)))


@cache
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
