"""The loss by mpmath, at 40 digits in closed form, 22 by quadrature: what the engines are measured against."""

import functools
from itertools import pairwise

import mpmath

LEAST = 40
QUADRATURE = 22


def _number(value):
    return mpmath.mpf(float(value)) if not isinstance(value, mpmath.mpf) else value


def _dilog(log_q):
    """Return -Li2(-q) for q = exp(log_q) > 0."""
    if log_q > 0:
        return mpmath.pi**2 / 6 + log_q**2 / 2 - _dilog(-log_q)
    return -mpmath.polylog(2, -mpmath.exp(log_q)).real


def _softplus(v):
    return v + mpmath.log1p(mpmath.exp(-v)) if v > 0 else mpmath.log1p(mpmath.exp(v))


def laplace(points, logits, lower, upper, bandwidth):
    """Return loss, gradient by logits and gradient by points of the Laplace kernel, from the closed form."""
    with mpmath.workdps(LEAST + 20):
        x, z = [_number(v) for v in points], [_number(v) for v in logits]
        a, b, h = _number(lower), _number(upper), _number(bandwidth)
        top = max(z)
        total = mpmath.fsum(mpmath.exp(v - top) for v in z)
        log_S = [v - top - mpmath.log(total) for v in z]
        S = [mpmath.exp(v) for v in log_S]
        if a == b:
            log_f = [s - abs(a - v) / h for s, v in zip(log_S, x, strict=True)]
            log_p = _log_sum(log_f)
            r = [mpmath.exp(v - log_p) for v in log_f]
            slopes = [-ri * mpmath.sign(a - v) / h for ri, v in zip(r, x, strict=True)]
            return mpmath.log(2 * h) - log_p, [s - ri for s, ri in zip(S, r, strict=True)], slopes
        edges = sorted({a, b, *(v for v in x if a < v < b)})
        mean, left, right = mpmath.mpf(0), [mpmath.mpf(0)] * len(x), [mpmath.mpf(0)] * len(x)
        for t0, t1 in pairwise(edges):
            d = (t1 - t0) / h
            log_A = {j: log_S[j] - (t0 - x[j]) / h for j in range(len(x)) if x[j] <= t0}
            log_B = {j: log_S[j] - (x[j] - t1) / h for j in range(len(x)) if x[j] >= t1}
            A, B = _log_sum(log_A.values()), _log_sum(log_B.values())
            if not log_B:
                mean, P, Q = mean + d * A - d * d / 2, d, mpmath.mpf(0)
            elif not log_A:
                mean, P, Q = mean + d * B - d * d / 2, mpmath.mpf(0), d
            else:
                c = B - A - d
                mean += d * A - d * d / 2 + (_dilog(c + 2 * d) - _dilog(c)) / 2
                Q = (_softplus(c + 2 * d) - _softplus(c)) / 2
                P = d - Q
            for j, v in log_A.items():
                left[j] += P * mpmath.exp(v - A)
            for j, v in log_B.items():
                right[j] += Q * mpmath.exp(v - B)
        width = (b - a) / h
        gradient = [s - (p + q) / width for s, p, q in zip(S, left, right, strict=True)]
        slopes = [(q - p) / width / h for p, q in zip(left, right, strict=True)]
        return mpmath.log(2 * h) - mean / width, gradient, slopes


def by_log_bandwidth(points, logits, lower, upper, bandwidth):
    """Return h dL/dh of the Laplace kernel: a central difference, at digits to spare."""
    with mpmath.workdps(LEAST + 20):
        step = mpmath.mpf(10) ** -15
        h = _number(bandwidth)
        above = laplace(points, logits, lower, upper, h * mpmath.exp(step))[0]
        below = laplace(points, logits, lower, upper, h * mpmath.exp(-step))[0]
        return (above - below) / (2 * step)


def _log_sum(values):
    values = list(values)
    if not values:
        return -mpmath.inf
    top = max(values)
    return top + mpmath.log(mpmath.fsum(mpmath.exp(v - top) for v in values))


