"""The thread's formula in whatever numbers it is given: with fractions, gradients that can be checked with a pencil."""

from collections.abc import Sequence
from typing import Any


def gradient(weights: Sequence[Any], kernels: Sequence[Sequence[Any]]) -> list[Any]:
    """Return S_i less its mean responsibility over some bins, S_i K_i / sum_j S_j K_j.

    Parameters
    ----------
    weights : (k,)
        The weights S of one cluster, `fractions.Fraction` for an exact answer.
    kernels : (bins, k)
        Kernel values, a row a bin. Their scale doesn't matter.

    Raises
    ------
    ValueError
        If a row hasn't one value a point, or nothing reaches its bin.
    """
    mean = [0 * s for s in weights]
    for row in kernels:
        joint = [s * k for s, k in zip(weights, row, strict=True)]
        if not sum(joint):
            raise ValueError(f"kernels: {list(row)} has no point with weight in reach, every bin needs one")
        mean = [m + part / sum(joint) / len(kernels) for m, part in zip(mean, joint, strict=True)]
    return [s - m for s, m in zip(weights, mean, strict=True)]
