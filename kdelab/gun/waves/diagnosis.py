"""Is a log what its author says?  Units, signs and columns that contradict each other, in words.

A table can be fit to learn from (`kdelab.gun.waves.check`) and still mean something else than its author thinks.  What
can be seen of that without the battle is looked for here, all of it, and only where columns are there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from kdelab.gun.waves.check import INTERVAL, Fault, faults_in, told
from kdelab.gun.waves.columns import numbers_in
from kdelab.gun.waves.features import FEATURE_TABLE, RANGES
from kdelab.gun.waves.from_turns import COLUMNS
from kdelab.gun.waves.geometry import HALF_WIDTH, MAX_SPEED
from kdelab.gun.waves.parquet import TEXT
from kdelab.loss.validate import Floats

Ranges = Mapping[str, tuple[float, float]]

RECORDS = [name for name in COLUMNS if name not in RANGES]
"""Columns that say what a wave is and what became of it: no features."""

FEW = 5  # contradictions that may be chance
MANY = 0.2  # of shots: so many contradict each other in no log that is right (under 0.01 in those that ship)
_POWERS = RANGES["power"]
_UNITS = {feature.name: f" {feature.unit}" for feature in FEATURE_TABLE if feature.unit != "1"}


def features_in(waves: pd.DataFrame) -> list[str]:
    """Return the columns that may be features, ours first: all of numbers but `RECORDS`."""
    numeric = [name for name in waves.columns if str(name).strip() and pd.api.types.is_numeric_dtype(waves[name])]
    own = [name for name in numeric if name not in (*RECORDS, *RANGES)]
    return [*(name for name in RANGES if name in numeric), *own]


def contradictions(
    waves: pd.DataFrame, features: Sequence[str], ranges: Ranges, where: Callable[[int], str] = "row {}".format
) -> list[str]:
    """Return all that is wrong with a table of waves, a sentence each.

    Parameters
    ----------
    waves : DataFrame
        It may lack columns, and hold NaN.
    features : sequence of str
        Columns that are to be learned from.
    ranges : mapping
        (low, high) of each feature that has one; a documented feature with another range than ours is taken to be in
        units of one's own, and isn't compared with other columns.
    where : callable
        Says where a row is to be found.
    """
    if len(waves) == 0:
        return []
    mine = [name for name in RANGES if ranges.get(name) == RANGES[name]]  # others are in units of one's own
    there = [name for name in (*RECORDS, *mine) if name in waves.columns and name not in TEXT]
    known = {name: numbers_in(waves, name) for name in there}
    known = {name: values for name, values in known.items() if np.isfinite(values).any()}
    clock = {"turn", "passed"} <= set(waves.columns)
    with np.errstate(all="ignore"):  # the columns may hold anything
        explained = [*_units(known), *_angles(known), *_answers(waves, features)]
        columns = [column for column, _ in explained]
        faults = [fault for fault in faults_in(waves, features, ranges, clock) if fault[2] not in columns]
        said = [*(sentence for _, sentence in explained), *_signs(known)]
        return [*said, *told(waves, [*faults, *_rows(known)], where)]


def _rows(known: Mapping[str, Floats]) -> Iterator[Fault]:
    """Yield rows whose columns contradict each other."""
    if "orbit_direction" in known:
        yield ~np.isin(known["orbit_direction"], [-1, 1]), "orbit_direction is neither +1 nor -1", "orbit_direction"
    if {"real", "hit"} <= set(known):
        virtual = (known["real"] == 0) & (known["hit"] == 1)
        yield virtual, "hit is 1 though no bullet was fired, real = 0,", "hit"
    if {"power", "bullet_speed"} <= set(known):
        power, off = known["power"], abs(known["bullet_speed"] - (20 - 3 * known["power"]))
        inside = (power > _POWERS[0]) & (power < _POWERS[1])  # at its ends it may have been clipped
        yield inside & (off > 0.05), "bullet_speed is not 20 - 3 power", "bullet_speed"
    if {"flight_time", "distance", "bullet_speed"} <= set(known):
        time = np.clip(known["distance"] / known["bullet_speed"], *RANGES["flight_time"])
        yield abs(known["flight_time"] - time) > 1.0, "flight_time is not distance / bullet_speed", "flight_time"
    if {"speed", "lateral_speed", "approach"} <= set(known):
        apart = abs(np.hypot(known["lateral_speed"], known["approach"]) - known["speed"]) > 0.5
        yield apart & (apart.mean() > MANY), "lateral_speed and approach are not the parts of speed", "speed"
    if {"approach", "facing"} <= set(known):
        turned = known["approach"] * known["facing"] < -0.1
        yield turned & (turned.mean() > MANY), "approach has the opposite sign of facing", "approach"


def _units(known: Mapping[str, Floats]) -> Iterator[tuple[str, str]]:
    """Yield columns that are in other units or of another field than they should be, and how that is seen."""
    angle = known.get("escape_angle", np.empty(0))
    if len(angle) and np.nanmedian(angle) > np.pi / 2:
        yield (
            "escape_angle",
            (
                f"escape_angle is {np.nanmedian(angle):.3g} in the median: it must be in radians, "
                "asin(8 / bullet_speed), 0.41 to 0.82; is it in degrees?"
            ),
        )
    elif "bullet_speed" in known:
        off = abs(angle - np.arcsin(MAX_SPEED / known["bullet_speed"])) > 0.01 if len(angle) else np.zeros(0, bool)
        if off.any():
            first = int(np.argmax(off))
            yield (
                "escape_angle",
                (
                    f"escape_angle is not asin(8 / bullet_speed) in {int(off.sum())} of {len(angle)} waves: "
                    f"{angle[first]:.4g} at a bullet speed of {known['bullet_speed'][first]:.4g}"
                ),
            )
    if "facing" in known and np.nanmax(abs(known["facing"])) > 1.5:
        yield "facing", "facing is a cosine, from -1 to 1; is it an angle?"
    distance = known.get("distance", np.empty(0))
    if len(distance) and np.nanmax(distance) > RANGES["distance"][1] + 1e-3:
        yield (
            "distance",
            (
                f"distance is up to {np.nanmax(distance):.6g} pixels, on a field of 800 x 600 it is at most 1000; of "
                "another field say so, --ranges distance=0:1500 on the command line"
            ),
        )


def _angles(known: Mapping[str, Floats]) -> Iterator[tuple[str, str]]:
    """Yield what shows that `lower` and `upper` are no guess factors, lower first."""
    if not set(INTERVAL) <= set(known):
        return
    lower, upper = known["lower"], known["upper"]
    turned = lower > upper
    if turned.mean() > 0.5:
        yield "lower", f"lower is greater than upper in {int(turned.sum())} of {len(lower)} waves: are they swapped?"
    ends = np.nanmax(np.maximum(abs(lower), abs(upper)))
    beyond = np.maximum(abs(lower), abs(upper)) > 1 + 1e-6
    what = "a guess factor is the bearing offset times the orbit direction, over the escape angle, both in radians"
    if beyond.mean() > 0.02 and ends > 1.5:
        units = "degrees" if ends <= 90 else "pixels"
        for name in INTERVAL:
            yield (
                name,
                f"{name} reaches {np.nanmax(abs(known[name])):.4g}, guess factors end at 1; are they {units}? {what}",
            )
        return
    escape, distance = known.get("escape_angle"), known.get("distance")
    if escape is None or distance is None or np.nanmedian(escape) > np.pi / 2 or not (escape > 0).all():
        return
    widths = np.nanmedian(abs(upper - lower) / (2 * np.arctan2(HALF_WIDTH, distance) / escape))
    farthest = np.nanmax(np.maximum(abs(lower), abs(upper)) / escape)
    if farthest <= 1.001 and (widths < 0.9 or (len(lower) >= 200 and farthest > 0.9)):
        yield (
            "lower",
            (
                "lower and upper look like radians, not guess factors: none lies farther from 0 than the escape angle, "
                f"and intervals are {widths:.1f} times as wide as a robot's 36 pixels at `distance`; {what}"
            ),
        )
    elif not 0.4 < widths < 6 and len(lower) >= FEW:
        yield (
            "distance",
            (
                f"intervals are {widths:.2g} times as wide as a robot's 36 pixels at `distance`, where about 1.3 would "
                "be right: is distance in pixels, and are lower and upper guess factors?"
            ),
        )


def _signs(known: Mapping[str, Floats]) -> list[str]:
    """Say whether what a shot hit and where it flew contradict each other; a log mirrored throughout is right."""
    if not {"hit", "fired", *INTERVAL} <= set(known):
        return []
    said = []
    for state, word, wrongly in ((1.0, "hits", "outside"), (0.0, "misses", "inside")):
        fired, lower, upper, direction = (
            values[(known["hit"] == state) & np.isfinite(known["fired"])]
            for values in (known[n] if n in known else np.ones(len(known["hit"])) for n in _SHOT)
        )
        slack = 0.01 * (1 if wrongly == "outside" else -1)

        def wrong(aim: Floats) -> int:
            inside = (np.minimum(lower, upper) - slack <= aim) & (aim <= np.maximum(lower, upper) + slack)  # noqa: B023
            return int((inside != (state == 1.0)).sum())  # noqa: B023

        here = wrong(fired)
        better = min(((wrong(-fired), "sign"), (wrong(fired * direction), "orbit")), default=(here, ""))
        if here > MANY * len(fired) or (here >= FEW and better[0] < here / 4):
            why = f"; with the sign of fired turned only {better[0]}" if better[0] < here / 2 else ""
            if better[1] == "orbit" and better[0] < here / 2:
                why = f"; with fired times orbit_direction only {better[0]}"
            said.append(
                f"fired, the shot's own guess factor, lies {wrongly} of its interval, lower to upper, in {here} of "
                f"{len(fired)} {word}{why}: their signs, units or turns contradict each other"
            )
    return said


_SHOT = ("fired", "lower", "upper", "orbit_direction")


def _answers(waves: pd.DataFrame, features: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield features that seem to know the answer."""
    if not set(INTERVAL) <= set(waves.columns) or len(waves) < 100:
        return
    middle = numbers_in(waves, "lower") + numbers_in(waves, "upper")
    for name in features:
        values = numbers_in(waves, name) if name in waves.columns else middle[:0]
        sound = np.isfinite(values) & np.isfinite(middle) if len(values) else np.zeros(len(middle), dtype=bool)
        if sound.sum() >= 100 and values[sound].std() > 0 and middle[sound].std() > 0:
            alike = abs(np.corrcoef(values[sound], middle[sound])[0, 1])
            if alike > 0.95:
                yield (
                    name,
                    f"{name} follows the answer, lower and upper, ({alike:.3f}): was it known when the wave left?",
                )


