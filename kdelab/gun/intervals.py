"""Where most weight's intervals lie over one another."""

import numpy as np

from kdelab.loss.intervals import IntervalCrossEntropy  # noqa: F401
from kdelab.loss.runtime import compiled
from kdelab.loss.validate import Floats, Integers, integers, vector


def softmax(logits: Floats, offsets: Integers) -> Floats:
    """Return the weights S of each cluster, flat (total,)."""
    sizes = np.diff(offsets)
    shifted = np.exp(logits - np.repeat(np.maximum.reduceat(logits, offsets[:-1]), sizes))
    return shifted / np.repeat(np.add.reduceat(shifted, offsets[:-1]), sizes)


def densest(weights: Floats, lower: Floats, upper: Floats, offsets: Integers) -> Floats:
    """Return the guess factor that most weight's intervals contain, (n,): the middle of the stretch that wins.

    Of equally good stretches the first counts, from the left.
    """
    ends = integers("offsets", offsets)
    if len(ends) == 0 or ends[0] != 0 or (np.diff(ends) < 0).any():
        raise ValueError(f"offsets must begin with 0 and not decrease, but they are {ends}")
    total = int(ends[-1])
    given = {"weights": weights, "lower": lower, "upper": upper}
    return _densest(*(vector(name, part, total, "one a point") for name, part in given.items()), ends)


@compiled(fastmath=False)
def _densest(weights: Floats, lower: Floats, upper: Floats, offsets: Integers) -> Floats:
    aims = np.zeros(len(offsets) - 1)
    for i in range(len(aims)):
        start, end = offsets[i], offsets[i + 1]
        k = end - start
        edges, change = np.empty(2 * k), np.empty(2 * k)
        for j in range(k):
            edges[2 * j], change[2 * j] = lower[start + j], weights[start + j]
            edges[2 * j + 1], change[2 * j + 1] = upper[start + j], -weights[start + j]
        order = np.argsort(edges, kind="mergesort")
        height, best = 0.0, -1.0
        for e in range(2 * k - 1):
            height += change[order[e]]
            left, right = edges[order[e]], edges[order[e + 1]]
            if right > left and height > best * (1 + 1e-12):
                best, aims[i] = height, (left + right) / 2
    return aims
