"""What is decided of networks: whether one beats fourteen weights, and whether bins train as well as the exact loss.

Gains are those of `kdelab.gun.compare.gains`: percentage points of hits, and nats, positive where the first is better.
"""

import numpy as np
import pandas as pd

from kdelab.gun.compare import gains, networks
from kdelab.gun.compare.gains import Gain
from kdelab.gun.compare.learned import LINEAR, SCALE, SEEN, UNSEEN
from kdelab.report.decisions import learned_gun
from kdelab.report.decisions.censored import NATS, POINTS, farthest
from kdelab.report.verdicts import Check, claim, counterexample

ENOUGH = 16  # bins
TRAINED = (LINEAR, networks.NETWORK)


def network_gun(table: pd.DataFrame, level: float = 0.95) -> list[Check]:
    """Return what cells of one set say of "a small network beats fourteen learned weights"; 13's rule and margins."""
    return learned_gun.checks(
        table, UNSEEN, SEEN, level=level, of=networks.NETWORK, against=LINEAR, control=networks.DEALT
    )


def by_bins(table: pd.DataFrame, learner: str, bins: int = ENOUGH, level: float = 0.95) -> Gain:
    """Return what training on bins gains on training on the exact loss, robots seen."""
    return gains.gain(table, SEEN, networks.binned(learner, bins), learner, level=level)


def bins_train(table: pd.DataFrame, level: float = 0.95) -> list[Check]:
    """Return what cells of one set say of "16 bins train as good a gun as the exact loss"; 15's margins.

    Weights and network must both be alike, and one tuned scale must not pass for learned weights. Against it: with one
    of the two forms, guns trained on bins hit more than the margin less.
    """
    found = {learner: by_bins(table, learner, level=level) for learner in TRAINED}
    said = f"{ENOUGH} bins less exact"
    end = "far end of the interval"
    made = []
    for learner, (hits, loss) in found.items():
        made += [
            claim(f"{learner}, {said}: hits, points, {end}", farthest(hits), at_most=POINTS, digits=2),
            claim(f"{learner}, {said}: nats, {end}", farthest(loss), at_most=NATS, digits=2),
        ]
    unlearned = farthest(gains.gain(table, SEEN, SCALE, LINEAR, level=level).loss)
    highs = [hits.high for hits, _ in found.values()]
    return [
        *made,
        claim(f"one scale less {LINEAR}: nats, {end}, which must not pass", unlearned, at_least=NATS, digits=2),
        counterexample(f"{said}: hits, points, the lower upper end", float(np.min(highs)), at_most=-POINTS, digits=2),
    ]
