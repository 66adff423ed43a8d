"""What the dial decides: whether chasing suits a surfer, giving up suits a gun, and the middle is decent for both.

Gains are in percentage points of shots, more hits for a gun and fewer hits taken for a surfer, over the loss as it is.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kdelab.gun.compare.cells import Contrast, contrast
from kdelab.gun.compare.dial import ALPHAS, OURS, position
from kdelab.report.verdicts import Check, claim, counterexample, inside

WORTHWHILE = {"gun": 1.0, "surfer": 0.1}  # the least gain for which somebody would turn the dial
DECENT = {job: 2 * gain for job, gain in WORTHWHILE.items()}  # as much behind the best is still decent
CHASING, GIVING_UP = (-0.3, -0.6), (0.3, 0.6, 1.0)  # the first of each was named beforehand


@dataclass(frozen=True, eq=False)
class Exam:
    """One job on one set: the cells, and how gains are drawn from them.

    Attributes
    ----------
    job : str
        "gun" or "surfer".
    cells : DataFrame
        As of `kdelab.gun.compare.dial`, of this job and set alone.
    level : float
        Of its intervals.
    """

    job: str
    cells: pd.DataFrame
    level: float = 0.95
    _gained: dict[str, Contrast] = field(
        default_factory=dict, repr=False
    )  # a table, a figure and a verdict ask for each

    def gain(self, learner: str) -> Contrast:
        """Return a learner's gain over the loss as it is; the same draws for all learners."""
        if learner not in self._gained:
            better = 100 if self.job == "gun" else -100
            apart = contrast(self.cells, "hits", learner, OURS, np.random.default_rng(0), level=self.level)
            self._gained[learner] = apart.times(better)
        return self._gained[learner]

    def gains(self, alphas: Iterable[float] = ALPHAS, placebo: bool = False) -> dict[float, Contrast]:
        """Return the gains of positions other than 0."""
        return {alpha: self.gain(position(alpha, placebo)) for alpha in alphas if alpha}


def turning_pays(exam: Exam, alphas: tuple[float, ...], trusted: bool = True) -> list[Check]:
    """Return checks of "the dial should be turned": the first position gains; against it, that none gains enough.

    A gain that is there, but smaller than worthwhile, is within bounds; so is nothing that the placebo gains, too.

    Parameters
    ----------
    exam : Exam
    alphas : tuple of float
        `CHASING` or `GIVING_UP`.
    trusted : bool
        Whether the cells are what they should be; without that nothing is refuted.
    """
    first, placebo = exam.gain(position(alphas[0])), exam.gain(position(alphas[0], placebo=True))
    job, most = exam.job, max(gain.high for gain in exam.gains(alphas).values()) if trusted else math.nan
    name = f"{job}: points gained at {position(alphas[0])}, low end"
    sham = f"{job}: points gained by its placebo, low end"
    checks = []
    for role in (claim, inside):
        said = "" if role is claim else ", however little"
        checks += [
            role(f"{name}{said}", first.low, at_least=0, digits=2),
            role(f"{sham}{said}", placebo.low, at_most=0, digits=2),
        ]
    worthwhile = WORTHWHILE[job]
    against = f"{job}: points gained at any of alpha {', '.join(map('{:g}'.format, alphas))}, high end"
    return [*checks, counterexample(against, most, at_most=worthwhile, digits=2)]


def decent(exams: Mapping[str, Exam], trusted: bool = True) -> list[Check]:
    """Return checks of "the middle is decent": at no job does another position gain more than is decent to miss.

    Parameters
    ----------
    exams : mapping of str to Exam
        One for each job.
    trusted : bool
        Whether the cells are what they should be; without that nothing is refuted.
    """
    checks = []
    for job, exam in exams.items():
        gains = exam.gains()
        best = max(gains, key=lambda alpha: gains[alpha].high)
        name = f"{job}: points that the middle is behind, at most (alpha {best:g}), high end"
        checks.append(claim(name, gains[best].high, at_most=DECENT[job], digits=2))
    behind = {job: max(gain.low for gain in exam.gains().values()) / DECENT[job] for job, exam in exams.items()}
    worst = max(behind, key=lambda job: behind[job])
    name = f"{worst}: points that the middle is behind, at least, low end"
    least = behind[worst] * DECENT[worst] if trusted else math.nan
    return [*checks, counterexample(name, least, at_least=DECENT[worst], digits=2)]
