"""Random and adversarial clusters, and how far the library is from the truth on each: `campaign.py [SEED [COUNT]]`."""

import functools
import sys
from typing import NamedTuple

import brute
import numpy as np

import kdelab
from kdelab.loss import kernels

EPS = 2.0**-52
KERNELS = {
    **{kind.__name__: kind for kind in kernels.every() if kind is not kdelab.GeneralizedNormal},
    **{f"shape {beta:g}": functools.partial(kdelab.GeneralizedNormal, beta) for beta in (0.05, 0.2, 0.7, 1.5, 3, 8)},
}
KINDS = ("plain", "ties", "across one", "one place", "far", "far on both sides", "logits apart", "narrow", "one ulp",
         "nearly ties")  # fmt: skip


class Case(NamedTuple):
    kernel: str
    kind: str
    x: np.ndarray
    z: np.ndarray
    a: float
    b: float
    h: float
    background: float
    rule: object


def draw(random, name, kind):
    """Return a cluster made to be difficult in the way of ``kind``."""
    k = int(random.choice([1, 1, 2, 3, 5, 8]))
    compact = name in ("Box", "Triangular", "Epanechnikov")
    h = float(random.choice([1e-3, 0.03, 0.1, 0.3, 1.0, 3.0]))
    if not compact and random.random() < 0.25:
        h = float(random.choice([1e-90, 1e-30, 1e-12, 1e-6, 1e4, 1e60]))
    elif compact and random.random() < 0.15:
        h = float(random.choice([1e4, 1e60]))
    if name in ("shape 3", "shape 8"):
        h = max(h, 1e-6)
    background = float(random.choice([0.0, 0.0, 0.5, 0.01, 1e-12, 1e-300]))
    a = random.uniform(-1, 0.8)
    b = a + float(random.choice([0.01, 0.1, 0.5]))
    x = np.where(random.random(k) < 0.5, random.uniform(a - 0.1, b + 0.1, k), random.uniform(-1, 1, k))
    z = float(random.choice([1, 3])) * random.standard_normal(k)
    if kind == "ties":
        h = float(random.choice([1, 2, 3, 4])) / 16
        a, b = np.sort(random.choice(np.arange(-20, 21), 2, replace=False)) / 16
        x = random.integers(-20, 21, k) / 16
        x[0] = random.choice([a, b, a - h, a + h, b + h, -1 + h, 1 - h, 1 + h, x[0]])
    elif kind == "across one":
        side = random.choice([-1, 1])
        a, b = np.sort(side * (1 + np.array([-1, 1]) * random.uniform(0.01, 0.6, 2)))
        x = side * (1 + random.uniform(-0.7, 0.7, k))
    elif kind == "one place":
        b = a = float(random.choice([a, x[0], 1.0, -1.0, 1.2]))
    elif kind == "far" and not compact:
        x = b + min(h, 1e6) * float(random.choice([30, 1e3, 1e6])) + h * random.uniform(0, 3, k)
    elif kind == "far on both sides" and not compact:
        away = h * (float(random.choice([30, 1e3, 1e6])) + random.uniform(0, 3, k))
        x = np.where(random.random(k) < 0.5, a - away, b + away)
    elif kind == "logits apart":
        z = random.choice([0, -48, -700, -1000, 30], k) + random.standard_normal(k)
    elif kind == "narrow":
        b = a + h * float(random.choice([1e-12, 1e-6, 1e-3]))
        if b == a:
            b = float(np.nextafter(a, 9))
    elif kind == "one ulp":
        b = float(np.nextafter(a, 9))
        for _ in range(int(random.integers(0, 9))):
            b = float(np.nextafter(b, 9))
    elif kind == "nearly ties":
        places = [a, b, a - h, b + h, -1.0, 1.0, x[0]] if compact else [a, b, -1.0, 1.0, x[0]]
        x[1:] = random.choice(places, k - 1)
        x[random.integers(k)] = random.choice(places)
        x += random.choice([-1, 1], k) * 10.0 ** random.uniform(-17, -1, k)
    if compact and kind in ("one ulp", "nearly ties"):
        background = max(background, 1e-12)  # else a gap that rounding has opened is none
    if kind in ("narrow", "one ulp") and random.random() < 0.5:
        x[0] = random.choice([a, b, a - h, b + h])
    rule = kdelab.Adaptive() if random.random() < 0.5 else "auto"
    if random.random() < 0.25:
        size = int(random.choice([1, 2, 7, 20]))
        rule = random.choice([kdelab.Midpoint(size), kdelab.GaussLegendre(size)])
    return Case(name, kind, x, z, float(a), float(b), h, background, rule)