LOG_KERNELS = {
    "Laplace": lambda u, beta: -u - mpmath.log(2),
    "Gaussian": lambda u, beta: -u * u / 2 - mpmath.log(2 * mpmath.pi) / 2,
    "Cauchy": lambda u, beta: -mpmath.log(mpmath.pi * (1 + u * u)),
    "GeneralizedNormal": lambda u, beta: -(u**beta) + mpmath.log(beta / 2) - mpmath.loggamma(1 / beta),
    "Logistic": lambda u, beta: -u - 2 * mpmath.log1p(mpmath.exp(-u)),
    "Huber": lambda u, beta: (
        (-u * u / 2 if u < 1 else mpmath.mpf(1) / 2 - u)
        - mpmath.log(mpmath.sqrt(2 * mpmath.pi) * mpmath.erf(mpmath.sqrt(0.5)) + 2 * mpmath.exp(-0.5))
    ),
    "Box": lambda u, beta: -mpmath.log(2) if u <= 1 else -mpmath.inf,
    "Triangular": lambda u, beta: mpmath.log(1 - u) if u < 1 else -mpmath.inf,
    "Epanechnikov": lambda u, beta: mpmath.log(3 * (1 - u * u) / 4) if u < 1 else -mpmath.inf,
}


def any_kernel(points, logits, lower, upper, kernel, background=0.0, cuts=()):
    """Return loss and gradient by logits by mpmath's quadrature between kinks and ``cuts``; targets must be covered."""
    with mpmath.workdps(QUADRATURE):
        x, z = [_number(v) for v in points], [_number(v) for v in logits]
        a, b, h = _number(lower), _number(upper), _number(kernel.bandwidth)
        beta = _number(getattr(kernel, "shape", 1.0))
        log_K = LOG_KERNELS[type(kernel).__name__]
        weight, floor = mpmath.log1p(-_number(background)), _number(background) / 2
        top = _log_sum(z)
        S = [mpmath.exp(v - top) for v in z]

        def log_terms(t):
            return [v - top + weight + log_K(abs(t - xj) / h, beta) - mpmath.log(h) for v, xj in zip(z, x, strict=True)]

        def log_p(t):
            terms = log_terms(t)
            return _log_sum([*terms, mpmath.log(floor)] if floor > 0 and abs(t) <= 1 else terms)

        @functools.cache  # all of them share their nodes
        def responsibilities(t):
            p = log_p(t)
            return [mpmath.exp(v - p) for v in log_terms(t)]

        if a == b:
            r = responsibilities(a)
            return -log_p(a), [s * mpmath.fsum(r) - v for s, v in zip(S, r, strict=True)]
        cuts_at = (
            {v + u * h for v in x for u in (-1, 0, 1)} | {mpmath.mpf(-1), mpmath.mpf(1)} | {_number(c) for c in cuts}
        )
        edges = sorted({a, b} | {v for v in cuts_at if a < v < b})
        loss = -mpmath.quad(log_p, edges) / (b - a)
        r = [mpmath.quad(lambda t, j=j: responsibilities(t)[j], edges) / (b - a) for j in range(len(x))]
        return loss, [s * mpmath.fsum(r) - v for s, v in zip(S, r, strict=True)]


def by_ends(points, logits, lower, upper, kernel, background=0.0, cuts=()):
    """Return dL/da and dL/db for a < b by their formulas, with digits for what cancels, the mean of both sides."""
    with mpmath.workdps(LEAST):
        x, z = [_number(v) for v in points], [_number(v) for v in logits]
        a, b, h = _number(lower), _number(upper), _number(kernel.bandwidth)
        log_K = functools.partial(LOG_KERNELS[type(kernel).__name__], beta=_number(getattr(kernel, "shape", 1.0)))
        weight, floor, top = mpmath.log1p(-_number(background)), _number(background) / 2, _log_sum(z)

        def log_p(t):
            terms = [v - top + weight + log_K(abs(t - xj) / h) - mpmath.log(h) for v, xj in zip(z, x, strict=True)]
            return _log_sum([*terms, mpmath.log(floor)] if floor > 0 and abs(t) <= 1 else terms)

        def at(end):
            step = (b - a) * mpmath.mpf(10) ** -30
            return (log_p(end - step) + log_p(end + step)) / 2

        places = {v + u * h for v in x for u in (-1, 0, 1)} | {mpmath.mpf(v) for v in (-1, 1, *cuts)}
        places |= {a + 3 * i * h for i in range(int((b - a) / (3 * h)))}
        mean = mpmath.quad(log_p, sorted({a, b} | {v for v in places if a < v < b})) / (b - a)
        return (at(a) - mean) / (b - a), (mean - at(b)) / (b - a)
