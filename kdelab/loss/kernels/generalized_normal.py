"""The generalised normal kernel, the dial of tails."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from kdelab.loss.kernels.base import Compiled, Exponential, Kernel, between
from kdelab.loss.runtime import scalar


@scalar
def _exponent(kernel: Compiled, u: float) -> float:
    return u * math.sqrt(u) if kernel.shape == 1.5 else u**kernel.shape


@scalar
def _rise(kernel: Compiled, u: float, more: float) -> float:
    if more >= u:
        return (u + more) ** kernel.shape - u**kernel.shape
    return u**kernel.shape * math.expm1(kernel.shape * math.log1p(max(more / u, -1.0)))


@scalar
def _slope(kernel: Compiled, u: float) -> float:
    return -kernel.shape * u ** (kernel.shape - 1.0) if u > 0.0 or kernel.shape >= 1.0 else 0.0


class _Compiled(Exponential):
    exponent, rise, slope = _exponent, _rise, _slope


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

    compiled: ClassVar[type[Compiled] | None] = _Compiled

    shape: float = 1.0

    def __init__(self, shape: float, bandwidth: float) -> None:
        object.__setattr__(self, "shape", between("shape", shape, 1 / 20, 50.0))
        object.__setattr__(self, "bandwidth", bandwidth)
        self.__post_init__()

    @property
    def kinks(self) -> tuple[float, ...]:  # type: ignore[override]
        """The point itself, unless the shape is an even number."""
        return () if self.shape % 2 == 0 else (0.0,)

    @property
    def power(self) -> float:
        """A whole power of s for u^beta if beta is a half of one; else at least a square, for u^(beta - 1) du, too."""
        if self.shape == round(self.shape):
            return 1.0
        return 2.0 if 2 * self.shape == round(2 * self.shape) else max(4.0, 2 / self.shape)

    @property
    def reach(self) -> float:
        """The largest distance, in bandwidths, that is computed with: where u^beta is 1e200."""
        return float(10 ** min(100.0, 200 / self.shape))

    def log_unit(self, u: Any, xp: Any = np) -> Any:
        """Return -u^beta + log(beta / 2) - log Gamma(1 / beta)."""
        return -(u**self.shape) + math.log(self.shape / 2) - math.lgamma(1 / self.shape)

    def slope(self, u: Any, xp: Any = np) -> Any:
        """Return -beta u^(beta - 1)."""
        return -self.shape * xp.maximum(u, np.finfo(float).tiny) ** (self.shape - 1)
