"""The sets "confirm" and "fresh": battles to decide on what was explored before, with new seeds, shooters and robots.

None of their nine shooters shoots in "samples"; five of their fifteen enemies do not occur there at all, four of them
robots of ours (`kdelab.gun.battles.fighters`).  Each enemy is met by two of our robots and by two of Robocode's.  Who
meets whom was chosen for balance and for many decided shots in short battles with other seeds.  "fresh" has the pairs
of "confirm", fought again with other seeds, for a question that was asked when "confirm" had been looked at.
"""

from kdelab.gun.battles.record import Battle
from kdelab.gun.waves.recorded import RecordedSet, numbered

OWN = ("kdelab.Learner", "kdelab.StopAndGo", "kdelab.Oscillator", "kdelab.Surfer")
THEIRS = ("sample.Fire", "sample.Corners", "sample.SpinBot", "sample.MyFirstRobot", "sampleex.Alien")
LEARNER, STOP_AND_GO, OSCILLATOR, SURFER = OWN
FIRE, CORNERS, SPIN_BOT, MY_FIRST, ALIEN = THEIRS
MEETINGS = {  # who shoots at each enemy
    "sample.Crazy": (LEARNER, OSCILLATOR, CORNERS, SPIN_BOT),
    "sample.SpinBot": (OSCILLATOR, SURFER, CORNERS, ALIEN),
    "sample.Walls": (STOP_AND_GO, OSCILLATOR, FIRE, ALIEN),
    "sample.VelociRobot": (LEARNER, OSCILLATOR, FIRE, MY_FIRST),
    "sample.RamFire": (OSCILLATOR, SURFER, CORNERS, MY_FIRST),
    "sample.Tracker": (LEARNER, SURFER, MY_FIRST, ALIEN),
    "sample.Corners": (OSCILLATOR, SURFER, FIRE, SPIN_BOT),
    "sample.Fire": (LEARNER, OSCILLATOR, MY_FIRST, ALIEN),
    "sample.MyFirstRobot": (STOP_AND_GO, SURFER, CORNERS, ALIEN),
    "sample.MyFirstJuniorRobot": (STOP_AND_GO, SURFER, FIRE, MY_FIRST),
    "sampleex.Alien": (STOP_AND_GO, OSCILLATOR, FIRE, SPIN_BOT),
    "kdelab.Learner": (STOP_AND_GO, SURFER, FIRE, CORNERS),
    "kdelab.StopAndGo": (LEARNER, SURFER, SPIN_BOT, MY_FIRST),
    "kdelab.Oscillator": (LEARNER, STOP_AND_GO, CORNERS, SPIN_BOT),
    "kdelab.Surfer": (LEARNER, STOP_AND_GO, SPIN_BOT, ALIEN),
}
SHOOTERS = (*OWN, *THEIRS)
ENEMIES = tuple(MEETINGS)
ROUNDS = 8

PAIRS = [(shooter, enemy) for enemy, shooters in MEETINGS.items() for shooter in shooters]
_WHO = (
    "9 shooters that do not shoot in samples; 15 enemies, each met by 4 shooters, 8 rounds a pair. Of the enemies "
    "kdelab.Surfer surfs waves, kdelab.Oscillator turns round when shot at, and the others do not adapt."
)

CONFIRM = RecordedSet("confirm", f"To decide on: {_WHO}", numbered(PAIRS, ROUNDS, seed=5000))
FRESH = RecordedSet("fresh", f"To decide on, when confirm had been: {_WHO}", numbered(PAIRS, ROUNDS, seed=6000))


def confirm_battles() -> list[Battle]:
    """Return the battles of the set "confirm"."""
    return list(CONFIRM.battles)
