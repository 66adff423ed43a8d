"""The losses in array operations, from what a user gives: padded clusters, targets, a kernel and bandwidths."""

import math
from typing import Any

from kdelab.loss.kernels import Laplace
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native import laplace, quadrature
from kdelab.loss.native.operations import Operations
from kdelab.loss.native.units import in_units


def losses(
    xp: Operations, logits: Any, points: Any, lower: Any, upper: Any, bandwidth: Any, mask: Any | None, kernel: Kernel,
    background: float, panels: int, density: quadrature.Density,
) -> Any:  # fmt: skip
    """Return L (n,) of padded clusters, logits and points (n, k), with bandwidths (n,); see `quadrature` for the rest.

    A cluster of which everything is masked has the loss inf and no gradient.
    """
    clusters = in_units(xp, logits, points, lower, upper, bandwidth, mask, background)
    if type(kernel) is Laplace and background == 0:
        mean = laplace.mean_log(xp, clusters)
    else:
        mean = quadrature.mean_log(xp, kernel, clusters, panels, background, density)
    mean = xp.where(upper > lower, mean, quadrature.single_bin(xp, kernel, clusters, background))
    return xp.where(clusters.known, clusters.log_h - mean, math.inf)
