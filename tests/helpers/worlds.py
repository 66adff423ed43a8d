"""Verdicts on many simulated tables of a world in which the truth is known."""

from collections.abc import Collection


def assert_right(found: list[str], right: str | None = None, opposite: Collection[str] = ()) -> None:
    """Assert that nine in ten statuses are right, if one is, and at most one in twenty is the opposite."""
    if right:
        assert found.count(right) >= 0.9 * len(found), found
    assert sum(found.count(status) for status in opposite) <= 0.05 * len(found), found
