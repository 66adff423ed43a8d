"""Every kernel, as a function of its bandwidth."""

import functools

import kdelab

ALL = [
    kdelab.Laplace,
    kdelab.Gaussian,
    kdelab.Cauchy,
    functools.partial(kdelab.GeneralizedNormal, 0.5),
    functools.partial(kdelab.GeneralizedNormal, 1.5),
    functools.partial(kdelab.GeneralizedNormal, 4.0),
    kdelab.Box,
    kdelab.Triangular,
    kdelab.Epanechnikov,
]


def named(make):
    return type(make(1.0)).__name__ + str(getattr(make(1.0), "shape", ""))
