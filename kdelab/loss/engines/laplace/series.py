"""The power series that a segment of the bin-free Laplace loss is made of."""

import math

import numpy as np

_ORDER = 7


def _series() -> list[tuple[float, ...]]:
    """Return for i = 0, 1, ... the coefficients, in y^2, of (kappa y^2)^(i + 1) in Phi / d."""
    square = np.array([2.0 ** (2 * m + 1) / math.factorial(2 * m + 2) for m in range(_ORDER)])  # sinh^2(s) / s^2
    power, rows = np.ones(1), []
    for i in range(_ORDER):
        power = np.convolve(power, square)[: _ORDER - i]
        rows.append(tuple(float((-1) ** i / (i + 1) * c / (2 * (i + 1 + n) + 1) / 2) for n, c in enumerate(power)))
    return rows


PHI = tuple(_series())
"""For i = 0, 1, ... the coefficients, in y^2, of (kappa y^2)^(i + 1) in Phi / d, for d up to 1/4."""

E2 = (
    1.0 / 36.0,
    -1.0 / 3600.0,
    1.0 / 211680.0,
    -1.0 / 10886400.0,
    1.0 / 526901760.0,
    -4.064761645144226e-11,
    8.921691020456453e-13,
    -1.993929586072108e-14,
)
"""Those of v^3, v^5, ... in -Li2(-q) = v + v^2 / 4 + ..., v = log1p(q), for q up to 1."""