def truth(case, shift=0):
    """Return the Truth of a case, its target moved by ``shift`` units in the last place."""
    kernel = KERNELS[case.kernel](case.h)
    a, b = (v + shift * np.spacing(max(abs(case.a), abs(case.b))) for v in (case.a, case.b))
    arguments = (case.x, case.z, a, b, kernel, case.background)
    if isinstance(case.rule, kdelab.Midpoint):
        n = case.rule.bins
        return brute.rule(*arguments, (2 * np.arange(n) + 1) / n - 1, np.full(n, 2 / n))
    if isinstance(case.rule, kdelab.GaussLegendre):
        return brute.rule(*arguments, *np.polynomial.legendre.leggauss(case.rule.nodes))
    found = brute.integral(*arguments)
    if case.kernel == "Box" and case.a < case.b:
        _, points, log_bandwidth = brute.box(case.x, case.z, case.a, case.b, case.h, case.background)
        steps = (1 + (abs(found.loss) if np.isfinite(found.loss) else 0)) * case.h / (case.b - case.a)
        found = found._replace(points=points, log_bandwidth=log_bandwidth, steep=steps, growing=steps)
    return found


def errors(case, true):
    """Return each error over what is allowed."""
    loss = kdelab.CrossEntropy(kdelab.Clusters.from_lists([case.x], [case.a], [case.b]), KERNELS[case.kernel](case.h),
                               case.rule, case.background)  # fmt: skip
    values, gradients = loss.value_and_grads(case.z)
    value, gradient = loss.value_and_grad(case.z)
    alone = loss.value(case.z)
    off = {}
    if not np.isfinite(true.loss):
        off["loss"] = 0.0 if values[0] == true.loss == value[0] == alone[0] else np.inf
    else:
        worst = max(abs(found[0] - true.loss) for found in (values, value, alone))
        off["loss"] = worst / (2e-12 + 1e-13 * abs(true.loss))
    x, h = case.x, case.h
    distance = np.maximum(np.maximum(case.a - x, x - case.b), 0).min() / h
    unit = 2e-12 + 16 * EPS * (1 + np.abs(case.z).max() + (distance if case.kernel == "Laplace" else 0))
    off["logits"] = max(np.abs(gradients["logits"] - true.logits).max(), np.abs(gradient - true.logits).max()) / unit
    if np.isfinite(true.loss):
        by_points, by_bandwidth = unit * true.steep, unit * (1 + true.growing)
        if isinstance(case.rule, kdelab.Midpoint | kdelab.GaussLegendre):
            # Its nodes are rounded places: what one unit in their last place changes is no error.
            near = truth(case, shift=1)
            by_points += 4 * np.abs(near.points - true.points).max()
            by_bandwidth += 4 * abs(near.log_bandwidth - true.log_bandwidth)
        off["points"] = _over(gradients["points"] * h, true.points, by_points)
        off["log_bandwidth"] = _over(gradients["log_bandwidth"], true.log_bandwidth, by_bandwidth)
    return {name: np.inf if np.isnan(v) else v for name, v in off.items()}


def _over(found, true, allowed):
    with np.errstate(invalid="ignore"):
        apart = np.where(found == true, 0.0, np.abs(found - true))
    return float(np.max(apart)) / max(allowed, 1e-300) if np.max(apart) > 0 else 0.0


def hunt(seed, count, name):
    """Return the worst error over what is allowed, by what it is an error of, and all cases that lie above it."""
    random = np.random.default_rng(seed)
    worst: dict[str, float] = {}
    above: list[tuple] = []
    for _ in range(count):
        case = draw(random, name, str(random.choice(KINDS)))
        true = truth(case)
        for what, error in errors(case, true).items():
            worst[what] = max(worst.get(what, 0.0), error)
            if error > 1:
                above.append((error, what, case, true))
    return worst, above


if __name__ == "__main__":
    seed, count = (int(given) for given in (sys.argv[1:] + ["14", "170"][len(sys.argv) - 1 :]))
    for name in KERNELS:
        worst, above = hunt(seed, count, name)
        shares = ", ".join(f"{what} {error:.2g}" for what, error in worst.items())
        print(f"{name:12s} {len(above)} above what is allowed; worst, as a share of that: {shares}", flush=True)