def notes_on(waves: pd.DataFrame, features: Sequence[str]) -> list[str]:
    """Return what is no fault, and its author may want to know."""
    said = []
    if constant := [name for name in features if waves[name].nunique() == 1]:
        said.append(f"the same in all waves, so that it tells none apart: {', '.join(constant)}")
    if "turn" not in waves.columns and (again := int(waves.duplicated().sum())):
        said.append(
            f"{again} waves are exact copies of others; without a column turn nobody can tell if they are twice there"
        )
    for names, what in (
        (("distance", "escape_angle"), "how wide a robot is: guns aim where most intervals meet"),
        (("turn", "passed"), "which waves of the same round were known: guns remember earlier rounds alone"),
        (("real", "hit"), "which waves were shots, and whether they hit: all waves are judged alike"),
    ):
        if lacking := [name for name in names if name not in waves.columns]:
            said.append(f"without {' and '.join(lacking)} nobody can tell {what}")
    return said


def summary(waves: pd.DataFrame, features: Sequence[str]) -> str:
    """Return how many battles, rounds, waves and real shots there are, and which features."""
    rounds = waves[["battle", "shooter", "round"]].drop_duplicates()
    parts = [f"{len(waves):,} waves in {waves['battle'].nunique():,} battles and {len(rounds):,} rounds"]
    parts.append(f"of {waves['shooter'].nunique()} shooters")
    text = " ".join(parts)
    if "real" in waves.columns:
        real = numbers_in(waves, "real") > 0
        text += f"; {int(real.sum()):,} real shots"
        if "hit" in waves.columns:
            decided = numbers_in(waves, "hit")[real]
            decided = decided[np.isfinite(decided)]
            text += f", {len(decided):,} decided" + (f", {decided.mean():.1%} of them hits" if len(decided) else "")
    return f"{text}\n{len(features)} features: {', '.join(features)}"
