"""The kernels K, each integrating to 1; K_h(d) = K(d / h) / h for a distance d and a bandwidth h.

Everything is given as a logarithm, since a kernel a few dozen bandwidths away underflows long before its logarithm
loses a digit.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from kdelab.loss.validate import Floats, numbers, positive

NARROWEST, WIDEST = 1e-100, 1e100
"""The bandwidths that are computed with: squares of distances, in them and in their unit, neither over- nor
underflow."""

REACH = 1e100
"""Distances, in bandwidths, that are computed with; where log K falls below -1e200 sooner, they end there."""


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

    Raises
    ------
    ValueError
        If the bandwidth is no number of that range.
    """

    bandwidth: float
    kinks: ClassVar[tuple[float, ...]] = ()
    support: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "bandwidth", _between("bandwidth", self.bandwidth, NARROWEST, WIDEST))

    @property
    def reach(self) -> float:
        """The largest distance, in bandwidths, that is computed with."""
        return REACH

    def log(self, d: ArrayLike) -> Floats:
        """Return log K_h(d) = log K(d / h) - log h, elementwise; ``-inf`` where a compact kernel has ended."""
        return self.log_unit(np.abs(numbers("d", d)) / self.bandwidth) - math.log(self.bandwidth)

    @abstractmethod
    def log_unit(self, u: Floats) -> Floats:
        """Return log K(u) for u = abs(d) / h, elementwise."""

    @abstractmethod
    def slope(self, u: Floats) -> Floats:
        """Return the derivative of log K at u = abs(d) / h (0 where K is 0), elementwise."""


@dataclass(frozen=True)
class Laplace(Kernel):
    """K(u) = exp(-abs(u)) / 2, the thread's own example: the only kernel whose gradient forgets how far away it is."""

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    def log_unit(self, u: Floats) -> Floats:
        """Return -u - log 2."""
        return -u - math.log(2)

    def slope(self, u: Floats) -> Floats:
        """Return -1."""
        return np.full_like(u, -1.0)


@dataclass(frozen=True)
class Gaussian(Kernel):
    """K(u) = exp(-u^2 / 2) / sqrt(2 pi): lighter tails than Laplace; far points sort themselves ever more sharply."""

    def log_unit(self, u: Floats) -> Floats:
        """Return -u^2 / 2 - log sqrt(2 pi)."""
        return -0.5 * u * u - 0.5 * math.log(2 * math.pi)

    def slope(self, u: Floats) -> Floats:
        """Return -u."""
        return -u


@dataclass(frozen=True)
class Cauchy(Kernel):
    """K(u) = 1 / (pi (1 + u^2)): heavier tails than Laplace, so far points look ever more alike."""

    def log_unit(self, u: Floats) -> Floats:
        """Return -log(1 + u^2) - log pi, without squaring large u."""
        large = np.maximum(u, 1.0)
        return -np.where(
            u > 1, 2 * np.log(large) + np.log1p(1 / large**2), np.log1p(np.minimum(u, 1.0) ** 2)
        ) - math.log(math.pi)

    def slope(self, u: Floats) -> Floats:
        """Return -2 u / (1 + u^2)."""
        return -2 / (u + 1 / np.maximum(u, np.finfo(float).tiny))


@dataclass(frozen=True)
class GeneralizedNormal(Kernel):
    """K(u) = beta / (2 Gamma(1 / beta)) exp(-abs(u)^beta): the dial of tails, with Laplace at shape beta = 1.

    Parameters
    ----------
    shape : float
        beta, between 1/20 and 50. Below 1 the tails are heavier than Laplace's and the point itself is a cusp; 2 is a
        Gaussian. Below 1/20 the cusp is spread over more orders of magnitude than a float has; above 50 K is a box
        with edges that few floats see.
    bandwidth : float
        The scale h, between 1e-100 and 1e100.

    Raises
    ------
    ValueError
        If either is no number of its range.
    """

    kinks: ClassVar[tuple[float, ...]] = (0.0,)

    shape: float = 1.0

    def __init__(self, shape: float, bandwidth: float) -> None:
        object.__setattr__(self, "shape", _between("shape", shape, 1 / 20, 50.0))
        object.__setattr__(self, "bandwidth", bandwidth)
        self.__post_init__()

    @property
    def reach(self) -> float:
        """The largest distance, in bandwidths, that is computed with: where u^beta is 1e200."""
        return float(10 ** min(100.0, 200 / self.shape))

    def log_unit(self, u: Floats) -> Floats:
        """Return -u^beta + log(beta / 2) - log Gamma(1 / beta)."""
        return -(u**self.shape) + math.log(self.shape / 2) - math.lgamma(1 / self.shape)

    def slope(self, u: Floats) -> Floats:
        """Return -beta u^(beta - 1)."""
        return -self.shape * np.maximum(u, np.finfo(float).tiny) ** (self.shape - 1)


@dataclass(frozen=True)
class Box(Kernel):
    """K(u) = 1/2 where abs(u) <= 1, ends included: the thread's 0/1 kernel, up to its scale."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    support: ClassVar[float] = 1.0

    def log_unit(self, u: Floats) -> Floats:
        """Return -log 2 inside, -inf outside."""
        return np.where(u <= 1, -math.log(2), -np.inf)

    def slope(self, u: Floats) -> Floats:
        """Return 0."""
        return np.zeros_like(u)


@dataclass(frozen=True)
class Triangular(Kernel):
    """K(u) = 1 - abs(u) where that is positive."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 0.0, 1.0)
    support: ClassVar[float] = 1.0

    def log_unit(self, u: Floats) -> Floats:
        """Return log(1 - u) inside, -inf outside."""
        inside = u < 1
        return np.where(inside, np.log1p(-np.where(inside, u, 0.0)), -np.inf)

    def slope(self, u: Floats) -> Floats:
        """Return -1 / (1 - u) inside, 0 outside."""
        inside = u < 1
        return np.where(inside, -1 / (1 - np.where(inside, u, 0.0)), 0.0)


@dataclass(frozen=True)
class Epanechnikov(Kernel):
    """K(u) = 3/4 (1 - u^2) where that is positive."""

    kinks: ClassVar[tuple[float, ...]] = (-1.0, 1.0)
    support: ClassVar[float] = 1.0

    def log_unit(self, u: Floats) -> Floats:
        """Return log(3/4 (1 - u)(1 + u)) inside, -inf outside."""
        inside = u < 1
        within = np.where(inside, u, 0.0)
        return np.where(inside, math.log(0.75) + np.log1p(-within) + np.log1p(within), -np.inf)

    def slope(self, u: Floats) -> Floats:
        """Return -2 u / (1 - u^2) inside, 0 outside."""
        inside = u < 1
        within = np.where(inside, u, 0.0)
        return np.where(inside, -2 * within / ((1 - within) * (1 + within)), 0.0)


def refuse_beyond_reach(name: str, kernel: Kernel, *places: Floats) -> None:
    """Raise a ValueError that speaks of ``name`` if any two places are more than ``kernel.reach`` bandwidths apart."""
    some = [array for array in places if array.size]
    if some:
        span = float(max(array.max() for array in some)) - float(min(array.min() for array in some))
        if not span / kernel.bandwidth <= kernel.reach:
            raise ValueError(f"{name} must lie within {kernel.reach:.3g} bandwidths of everything else for {kernel!r}, "
                             f"but two places are {span:.3g} apart")  # fmt: skip


def _between(name: str, given: float, least: float, most: float) -> float:
    number = positive(name, given)
    if not least <= number <= most:
        raise ValueError(f"{name} must lie between {least:g} and {most:g}, not {number!r}")
    return number
