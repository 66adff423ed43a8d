"""Gradients by the ends of targets: dL/da = (L + log p(a)) / (b - a), dL/db = -(L + log p(b)) / (b - a).

Where targets are narrow these differences cancel. What they are the limit of does not: with s = (log p)' and t the part
of the target that lies behind a place, dL/da = -mean (1 - t) s and dL/db = -mean t s, as long as p has no jump inside.
At a == b it is -s / 2 each. Far clusters are as good as near ones: what cancels, by whatever cause, goes through s.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from kdelab.loss.clusters import Clusters
from kdelab.loss.engines.by_arrays import progress
from kdelab.loss.engines.density import Places, log_density
from kdelab.loss.engines.quadrature import cuts, nodes
from kdelab.loss.kernels.base import Kernel
from kdelab.loss.rules import Adaptive, GaussLegendre, Midpoint, Rule
from kdelab.loss.validate import Flags, Floats, Integers

_LOSS = 1e-12  # what a loss is good for, times 1 or its own size
_ALLOWED = 2e-11  # by how much the gradient may err, times 1 / h or its own size
_TOLERANCE, _ROUNDING, _FINEST = 1e-12, 64 * 2.0**-52, 2.0**-48
_BOX_LIKE = -15.0  # log K at the end over K(0): there p jumps

LogDensity = Callable[..., Floats]


def by_ends(
    clusters: Clusters, kernel: Kernel, rule: Rule, background: float, logits: Floats, losses: Floats
) -> tuple[Floats, Floats]:
    """Return dL/da and dL/db, (n,) each, of losses that are known.

    By a fixed rule it is the gradient of that rule's loss. At a kink of the loss it is the mean of both sides. It is 0
    where the loss is infinite, or p is 0 at the end in question.
    """
    log_p = partial(log_density, clusters, kernel, background, logits)
    found, known, one_place = np.zeros((2, len(clusters))), np.isfinite(losses), clusters.lower == clusters.upper
    if isinstance(rule, Midpoint | GaussLegendre):
        some = np.flatnonzero(known)
        found[:, some] = _at_nodes(clusters, nodes.fixed(rule), some, log_p)
        return found[0], found[1]
    some = np.flatnonzero(known & one_place)
    found[:, some] = _at_nodes(clusters, nodes.midpoint(1), some, log_p)
    some = np.flatnonzero(known & ~one_place)
    jumps = _jumps(clusters, kernel, background)[some]
    found[:, some], cancel = _by_differences(clusters, kernel.bandwidth, losses[some], jumps, some, log_p)
    some = some[cancel]
    found[:, some] = _by_slopes(clusters, kernel, background, some, log_p)
    return found[0], found[1]


def _at_nodes(clusters: Clusters, rule: nodes.Nodes, which: Integers, log_p: LogDensity) -> Floats:
    """Return the gradients of a fixed rule's loss, (2, which)."""
    a, t = clusters.lower[which, None], (1 + rule.places) / 2
    slope = np.empty((len(which), len(t)))
    log_p(Places.of(which, a + t * (clusters.upper[which, None] - a)), slope)
    return -0.5 * np.array([slope @ (rule.fine * (1 - t)), slope @ (rule.fine * t)])


def _by_differences(
    clusters: Clusters, h: float, losses: Floats, jumps: Flags, which: Integers, log_p: LogDensity
) -> tuple[Floats, Flags]:
    """Return the gradients as differences, (2, which), and where too much cancels in them."""
    ends = np.array([clusters.lower[which], clusters.upper[which]])
    width = ends[1] - ends[0]
    at_ends = log_p(Places.of(which, ends.T.copy())).T
    if jumps.any():  # the mean of both sides, or what is inside where outside is nothing
        towards = np.array([[[np.inf, -np.inf]], [[-np.inf, np.inf]]])
        sides = np.nextafter(ends[:, jumps, None], towards).transpose(1, 0, 2).reshape(-1, 4)
        inside, outside = log_p(Places.of(which[jumps], sides)).reshape(-1, 2, 2).transpose(2, 1, 0)
        at_ends[:, jumps] = np.where(outside > -np.inf, (inside + outside) / 2, inside)
    reached = at_ends > -np.inf
    found = np.where(reached, losses + np.where(reached, at_ends, 0.0), 0.0) / width * np.array([[1.0], [-1.0]])
    size = np.maximum(1 / h, np.abs(found).max(axis=0))
    cancel = _LOSS * np.maximum(1.0, np.abs(losses)) > _ALLOWED * size * width
    return found, cancel & reached.all(axis=0) & ~jumps


