"""A kernel's mass on a target, by its distribution function: what the log of the integral is made of, without nodes.

The mass that K_h, centred at x_j, has on [a, b] is F((b - x_j) / h) - F((a - x_j) / h). Taken like that, the difference
loses all digits where the target is narrow or far away; here each kernel says the *mean* of K over a stretch that
begins s bandwidths from its centre and is w long, as a logarithm, from terms that don't cancel. A target around the
point is two stretches, from the point outwards.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from kdelab.loss.kernels import (
    Box,
    Cauchy,
    Epanechnikov,
    Gaussian,
    GeneralizedNormal,
    Huber,
    Kernel,
    Laplace,
    Logistic,
    Triangular,
)
from kdelab.loss.validate import Floats, instance

_Y, _SHARE = np.polynomial.legendre.leggauss(32)
_Y, _SHARE = (_Y + 1) / 2, _SHARE / 2  # of a stretch on which log K falls by little: all digits, as a series would give

_GENTLE = 1e-18  # what moves log K by less than this moves no digit
_FAR = 60.0  # from there on the incomplete gamma function's asymptotic series has all digits, for a up to 20


def _log_decay(w: Floats) -> Floats:
    """Return log of the mean of e^-v over v from 0 to w."""
    return np.log(-np.expm1(-w) / w)


def _laplace(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    return -s - np.log(2) + _log_decay(w)


def _logistic(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    # 1 / (1 + e^s) - 1 / (1 + e^t), over one denominator
    return -s + _log_decay(w) - np.log1p(np.exp(-s)) - np.log1p(np.exp(-(s + w)))


def _log_mean_bell(s: Floats, w: Floats) -> Floats:
    """Return log of the mean of exp(-u^2 / 2) over u from s to s + w."""
    fall = w * (s + w / 2)
    gentle = fall < 1
    mean = np.empty_like(s)
    near, wide = s[gentle, None], w[gentle, None] * _Y
    mean[gentle] = np.exp(-wide * (near + wide / 2)) @ _SHARE
    near, wide, fall = s[~gentle], w[~gentle], fall[~gentle]
    root = np.sqrt(0.5)
    upper = special.erfcx(near * root) - np.exp(-fall) * special.erfcx((near + wide) * root)
    mean[~gentle] = np.sqrt(np.pi / 2) * upper / wide
    return np.log(mean) - s * s / 2


def _gaussian(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    return _log_mean_bell(s, w) - np.log(2 * np.pi) / 2


def _huber(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    core = np.clip(1 - s, 0, w)
    tail = w - core
    log_K = kernel.log_unit(np.maximum(s, 1.0))
    at_zero = kernel.log_unit(np.zeros(1))
    bell = np.where(core > 0, at_zero + _log_mean_bell(np.minimum(s, 1.0), np.where(core > 0, core, 1.0)), -np.inf)
    beyond = np.where(tail > 0, log_K + _log_decay(np.where(tail > 0, tail, 1.0)), -np.inf)
    return np.logaddexp(np.log(core / w) + bell, np.log(tail / w) + beyond)


def _cauchy(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    # atan t - atan s = atan(w / (1 + s t))
    product = s * (s + w)
    angle = w / (1 + product)
    bent = angle > 1e-9
    return (
        np.log(np.where(bent, np.arctan(angle) / np.where(bent, angle, 1.0), 1.0)) - np.log1p(product) - np.log(np.pi)
    )


def _generalized_normal(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    shape: float = kernel.shape
    t = s + w
    constant = np.log(shape / 2) - special.gammaln(1 / shape)
    steepest = shape * np.where(s > 0, t if shape > 1 else s, 1.0) ** (shape - 1)
    level = t**shape < _GENTLE
    gentle = ~level & (w <= 2 * s) & (w * steepest <= 4)
    result = np.full_like(s, constant)
    near, wide = s[gentle, None], w[gentle, None] * _Y
    result[gentle] += np.log(np.exp(-_rise(near, wide, shape)) @ _SHARE) - s[gentle] ** shape
    rest = ~(level | gentle)
    result[rest] = _log_gamma_part(s[rest], w[rest], shape) - np.log(2 * w[rest])
    return result


def _rise(s: Floats, w: Floats, shape: float) -> Floats:
    """Return (s + w)^shape - s^shape."""
    narrow = w < s
    gently = s**shape * np.expm1(shape * np.log1p(w / np.where(narrow, s, np.inf)))
    return np.where(narrow, gently, (s + w) ** shape - s**shape)


def _log_gamma_part(s: Floats, w: Floats, shape: float) -> Floats:
    """Return log of what a gamma distribution of shape a = 1 / shape has between s^shape and (s + w)^shape."""
    a, low, high = 1 / shape, s**shape, (s + w) ** shape
    below = special.gammainc(a, high)
    log_above, log_beyond = _log_upper(a, low), _log_upper(a, high)
    rest = np.minimum(log_beyond - log_above - _rise(s, w, shape), 0.0)
    from_above = log_above - low + np.log(-np.expm1(rest))
    return np.where(np.log(below) < log_above - low, np.log(below - special.gammainc(a, low)), from_above)


def _log_upper(a: float, x: Floats) -> Floats:
    """Return x + log Q(a, x), Q the upper incomplete gamma function, regularised."""
    series, term, far = np.ones_like(x), np.ones_like(x), np.maximum(x, _FAR)
    for k in range(1, 41):
        term = term * ((a - k) / far)
        series = series + term
    beyond = (a - 1) * np.log(far) + np.log(series) - special.gammaln(a)
    return np.where(x < _FAR, np.log(special.gammaincc(a, np.minimum(x, _FAR))) + np.minimum(x, _FAR), beyond)


def _box(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    return np.log(np.clip(room / w, 0, 1) / 2)


def _triangular(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    left = np.maximum(room, 0)
    return np.log(np.minimum(left / w, 1)) + np.log(left - np.minimum(w, left) / 2)


def _epanechnikov(kernel: Kernel, s: Floats, w: Floats, room: Floats) -> Floats:
    begin = np.maximum(room, 0)
    end = begin - np.minimum(w, begin)
    mean = begin + end - (begin * begin + begin * end + end * end) / 3
    return np.log(np.minimum(begin / w, 1)) + np.log(0.75 * mean)


_STRETCH: dict[type[Any], Callable[[Kernel, Floats, Floats, Floats], Floats]] = {
    Laplace: _laplace,
    Gaussian: _gaussian,
    Cauchy: _cauchy,
    GeneralizedNormal: _generalized_normal,
    Logistic: _logistic,
    Huber: _huber,
    Box: _box,
    Triangular: _triangular,
    Epanechnikov: _epanechnikov,
}
"""log mean of K(u) over u from s to s + w, both in bandwidths; room is 1 - s, with the digits that 1 - s would lose."""


def log_mean(kernel: Kernel, points: Floats, lower: Floats, upper: Floats) -> Floats:
    """Return log((1 / (b - a)) integral_a^b K_h(x - x_j) dx), elementwise, by the kernel's distribution function.

    Parameters
    ----------
    kernel : Kernel
        One of kdelab's.
    points, lower, upper : array (total,)
        Points, and the ends of the target of each.

    Returns
    -------
    array (total,)
        Where lower == upper, log K_h; ``-inf`` where a compact kernel doesn't reach the target. Right to some
        1e-14 (1 + abs(log K)); the logarithm of the mass is this plus log(b - a).

    Raises
    ------
    ValueError
        If this kernel's distribution function isn't known here.
    """
    mean = _STRETCH.get(type(instance("kernel", kernel, Kernel, "Laplace(bandwidth=0.1)")))
    if mean is None:
        raise ValueError(f"kernel must have a distribution function that is known here, which {kernel!r} has not: give "
                         f"quadrature, GaussLegendre(64) for example")  # fmt: skip
    h = kernel.bandwidth
    before, behind = points - lower, upper - points
    width = (upper - lower) / h
    logs = kernel.log(points - (lower + (upper - lower) / 2))
    wide, around = width > 0, (before > 0) & (behind > 0)

    def stretch(distance: Floats, w: Floats) -> Floats:
        """Return log mean K, from a distance in the points' unit on, over w bandwidths."""
        return mean(kernel, distance / h, w, (h - distance) / h)

    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        beside = wide & ~around
        away = np.maximum(np.maximum(-before, -behind), 0)[beside]
        logs[beside] = stretch(away, width[beside]) - np.log(h)
        around = wide & around
        sides = [side[around] / h for side in (before, behind)]
        both = [np.log(side / width[around]) + stretch(np.zeros_like(side), side) for side in sides]
        logs[around] = np.logaddexp(*both) - np.log(h)
    return logs
