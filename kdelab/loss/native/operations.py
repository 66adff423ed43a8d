"""What a namespace of array functions must have, and what is made of it alike for all."""

from collections.abc import Sequence
from typing import Any, Protocol

NEVER = -1e30
"""log 0, but finite: derivatives of what is masked out are 0, not NaN."""


class Operations(Protocol):
    """The array functions that the loss is written in: `numpy`'s names and meanings."""

    def exp(self, x: Any, /) -> Any: ...  # noqa: D102
    def log(self, x: Any, /) -> Any: ...  # noqa: D102
    def log1p(self, x: Any, /) -> Any: ...  # noqa: D102
    def abs(self, x: Any, /) -> Any: ...  # noqa: D102
    def tanh(self, x: Any, /) -> Any: ...  # noqa: D102
    def where(self, condition: Any, x: Any, y: Any, /) -> Any: ...  # noqa: D102
    def maximum(self, x: Any, y: Any, /) -> Any: ...  # noqa: D102
    def minimum(self, x: Any, y: Any, /) -> Any: ...  # noqa: D102
    def amax(self, x: Any, axis: int) -> Any: ...  # noqa: D102
    def flip(self, x: Any, axis: int, /) -> Any: ...  # noqa: D102
    def argsort(self, x: Any, /) -> Any: ...  # noqa: D102
    def concatenate(self, arrays: Any, axis: int) -> Any: ...  # noqa: D102
    def take_along_axis(self, x: Any, index: Any, axis: int) -> Any: ...  # noqa: D102

    def zeros_like(self, x: Any, /) -> Any: ...  # noqa: D102
    def finfo(self, dtype: Any, /) -> Any: ...  # noqa: D102

    def constant(self, values: Sequence[float], like: Any) -> Any:
        """Return numbers as an array of the type, precision and device of ``like``."""

    def held(self, x: Any) -> Any:
        """Return x as it is, for derivatives a constant."""


def distance(xp: Operations, d: Any) -> Any:
    """Return abs(d), of slope 1 at 0, so that an even function's second derivative there is right."""
    return xp.where(d >= 0, d, -d)


def log_sum(xp: Operations, terms: Any) -> Any:
    """Return log sum exp over the last axis."""
    top = xp.held(xp.amax(terms, axis=-1))
    return top + xp.log(xp.exp(terms - top[..., None]).sum(-1))


def log_add(xp: Operations, one: Any, other: Any) -> Any:
    """Return log(e^one + e^other)."""
    top = xp.held(xp.where(one > other, one, other))
    return top + xp.log(xp.exp(one - top) + xp.exp(other - top))


def log_sums_from_left(xp: Operations, terms: Any) -> Any:
    """Return log sum_{i <= j} exp(term_i) of every j along the last axis, in log2 k steps."""
    step = 1
    while step < terms.shape[-1]:
        added = log_add(xp, terms[..., step:], terms[..., :-step])
        terms = xp.concatenate([terms[..., :step], added], axis=-1)
        step *= 2
    return terms
