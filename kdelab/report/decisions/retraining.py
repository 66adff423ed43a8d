"""What is decided of retraining: whether learned weights turn hard cases easy, more than random ones do.

All contrasts are of shares of late cases; all cases weigh the same. See `kdelab.gun.compare.retraining` for the
learners: "placebo" has the learned weights on other features, "as far" has them stretched, too, until as many
neighbours are new.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from kdelab.gun.compare.cells import Contrast, contrast
from kdelab.report.decisions.hard_cases import weighed
from kdelab.report.verdicts import Check, claim, counterexample, inside

CONTRASTS = {  # the share that turned under one less that under another, of cases hard or easy before; of all: hard
    "gain": ("thrice", "thrice, placebo", "hard"),
    "gain as far": ("thrice", "thrice, as far", "hard"),
    "gain with targets dealt": ("dealt", "dealt, placebo", "hard"),
    "gain with targets dealt, as far": ("dealt", "dealt, as far", "hard"),
    "repeating": ("thrice", "once", "hard"),
    "turned hard": ("thrice", "thrice, placebo", "other"),
    "turned hard, as far": ("thrice", "thrice, as far", "other"),
    "net": ("thrice", "unlearned", "all"),
    "net of the placebo": ("thrice, placebo", "unlearned", "all"),
    "net as far": ("thrice, as far", "unlearned", "all"),
    "net of repeating": ("thrice", "once", "all"),
}
GAIN = 0.075  # margin, share of the hard cases


def contrasts(cells: pd.DataFrame, level: float = 0.95) -> dict[str, Contrast]:
    """Return all contrasts of one set of waves and one number of neighbours, in the order of `CONTRASTS`."""
    now = cells.assign(turned=np.where(cells["part"] == "hard", cells["shots"] - cells["turned"], cells["turned"]))
    parts = {part: cells[cells["part"] == part] for part in ("hard", "other")} | {"all": weighed(now, "turned")}
    return {
        name: contrast(parts[part], "turned", of, against, np.random.default_rng(0), level=level, pooled=True)
        for name, (of, against, part) in CONTRASTS.items()
    }


def checks(found: Mapping[str, Contrast], trusted: bool = True) -> list[Check]:
    """Return what cells say of "neighbours found anew under learned weights may turn hard cases easy".

    More than either placebo turns, and fewer hard cases in sum: holds. As many in sum: within bounds.

    Parameters
    ----------
    found : mapping of str to Contrast
        From `contrasts`.
    trusted : bool
        Whether the cells are what they should be; without that nothing is refuted. (A check of it among the
        counterexamples would pass, and then nothing could hold.)
    """
    both = found["gain"], found["gain as far"]
    low, high = min(gain.low for gain in both), min(gain.high for gain in both)
    nothing = min(found[f"gain with targets dealt{far}"].low for far in ("", ", as far"))
    dealt = "the same after training on dealt targets, low end"
    more = "points of the hard cases turned easy, over the better placebo"
    return [
        claim(f"{more}, low end", 100 * low, at_least=0, digits=2),
        claim("all late cases: points that are hard, after less before, high end", 100 * found["net"].high, at_most=0),
        inside(f"{more}, low end, whatever turns hard", 100 * low, at_least=0, digits=2),
        *(role(f"{dealt} ({role.__name__})", 100 * nothing, at_most=0, digits=2) for role in (claim, inside)),
        counterexample(f"{more}, high end", 100 * high if trusted else np.nan, at_most=100 * GAIN, digits=2),
    ]
