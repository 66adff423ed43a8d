"""Every kernel, as a function of its bandwidth: a new one is here as soon as it is in `kdelab.loss.kernels`."""

import functools

from kdelab.loss import kernels

SHAPES = {"GeneralizedNormal": (0.5, 1.5, 4.0)}

ALL = [
    functools.partial(kind, *arguments)
    for kind in kernels.every()
    for arguments in ([(shape,) for shape in SHAPES[kind.__name__]] if kind.__name__ in SHAPES else [()])
]


def named(make):
    return type(make(1.0)).__name__ + str(getattr(make(1.0), "shape", ""))


def sized(tails, compact):
    """Return all kernels, of one bandwidth where they have tails and of another where they have not."""
    return [make(tails if make(1.0).support == float("inf") else compact) for make in ALL]
