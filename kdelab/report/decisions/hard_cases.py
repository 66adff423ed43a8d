"""What is decided of hard cases: whether training on them helps on such, what it costs, and whether they are missed.

All contrasts are of cross-entropy, in nats; all cases weigh the same. See `kdelab.gun.compare.hard` for the learners.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kdelab.gun.compare.cells import Contrast, contrast
from kdelab.report.verdicts import Check, claim, counterexample, inside

CONTRASTS = {  # the loss of one less that of another, on which late cases
    "over as few others": ("as few others", "only hard", "hard"),
    "over moved weights": ("only hard, moved", "only hard", "hard"),
    "over dealt targets": ("only hard, dealt", "only hard", "hard"),
    "moved over moved": ("as few others, moved", "only hard, moved", "hard"),
    "dealt over dealt": ("as few others, dealt", "only hard, dealt", "hard"),
    "cost": ("only hard", "as few others", "other"),
    "missed": ("without", "mixed", "all"),
    "missed on hard cases": ("without", "mixed", "hard"),
    "harm": ("mixed", "unlearned", "all"),
}
GAINS = tuple(CONTRASTS)[:3]  # of the gun that saw nothing but hard cases, on hard cases: the worst of them counts
GAIN, COST, HARM, MISSED = 0.3, 0.05, 0.05, 0.02  # margins


def contrasts(cells: pd.DataFrame, level: float = 0.95) -> dict[str, Contrast]:
    """Return all contrasts of one set of waves and one number of neighbours, in the order of `CONTRASTS`."""
    parts = {part: cells[cells["part"] == part] for part in ("hard", "other")} | {"all": weighed(cells, "loss")}
    return {
        name: contrast(parts[part], "loss", of, against, np.random.default_rng(0), level=level, pooled=True)
        for name, (of, against, part) in CONTRASTS.items()
    }


def weighed(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return cells of whole battles: each part counts by how many cases it has, not by how many were judged."""
    whole = cells.assign(**{column: cells[column] / cells["shots"] * cells["cases"]}, shots=cells["cases"])
    return whole.groupby(["battle", "seed", "learner"], as_index=False)[["shots", column]].sum()


def worst(found: Mapping[str, Contrast]) -> tuple[str, Contrast]:
    """Return which of the three gains is least certain, and that gain: lowest low end."""
    name = min(GAINS, key=lambda name: found[name].low)
    return name, found[name]


def checks(found: Mapping[str, Contrast]) -> list[Check]:
    """Return what cells say of "a case with no point within the kernel's size is still worth learning from".

    Hard cases teach something if a gun that saw nothing else is better on late hard ones than one that saw as many
    others, than its own weights on other features, and than one that saw their targets dealt: the worst of those gains
    counts. A gain that costs the others something, or that a natural mixture doesn't miss, is within bounds.
    """
    low, high = min(found[name].low for name in GAINS), min(found[name].high for name in GAINS)
    name = "hard late cases: nats gained by training on hard ones, the least of three gains"
    dealt = "hard late cases: nats gained when both see dealt targets, low end"
    harm = "all late cases: loss of the mixed gun less the unlearned one's, high end"
    return [
        claim(f"{name}, low end", low, at_least=0, digits=2),
        claim("other late cases: nats that it costs, high end", found["cost"].high, at_most=COST, digits=2),
        claim("all late cases: nats lost without hard ones, low end", found["missed"].low, at_least=0, digits=1),
        inside(f"{name}, low end, whatever it costs", low, at_least=0, digits=2),
        counterexample(f"{name}, high end", high, at_most=GAIN, digits=2),
        *(
            role(f"{dealt} ({role.__name__})", found["dealt over dealt"].low, at_most=0, digits=2)
            for role in (claim, inside)
        ),
        *(
            role(f"{harm} ({role.__name__})", found["harm"].high, at_most=HARM, digits=1)
            for role in (claim, inside, counterexample)
        ),
    ]