def _jumps(clusters: Clusters, kernel: Kernel, background: float) -> Flags:
    """Return in which targets, ends included, p has a jump: where a box ends, or a background does."""
    lower, upper, support = clusters.lower, clusters.upper, kernel.support
    found = np.zeros(len(clusters), dtype=np.bool_)
    for wall in (-1.0, 1.0):
        found |= (background > 0) & (lower <= wall) & (wall <= upper)
    if support < np.inf and float(np.diff(kernel.log_unit(np.array([0.0, support * (1 - 1e-9)])))[0]) > _BOX_LIKE:
        slack = cuts.CLOSE * np.spacing(np.maximum(np.abs(clusters.points), kernel.bandwidth))
        for end in (-support, support):
            place = clusters.points + kernel.bandwidth * end
            found |= clusters.max((clusters.spread(lower) - slack <= place) & (place <= clusters.spread(upper) + slack))
    return found


def _by_slopes(clusters: Clusters, kernel: Kernel, background: float, which: Integers, log_p: LogDensity) -> Floats:
    """Return minus the means of (1 - t) s and of t s over targets, (2, which), integrated adaptively between kinks."""
    some, rule = clusters.take(which), nodes.adaptive(Adaptive(_TOLERANCE), kernel)
    panels, width, found = cuts.stretched(some, kernel, background), some.upper - some.lower, np.zeros((2, len(which)))
    owners = np.repeat(np.arange(len(which)), np.diff(panels.offsets))
    p, s0, s1 = np.arange(len(owners)), np.zeros(len(owners)), np.ones(len(owners))
    while len(p):
        i, half, origin = owners[p], (s1 - s0) / 2, panels.origins[p]
        done, pace = progress(panels.stretches[p, None], panels.power, s0[:, None] + half[:, None] * (1 + rule.places))
        y = panels.lengths[p, None] * done
        slope = np.empty_like(y)
        origins, middles = (np.repeat(each[:, None], y.shape[1], axis=1) for each in (origin, panels.lengths[p] / 2))
        log_p(Places(which[i], origins, y, middles), slope)
        share = half * np.abs(panels.lengths[p]) / width[i]
        rest = np.array([(some.upper[i] - origin)[:, None] - y, (origin - some.lower[i])[:, None] + y])
        parts = rest / width[i, None] * slope * (pace * share[:, None])
        fine, size = parts @ rule.fine, np.abs(parts) @ rule.fine
        apart = np.abs(fine - parts @ rule.coarse)
        # The finer formula errs by a power 1.5 of what the coarser one does.
        error = apart * np.minimum(1.0, 30 * np.sqrt(apart / np.maximum(size, np.finfo(float).tiny)))
        allowed = np.maximum(_TOLERANCE * np.maximum(size, share / kernel.bandwidth), _ROUNDING * size)
        fits = (error <= allowed).all(axis=0) | (s1 - s0 <= _FINEST)
        found -= np.array([np.bincount(i[fits], each[fits], len(which)) for each in fine])
        p, s0, s1 = p[~fits], s0[~fits], s1[~fits]
        middle = (s0 + s1) / 2
        p, s0, s1 = np.tile(p, 2), np.concatenate([s0, middle]), np.concatenate([middle, s1])
    return found
