"""The loss and all its derivatives by brute force: from the formulas alone, sharing nothing with the engines.

Where kernels begin, peak and end is kept as a fraction, so that no distance is rounded, however small. Every piece
between two such places is integrated from both of its ends over tau, x = end +- half exp(-tau), so that a layer at an
end is seen at whatever scale; there by Gauss's rule, halved until nothing changes, in extended precision.
"""

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any, NamedTuple

import mpmath
import numpy as np

REAL = np.longdouble
DEEPEST = 1500.0  # exp(-1500): below any weight in the tests
HALVINGS, CROWD = 48, 200


def _gauss():
    """Return Gauss's 24 nodes and weights on [-1, 1]."""
    with mpmath.workdps(30):
        rule = mpmath.calculus.quadrature.GaussLegendre(mpmath.mp).calc_nodes(3, 100)
        return (np.array([REAL(mpmath.nstr(v, 25)) for v in column]) for column in zip(*rule, strict=True))


NODES, WEIGHTS = _gauss()
CONSTANTS = {  # log K(0); of compact kernels it is in their terms
    "Laplace": lambda beta: -mpmath.log(2),
    "Gaussian": lambda beta: -mpmath.log(2 * mpmath.pi) / 2,
    "Cauchy": lambda beta: -mpmath.log(mpmath.pi),
    "GeneralizedNormal": lambda beta: mpmath.log(beta / 2) - mpmath.loggamma(1 / beta),
    "Logistic": lambda beta: -mpmath.log(4),
    "Huber": lambda beta: -mpmath.log(mpmath.sqrt(2 * mpmath.pi) * mpmath.erf(mpmath.sqrt(0.5)) + 2 * mpmath.exp(-0.5)),
    **dict.fromkeys(("Box", "Triangular", "Epanechnikov"), lambda beta: mpmath.mpf(0)),
}


class Truth(NamedTuple):
    """Loss, dL/dz, h dL/dx, h dL/dh; and means of sum r_j abs(s_j) and of sum r_j abs(u_j s_j), what those round by."""

    loss: float
    logits: np.ndarray
    points: np.ndarray
    log_bandwidth: float
    steep: float
    growing: float


def real(fraction):
    """Return a fraction in extended precision."""
    high = float(fraction)
    return REAL(high) + REAL(float(fraction - Fraction(high)))


