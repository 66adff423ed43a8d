"""What is known of an aim and a density afterwards: the loss of the target, and whether the shot would have hit."""

from typing import Any

import pandas as pd

from kdelab.gun.recall import Recall, Targets
from kdelab.learn.memory import Neighbourhood
from kdelab.loss.cross_entropy import CrossEntropy
from kdelab.loss.intervals import IntervalCrossEntropy
from kdelab.loss.kernels import Kernel
from kdelab.loss.validate import Floats, Integers


def judged(recall: Recall, rows: Integers, aims: Floats, losses: Floats) -> pd.DataFrame:
    """Return a row a wave: row, battle, aim, hit and cross_entropy (nats), in pandas."""
    hit = recall.hit(aims, rows)
    return pd.DataFrame({"row": rows, "battle": recall.battles[rows], "aim": aims, "hit": hit, "cross_entropy": losses})


def cross_entropy(
    targets: Targets | Recall, rows: Integers, found: Neighbourhood, kernel: Any, background: float
) -> Any:
    """Return the loss of the waves' clusters, prepared, with a kernel or with each neighbour's own interval."""
    clusters = targets.clusters(rows, found)
    if isinstance(kernel, Kernel):
        return CrossEntropy(clusters, kernel, background=background)
    return IntervalCrossEntropy(clusters, *targets.intervals(found.rows), background)
