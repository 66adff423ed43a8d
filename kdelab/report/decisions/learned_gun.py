"""What is decided of what is learned: whether the gun that has it beats one with less, weights over one tuned scale.

Gains are those of `kdelab.gun.compare.gains`: percentage points of hits, and nats.
"""

import pandas as pd

from kdelab.gun.compare import gains, learned
from kdelab.report.verdicts import Check, claim, counterexample, inside

POINTS, NATS = 1.2, 0.02  # the margins: a hit more in three rounds of 28 shots, and 2 % more density on the target


def checks(
    table: pd.DataFrame,
    hard: str,
    easy: str,
    dealt: bool = True,
    level: float = 0.95,
    of: str = learned.POWERS,
    against: str = learned.SCALE,
    control: str = learned.DEALT,
) -> list[Check]:
    """Return what cells say of "weights trained with this loss predict better".

    The claim: more hits and less loss, by the ends of intervals, in the hard exam and in the easy one. Inside the
    bound: in the easy one, that is, at robots that it was trained on. Against it: in the hard one it gains less than
    the margin of either. What was learned from targets dealt to other waves must not pass for a gain.

    Parameters
    ----------
    table : DataFrame
        Of the set that decides.
    hard, easy : str
        Exams.
    dealt : bool
        Whether there is that negative control.
    level : float
        Of the intervals.
    of, against, control : str
        Learners: what was learned, what it is to beat, and what was learned from targets dealt.
    """
    found = {exam: gains.gain(table, exam, of, against, level=level) for exam in (hard, easy)}
    made = []
    for role, exams in ((claim, (hard, easy)), (inside, (easy,))):
        said = role.__name__
        for exam in exams:
            hits, loss = found[exam]
            made += [
                role(f"{exam}: hits gained, points, lower end ({said})", hits.low, at_least=0, digits=1),
                role(f"{exam}: cross-entropy gained, nats, lower end ({said})", loss.low, at_least=0, digits=1),
            ]
        if dealt:
            hits, loss = gains.gain(table, hard, control, against, level=level)
            made += [
                role(f"targets dealt: hits gained, points, lower end ({said})", hits.low, at_most=0, digits=1),
                role(f"targets dealt: cross-entropy gained, nats, lower end ({said})", loss.low, at_most=0, digits=1),
            ]
    hits, loss = found[hard]
    return [
        *made,
        counterexample(f"{hard}: hits gained, points, upper end", hits.high, at_most=POINTS, digits=1),
        counterexample(f"{hard}: cross-entropy gained, nats, upper end", loss.high, at_most=NATS, digits=1),
    ]
