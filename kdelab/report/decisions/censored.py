"""What is decided of two losses that train one gun: whether the log of the integral does as well as the thread's loss.

Differences are the log of the integral's less the thread's: percentage points of hits, and nats, a shot.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kdelab.gun.compare.cells import Contrast, contrast
from kdelab.gun.compare.censored import LOG, THREAD
from kdelab.report.verdicts import Check, claim, counterexample

POINTS, NATS = 1.0, 0.02  # margins: so near, two guns are alike
UNITS = {"hits": 100, "loss": 1, "log_of_integral": 1}


def contrasts(cells: pd.DataFrame, learner: str = LOG, level: float = 0.95) -> dict[str, Contrast]:
    """Return how far a gun lies from the one trained on the thread's loss, in hits, loss and log of the integral."""
    return {
        column: contrast(cells, column, learner, THREAD, np.random.default_rng(0), level=level).times(unit)
        for column, unit in UNITS.items()
    }


def farthest(apart: Contrast) -> float:
    """Return the end of an interval that lies farther from 0: two guns are alike within any margin above it."""
    return float(np.max(np.abs([apart.low, apart.high])))  # NaN without an interval


def checks(found: Mapping[str, Contrast], unlearned: Mapping[str, Contrast]) -> list[Check]:
    """Return what cells say of "a gun trained on the log of the integral is as good".

    Parameters
    ----------
    found, unlearned : mapping of str to Contrast
        From `contrasts`; of the gun that learned nothing, too, which must not pass for alike.
    """
    hits, loss = found["hits"], found["loss"]
    said = "far end of the interval of the difference"
    return [
        claim(f"hits: {said}, percentage points", farthest(hits), at_most=POINTS, digits=2),
        claim(f"cross-entropy: {said}, nats", farthest(loss), at_most=NATS, digits=2),
        claim(
            "the same of the unlearned gun, which must not pass", farthest(unlearned["loss"]), at_least=NATS, digits=2
        ),
        counterexample("hits: upper end of the difference, percentage points", hits.high, at_most=-POINTS, digits=2),
    ]
