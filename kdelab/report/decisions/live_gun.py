"""What is decided of guns in real battles, by bullets that hit or didn't: points of 100."""

import pandas as pd

from kdelab.gun.compare import live_gains
from kdelab.gun.compare.cells import Contrast
from kdelab.gun.compare.live import SEEN, UNSEEN
from kdelab.report.verdicts import Check, claim, counterexample, inside

WORTH = 1.2  # as in notebook 13: a hit more in three rounds of 28 shots
NEAR = 1.5  # half of what was hoped for from learning: a replay that errs by more couldn't tell whether it pays
MORE = 1.0  # a head start of less than that, in two rounds of 35, is a hit more in some eight battles


def live_gun(bullets: pd.DataFrame, level: float = 0.95) -> list[Check]:
    """Return what bullets say of "learned powers hit more often than one tuned scale in real battles, too"."""
    found = {
        (exam, unit): live_gains.gain(bullets, exam, over=unit, level=level)
        for exam in (SEEN, UNSEEN)
        for unit in ("battle", "robot")
    }
    return [
        *(claim(_low(*key), one.low, at_least=0) for key, one in found.items()),
        *(inside(_low(*key), one.low, at_least=0) for key, one in found.items() if key[0] == SEEN),
        counterexample(
            f"{UNSEEN}: hits gained, points, high end over battles", found[UNSEEN, "battle"].high, at_most=WORTH
        ),
    ]


def _low(exam: str, unit: str) -> str:
    return f"{exam}: hits gained, points, low end over {unit}s"


def replay_tells(error: Contrast) -> list[Check]:
    """Return what the error of a replay says of "what a replay says of a gun is what it hits in the engine"."""
    said = "replayed less real hits, points"
    return [
        claim(f"{said}, low end", error.low, at_least=-NEAR),
        claim(f"{said}, high end", error.high, at_most=NEAR),
        counterexample(f"{said}, how far all of its interval is off 0", max(error.low, -error.high), at_least=NEAR),
    ]


def head_start(more: Contrast, beginning: str = "rounds 0 and 1") -> list[Check]:
    """Return what is said of "learning is worth more at the beginning, in the first two rounds, than later"."""
    said = f"gain of {beginning} less that of later rounds, points"
    return [
        claim(f"{said}, low end", more.low, at_least=0),
        counterexample(f"{said}, high end", more.high, at_most=MORE),
    ]