class _Mixture:
    """One cluster: what its terms are at places given exactly as ``end + side * y``, y in bandwidths."""

    def __init__(self, x, z, kernel, background):
        self.name, self.beta = type(kernel).__name__, REAL(getattr(kernel, "shape", 1.0))
        self.h = Fraction(kernel.bandwidth)
        self.x = [Fraction(float(v)) for v in x]
        z = np.array([float(v) for v in z], dtype=REAL)
        self.log_S = z - z.max() - np.log(np.exp(z - z.max()).sum()) + np.log1p(-REAL(background))
        self.log_h = np.log(REAL(kernel.bandwidth))
        self.floor = np.log(REAL(background) / 2) + self.log_h if background > 0 else REAL(-np.inf)
        self.apart = np.array([[real((v - w) / self.h) for w in self.x] for v in self.x])
        with mpmath.workdps(30):
            beta = mpmath.mpf(getattr(kernel, "shape", 1.0))
            self.constant = REAL(mpmath.nstr(CONSTANTS[self.name](beta), 25))

    def terms(self, end, side, y, lit):
        """Return log p h, r (n, k), r s, growth, two sizes at places end + side y; ``lit`` where background is."""
        u0, before, behind = (
            np.array([real(v / self.h) for v in values])
            for values in zip(*((end - v, end - v + self.h, v + self.h - end) for v in self.x), strict=True)
        )
        y = y[:, None]
        u, before, behind = u0 + side * y, before + side * y, behind - side * y
        if self.name in ("Box", "Triangular", "Epanechnikov"):
            inside = (before >= 0) & (behind >= 0)
            with np.errstate(divide="ignore"):
                near, far = np.log(np.where(inside, before, 0)), np.log(np.where(inside, behind, 0))
                if self.name == "Box":
                    log_K, steep = np.where(inside, -np.log(REAL(2)), -np.inf), np.full_like(u, -np.inf)
                elif self.name == "Triangular":
                    log_K, steep = np.minimum(near, far), np.where(inside & (u != 0), REAL(0), -np.inf)
                else:
                    log_K = np.log(REAL(0.75)) + near + far
                    steep = np.where(inside, np.log(REAL(1.5)) + np.log(np.abs(u)), -np.inf)
                base: Any = REAL(0)
                steep = steep - np.where((before == 0) | (behind == 0), np.log(REAL(2)), 0)  # the mean of both sides
        else:
            with np.errstate(divide="ignore"):
                log_u = np.log(np.abs(u))
            # Terms relative to that of the nearest point, by differences of distances: what all share is no loss.
            lead = np.argmin(np.abs(u), axis=1)[:, None]
            least = np.take_along_axis(np.abs(u), lead, 1)
            same = np.sign(u) * np.sign(np.take_along_axis(u, lead, 1)) > 0
            farther = np.where(same, np.sign(u) * self.apart[lead[:, 0]], np.abs(u) - least)
            if self.name == "Laplace":
                base, log_K, log_s = -least, -farther, np.where(u != 0, REAL(0), -np.inf)
            elif self.name == "Gaussian":
                base, log_K, log_s = -(least**2) / 2, -farther * (least + farther / 2), log_u
            elif self.name == "Logistic":
                core = 2 * np.log1p(np.exp(-np.abs(u)))
                least_core = 2 * np.log1p(np.exp(-least))
                base, log_K = -least - least_core + 2 * np.log(REAL(2)), -farther - (core - least_core)
                log_s = np.log(np.tanh(np.abs(u) / 2))
            elif self.name == "Huber":
                inner, least_inner = np.minimum(np.abs(u), 1), np.minimum(least, 1)
                base = -np.where(least < 1, least**2 / 2, least - REAL(0.5))
                both_out, both_in = (np.abs(u) >= 1) & (least >= 1), (np.abs(u) < 1) & (least < 1)
                crossed = (1 - least_inner**2) / 2 + (np.abs(u) - 1)  # the nearest within its core, the other outside
                log_K = -np.where(both_out, farther, np.where(both_in, farther * (least + farther / 2), crossed))
                log_s = np.log(inner)
            elif self.name == "Cauchy":
                base, log_K = REAL(0), -np.where(np.abs(u) > 1, 2 * log_u + np.log1p(1 / np.maximum(np.abs(u), 1) ** 2),
                                                 np.log1p(np.minimum(np.abs(u), 1) ** 2))  # fmt: skip
                log_s = np.log(REAL(2)) + log_u + log_K
            elif self.name == "GeneralizedNormal":
                with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                    base, power = -np.exp(self.beta * np.log(least)), np.exp(self.beta * log_u)
                    near = farther < least
                    rise = -base * np.expm1(self.beta * np.log1p(np.where(near, farther / least, 0)))
                    log_K = -np.where(near, rise, power + base)
                log_s = np.where(u != 0, np.log(self.beta) + (self.beta - 1) * log_u, -np.inf)
            else:
                raise KeyError(f"terms knows no {self.name}")
            steep = None
        base = base + self.constant
        terms = self.log_S + log_K
        top = terms.max(axis=1, keepdims=True)
        safe = np.where(np.isfinite(top), top, 0)
        with np.errstate(divide="ignore"):
            bare = relative = safe + np.log(np.exp(terms - safe).sum(axis=1, keepdims=True))  # log p less base
        base = base * np.ones_like(y)
        if self.floor > -np.inf:
            relative = np.where(lit[:, None], np.logaddexp(relative, self.floor - base), relative)
        log_p = (relative + base)[:, 0] if self.floor == -np.inf else np.where(
            lit, np.logaddexp((bare + base)[:, 0], self.floor), (bare + base)[:, 0])  # fmt: skip
        relative = np.where(np.isfinite(relative), relative, 0)
        r = np.exp(terms - relative)
        flank = np.exp(self.log_S + steep - relative) if steep is not None else r * np.exp(log_s)
        slope = -np.sign(u) * flank
        covered = np.isfinite(log_p)
        r, slope = np.where(covered[:, None], r, 0), np.where(covered[:, None], slope, 0)
        with np.errstate(invalid="ignore"):
            growth = (r + u * slope).sum(axis=1)
        return log_p, r, slope, growth, np.abs(slope).sum(axis=1), np.abs(u * slope).sum(axis=1)

    def handovers(self, a, b):
        """Return about where one term takes over from another in (a, b), or from the background: where p turns."""
        if self.name in ("Box", "Triangular", "Epanechnikov", "Cauchy"):
            return []
        far, end = np.array([real((v - a) / self.h) for v in self.x]), real((b - a) / self.h)
        beta, half = (2, 2) if self.name == "Gaussian" else (self.beta, 1)  # Logistic, Huber: about as Laplace
        # Between two neighbouring points the ratio of any two terms is monotone, or bends slowly.
        cuts = np.unique(np.concatenate([[REAL(0), end], far[(far > 0) & (far < end)]]))
        j, i = np.triu_indices(len(far), 1)
        j, begin, stop = np.repeat(j, len(cuts) - 1), np.tile(cuts[:-1], len(i)), np.tile(cuts[1:], len(i))
        i = np.repeat(i, len(cuts) - 1)

        def ahead(y):
            powers = np.abs(y - far[j]) ** beta - np.abs(y - far[i]) ** beta
            return self.log_S[j] - self.log_S[i] - powers / half > 0

        first = ahead(begin)
        changes = first != ahead(stop)
        j, i, begin, stop, first = (v[changes] for v in (j, i, begin, stop, first))
        for _ in range(80):
            middle = (begin + stop) / 2
            same = ahead(middle) == first
            begin, stop = np.where(same, middle, begin), np.where(same, stop, middle)
        excess = (self.log_S + self.constant - self.floor) * half
        widths = np.where((excess > 0) & (excess < np.inf), excess, 0) ** (1 / REAL(beta))
        places = np.concatenate([begin, far - widths, far + widths])
        exact = [a + self.h * (Fraction(float(y)) + Fraction(float(y - REAL(float(y))))) for y in places]
        return [e for e in exact if a < e < b]

    def columns(self, *arguments):
        log_p, r, slope, *rest = self.terms(*arguments)
        return np.column_stack([log_p, r, slope, *rest])


