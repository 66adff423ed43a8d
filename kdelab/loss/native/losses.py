"""The losses in array operations, from what a user gives: padded clusters, targets, a kernel and bandwidths."""

import math
from typing import Any

from kdelab.loss.kernels import Laplace
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.native import laplace, quadrature
from kdelab.loss.native.operations import Operations
from kdelab.loss.native.quadrature import Density, Nodes
from kdelab.loss.native.units import Padded, in_units


def closed(kernel: Kernel, background: float) -> bool:
    """Return whether the loss has a closed form here, so that neither nodes nor panels matter."""
    return type(kernel) is Laplace and background == 0


def losses(
    xp: Operations, padded: Padded, kernel: Kernel, background: float, nodes: Nodes, panels: int, density: Density
) -> Any:
    """Return L (n,) of padded clusters, with their bandwidths in place of the kernel's.

    Targets are cut into ``panels`` where there is no closed form. A cluster of which everything is masked has the loss
    inf and no gradient.
    """
    clusters = in_units(xp, padded, background)
    if closed(kernel, background):
        mean = laplace.mean_log(xp, clusters)
    else:
        mean = quadrature.mean_log(xp, kernel, nodes, clusters, panels, background, density)
    mean = xp.where(padded.upper > padded.lower, mean, quadrature.single_bin(xp, kernel, clusters, background))
    return xp.where(clusters.known, clusters.log_h - mean, math.inf)
