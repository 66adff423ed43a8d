"""A table of 200 clusters for each kernel, on which the explorer's own mathematics is held against the library."""

from itertools import product
from typing import Any

import numpy as np

import kdelab
from kdelab.loss.kernels import every

SHAPES = (1.0, 0.7, 1.5, 2.0, 0.3, 4.0, 20.0)
SIZES = (1, 2, 5, 20)
WIDTHS = (0.0, 1e-3, 0.03, 0.3, 2.0)  # of the target; 0 is one place
PLACES = ("around", "one side", "both sides", "far", "alike")  # where the points are, seen from the target
LOGITS = ("equal", "extreme")
BANDWIDTHS = (0.1, 0.02, 1.0)


def _points(where: str, size: int, target: tuple[float, float], rng: np.random.Generator) -> Any:
    lower, upper = target
    side = rng.uniform(0.02, 0.5, size)
    return {
        "around": lambda: rng.uniform(lower - 0.2, upper + 0.2, size),
        "one side": lambda: upper + side,
        "both sides": lambda: np.where(np.arange(size) % 2, upper + side, lower - side),
        "far": lambda: upper + 5 + rng.uniform(0, 3, size),
        "alike": lambda: np.full(size, (lower + upper) / 2) + 1e-4 * rng.standard_normal(size),
    }[where]()


def table(kind: Any) -> list[tuple[dict[str, Any], Any]]:
    """Return 200 states of the explorer for one class of kernels, with kdelab's kernel of each."""
    rng = np.random.default_rng(21)
    found = []
    for number, (size, width, where, logits) in enumerate(product(SIZES, WIDTHS, PLACES, LOGITS)):
        centre, h = rng.uniform(-0.4, 0.4), BANDWIDTHS[number % len(BANDWIDTHS)]
        target = (centre - width / 2, centre + width / 2) if width else (centre, centre)
        points = _points(where, size, target, rng)
        z = rng.standard_normal(size) if logits == "equal" else rng.choice([-700.0, -30.0, 0.0, 1.0, 40.0], size)
        shape = SHAPES[number % len(SHAPES)]
        kernel = kind(shape, h) if kind is kdelab.GeneralizedNormal else kind(h)
        state = {"kernel": kind.__name__, "bandwidth": h, "shape": shape}
        found.append(({"points": points.tolist(), "logits": z.tolist(), "target": list(target), **state}, kernel))
    return found


def truth(state: dict[str, Any], kernel: Any) -> tuple[float, Any]:
    """Return kdelab's loss and gradient of a state."""
    clusters = kdelab.Clusters.from_lists([state["points"]], [state["target"][0]], [state["target"][1]])
    values, gradient = kdelab.CrossEntropy(clusters, kernel).value_and_grad(np.array(state["logits"]))
    return float(values[0]), gradient


KINDS = every()