def _lit(left, right):
    return left >= -1 and right <= 1


def integral(x, z, lower, upper, kernel, background=0.0):
    """Return the Truth of one cluster with its target integrated over; loss inf where part of it isn't covered."""
    mixture = _Mixture(x, z, kernel, background)
    a, b, h = Fraction(float(lower)), Fraction(float(upper)), mixture.h
    k = len(mixture.x)
    if a == b:
        mean = mixture.columns(a, 1, np.zeros(1, dtype=REAL), np.array([abs(a) <= 1]))[0]
        return _truth(mixture, mean, k)
    kinks = (-1, 0, 1) if math.isfinite(kernel.support) or mixture.name == "Huber" else (0,)
    edges = sorted({a, b} | {e for v in mixture.x for s in kinks if a < (e := v + s * h) < b}
                   | {Fraction(e) for e in (-1, 1) if background > 0 and a < e < b})  # fmt: skip
    edges = sorted({*edges, *mixture.handovers(a, b)})
    mean, cliffs, fallen = np.zeros(2 * k + 4, dtype=REAL), np.zeros(k), False
    for left, right in pairwise(edges):
        half, lit = (right - left) / 2, _lit(left, right)
        share = real(half / (b - a))
        middle = mixture.columns(left, 1, np.array([real(half / h)]), np.array([lit]))[0]
        if not np.isfinite(middle[0]):
            mean[0] = -np.inf
            continue
        for end, side in ((left, 1), (right, -1)):
            mean += share * _half(mixture, end, side, real(half / h), lit)
            cliff = mixture.columns(end, side, np.zeros(1, dtype=REAL), np.array([lit]))[0][0] == -np.inf
            cliffs += cliff * np.sign(middle[1 + k : 1 + 2 * k])
            fallen |= cliff
    mean[1 + k : 1 + 2 * k][cliffs != 0] = cliffs[cliffs != 0] * np.inf
    if fallen and mixture.name in ("Triangular", "Epanechnikov"):
        mean[1 + 2 * k] = -np.inf
    return _truth(mixture, mean, k)


