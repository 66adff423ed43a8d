"""The set "samples": which of Robocode's sample robots fight."""

from kdelab.gun.battles.record import Battle
from kdelab.gun.waves.recorded import RecordedSet, difference, numbered

__all__ = [
    "ENEMIES",
    "ROUNDS",
    "SAMPLES",
    "SHOOTERS",
    "difference",
    "sample_battles",
    "sample_provenance",
    "sample_waves",
]

SHOOTERS = ("sample.TrackFire", "sample.VelociRobot", "sample.Walls")
ENEMIES = (
    *("sample.Crazy", "sample.SpinBot", "sample.Walls", "sample.VelociRobot", "sample.RamFire", "sample.Tracker"),
    *("sample.Corners", "sample.Fire", "sample.MyFirstRobot", "sample.MyFirstJuniorRobot"),
)
ROUNDS = 8

SAMPLES = RecordedSet(
    "samples",
    "Robocode's sample robots: 3 shooters, 10 enemies that do not adapt to being shot at, 8 rounds a pair.",
    numbered([(shooter, enemy) for shooter in SHOOTERS for enemy in ENEMIES if shooter != enemy], ROUNDS, seed=1000),
)


def sample_battles() -> list[Battle]:
    """Return the battles of the set."""
    return list(SAMPLES.battles)


sample_waves, sample_provenance = SAMPLES.waves, SAMPLES.provenance  # as they were called in version 0.1
