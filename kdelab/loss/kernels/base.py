"""What every kernel K has: it integrates to 1, and K_h(d) = K(d / h) / h for a distance d and a bandwidth h.

Everything is given as a logarithm, since a kernel a few dozen bandwidths away underflows long before its logarithm
loses a digit. Each kernel is a file: its log density and slope over arrays, the same as compiled code sees it, one
number at a time, and what is special about it.
"""

import math
from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.validate import Floats, largest, numbers, positive

NARROWEST, WIDEST = 1e-100, 1e100
"""The bandwidths that are computed with: squares of distances, in them and in their unit, neither over- nor
underflow."""

REACH = 1e100
"""Distances, in bandwidths, that are computed with; where log K falls below -1e200 sooner, they end there."""


_LEAST = -500.0  # log K there, by which an algebraic kernel and its slope don't underflow

_DEFINED: Counter[str] = Counter()


class Compiled(NamedTuple):
    """A kernel in numbers that compiled code can use; its class says which kernel it is, and names its functions.

    Those are of one number each, compiled by `kdelab.loss.runtime.scalar`, and get this tuple first. A kernel's class
    is derived from that of its family: `Exponential`, `Algebraic` or `Compact`.
    """

    h: float
    shape: float
    log_constant: float
    background: float
    cusped: bool


class Exponential(Compiled):
    """K(u) = K(0) exp(-exponent(u)), with an exponent that rises without bound.

    ``exponent(kernel, u)`` for u >= 0; ``rise(kernel, u, more)``, exponent(u + more) - exponent(u) without
    cancellation, u + more >= 0; ``slope(kernel, u)``, (log K)'(u).
    """

    exponent: Any
    rise: Any
    slope: Any


class Algebraic(Compiled):
    """A kernel of tails so heavy that ``ratio(kernel, u)`` = K(u) / K(0) never underflows; with its ``slope``."""

    ratio: Any
    slope: Any


class Compact(Compiled):
    """A kernel that is 0 beyond one bandwidth: a function of how far a place lies behind its begin and before its end.

    ``height(kernel, before, behind)`` is K(u) / K(0) up to a factor, both distances in bandwidths and at least 0;
    ``steepness(kernel, u, before, behind)`` the same of K'(u), u >= 0. 1 - u^2 is before * behind, to the last digit.
    """

    height: Any
    steepness: Any


@dataclass(frozen=True)
class Kernel(ABC):
    """A symmetric kernel of one bandwidth.

    Parameters
    ----------
    bandwidth : float
        The scale h, between 1e-100 and 1e100, in the unit of the points (guess factors, say).

    Attributes
    ----------
    kinks : tuple of float
        Offsets u from a point, in bandwidths, where log K is not smooth: where quadrature cuts its panels.
    support : float
        The half width, in bandwidths, outside which K is 0; ``inf`` for kernels with tails.
    log_concave : bool
        Whether log K is: then the ratio of two terms of a density is monotone on either side of their points, and
        nothing can hide between two nodes.
    bend : float
        From so many bandwidths on log K hardly bends any more: panels that are longer are stretched.
    strip : float
        Up to so many bandwidths from the real axis, between kinks, the real part of K is positive; 0 where it isn't.
    compiled : type or None
        The same kernel for compiled code; without it all goes through arrays, the same numbers many times as slowly.
    power : float
        The power of s that irons out a cusp at the point: abs(u)^beta is smooth in s where u = s^power.

    Raises
    ------
    ValueError
        If the bandwidth is no number of that range.
    """

    bandwidth: float
    kinks: ClassVar[tuple[float, ...]] = ()
    support: ClassVar[float] = math.inf
    log_concave: ClassVar[bool] = True
    bend: ClassVar[float] = 32.0
    strip: ClassVar[float] = 0.0
    compiled: ClassVar[type[Compiled] | None] = None

    def __init_subclass__(cls) -> None:
        """See to it that compiled code never takes a kernel for the one that it is derived from."""
        super().__init_subclass__()
        if "log_unit" in vars(cls) and "compiled" not in vars(cls):
            cls.compiled = None
        if vars(cls).get("compiled"):  # numba names machine code after it: two of one name would run each other's
            name = f"{cls.__module__}.{cls.__qualname__}"
            _DEFINED[name] += 1
            vars(cls)["compiled"].__name__ = name if _DEFINED[name] == 1 else f"{name} {_DEFINED[name]}"

    def __post_init__(self) -> None:
        object.__setattr__(self, "bandwidth", between("bandwidth", self.bandwidth, NARROWEST, WIDEST))

    @property
    def reach(self) -> float:
        """The largest distance, in bandwidths, that is computed with."""
        return REACH

    @property
    def power(self) -> float:
        """See above; 1 where there is no cusp."""
        return 1.0

    def log(self, d: ArrayLike) -> Floats:
        """Return log K_h(d) = log K(d / h) - log h, elementwise; ``-inf`` where a compact kernel has ended."""
        return self.log_unit(np.abs(numbers("d", d)) / self.bandwidth) - math.log(self.bandwidth)

    @abstractmethod
    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return log K(u) for u = abs(d) / h, elementwise, by the functions of the array namespace xp."""

    @abstractmethod
    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return the derivative of log K at u = abs(d) / h (0 where K is 0), elementwise."""

    def overlap(self, d: Floats) -> Floats:
        """Return integral K_h(x) K_h(x - d) dx, elementwise.

        Raises
        ------
        ValueError
            If this kernel has no closed form of it.
        """
        raise ValueError(f"kernel must have a closed form of its overlap with itself, which {self!r} has not")

    def in_numbers(self, background: float = 0.0) -> Compiled:
        """Return the kernel, and the weight of a background mixed in, as compiled code sees them."""
        assert self.compiled is not None
        at_zero = float(self.log(np.zeros(1))[0])
        if issubclass(self.compiled, Algebraic) and not self.log_unit(np.array([0.0, REACH]))[1] >= _LEAST:
            raise ValueError(f"kernel must not be Algebraic where K(u) falls faster than u^-2, as {self!r} does: what "
                             f"Exponential asks for doesn't underflow")  # fmt: skip
        shape = float(getattr(self, "shape", 1.0))
        return self.compiled(self.bandwidth, shape, at_zero, background, 0.0 in self.kinks)


def refuse_beyond_reach(name: str, kernel: Kernel, *places: Floats) -> None:
    """Raise a ValueError that speaks of ``name`` if any two places are more than ``kernel.reach`` bandwidths apart."""
    some = [array for array in places if array.size]
    if some and not 2.0 * max(largest(array.ravel()) for array in some) / kernel.bandwidth <= kernel.reach:
        span = float(max(array.max() for array in some)) - float(min(array.min() for array in some))
        if not span / kernel.bandwidth <= kernel.reach:
            raise ValueError(f"{name} must lie within {kernel.reach:.3g} bandwidths of everything else for {kernel!r}, "
                             f"but two places are {span:.3g} apart")  # fmt: skip


def between(name: str, given: float, least: float, most: float) -> float:
    """Return ``given`` as a float if it lies between two numbers, else raise a ValueError that names it."""
    number = positive(name, given)
    if not least <= number <= most:
        raise ValueError(f"{name} must lie between {least:g} and {most:g}, not {number!r}")
    return number