def _half(mixture, end, side, half, lit):
    """Return the mean over (end, end + side half), from the end outwards over tau, halving what hasn't converged."""

    def sums(begin, stop):
        tau = (begin[:, None] + (stop - begin)[:, None] * (1 + NODES) / 2).ravel()
        y = np.exp(-tau)
        values = mixture.columns(end, side, half * y, np.full(len(y), lit)) * y[:, None]
        weights = np.outer(stop - begin, WEIGHTS / 2)
        return np.einsum("pn,pnc->pc", weights, values.reshape(len(begin), len(NODES), -1))

    done = 0.0
    begin, stop = np.array([0, 4, 64], dtype=REAL), np.array([4, 64, DEEPEST], dtype=REAL)
    whole = sums(begin, stop)
    for level in range(HALVINGS):
        middle = (begin + stop) / 2
        left, right = sums(begin, middle), sums(middle, stop)
        both = left + right
        scale = np.abs(both).sum(axis=0) + np.abs(done)
        scale[1 : 1 + len(mixture.x)] = 1
        scale[1 + len(mixture.x) : 1 + 2 * len(mixture.x)] = scale[-2]
        open_ = (np.abs(both - whole) > 1e-16 * scale + 1e-300).any(axis=1)
        done = done + both[~open_].sum(axis=0)
        if not open_.any() or level == HALVINGS - 1 or len(begin) > CROWD:
            return done + both[open_].sum(axis=0)
        begin, stop = np.concatenate([begin[open_], middle[open_]]), np.concatenate([middle[open_], stop[open_]])
        whole = np.concatenate([left[open_], right[open_]])
    raise AssertionError


def rule(x, z, lower, upper, kernel, background, nodes, weights):
    """Return the Truth of a fixed rule with ``nodes`` and ``weights`` on [-1, 1]."""
    mixture = _Mixture(x, z, kernel, background)
    a, b = Fraction(float(lower)), Fraction(float(upper))
    share = [(1 + Fraction(float(v))) / 2 for v in nodes] if a < b else [Fraction(0)]
    weight = np.array(weights, dtype=REAL) / 2 if a < b else np.ones(1, dtype=REAL)
    y = np.array([real((b - a) * s / mixture.h) for s in share])
    lit = np.array([abs(a + (b - a) * s) <= 1 for s in share])
    values = mixture.columns(a, 1, y, lit)
    if not np.isfinite(values[:, 0]).all():
        values[:, 0] = -np.inf
    return _truth(mixture, weight @ values, len(mixture.x))


def _truth(mixture, mean, k):
    r, slope = mean[1 : 1 + k], mean[1 + k : 1 + 2 * k]
    S = np.exp(mixture.log_S)
    return Truth(
        float(mixture.log_h - mean[0]), np.array(S / S.sum() * r.sum() - r, dtype=float), np.array(slope, dtype=float),
        *(float(v) for v in mean[1 + 2 * k :]),
    )  # fmt: skip


def box(x, z, lower, upper, h, background=0.0):
    """Return loss, h dL/dx and h dL/dh of the box kernel: differences, exact until the next two edges meet."""
    with mpmath.workdps(250):
        x, a, b, h = [Fraction(float(v)) for v in x], Fraction(float(lower)), Fraction(float(upper)), Fraction(float(h))
        z = [mpmath.mpf(float(v)) for v in z]
        S = [mpmath.exp(v - max(z)) for v in z]
        S = [v / mpmath.fsum(S) for v in S]
        beta = mpmath.mpf(float(background))

        def loss(x, h):
            edges = sorted({a, b} | {e for v in x for e in (v - h, v + h) if a < e < b} | {
                Fraction(e) for e in (-1, 1) if beta > 0 and a < e < b})  # fmt: skip
            mean = mpmath.mpf(0)
            for left, right in pairwise(edges):
                p = (1 - beta) * mpmath.fsum(s for s, v in zip(S, x, strict=True) if v - h <= left and right <= v + h)
                p = p / mpmath.mpf(2) * h.denominator / h.numerator + (beta / 2 if _lit(left, right) else 0)
                part = (right - left) / (b - a)
                mean += mpmath.log(p) * part.numerator / part.denominator if p > 0 else -mpmath.inf
            return -mean

        value = loss(x, h)
        places = sorted({a, b, Fraction(-1), Fraction(1), *(v + s * h for v in x for s in (-1, 1))})
        step = Fraction(1, 10**30) * min([h, *(right - left for left, right in pairwise(places))])
        per = mpmath.mpf((h / step).numerator) / (h / step).denominator

        def slope(change):
            sides = [(loss(*change(step)) - value), (value - loss(*change(-step)))]
            finite = [side for side in sides if mpmath.isfinite(side)]
            return float(sum(finite) / len(finite) * per) if finite else 0.0

        points = [slope(lambda e, j=j: ([v + e * (i == j) for i, v in enumerate(x)], h)) for j in range(len(x))]
        return float(value), np.array(points), slope(lambda e: (x, h + e))
