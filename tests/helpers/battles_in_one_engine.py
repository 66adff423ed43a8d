"""Fight battles one after the other in one engine, which saves starting Java for each: a test's own process.

``python battles_in_one_engine.py ROBOTS CASES.json`` prints a JSON object a case: what was told, and the log's rounds.
A case has shooter, enemy, rounds, fault, and in_java: which listener.  The robot `robots/bad/Faulty.java` reads the
fault, and how many turns of a round have ended, from properties of Java's.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

import jpype

from kdelab.gun.battles import arena
from kdelab.gun.battles import robocode as engines
from kdelab.gun.battles.installation import installed


def count_turns(engine):
    """Let robots know how many turns have ended."""

    def happened(event):
        set_property("turn", event.getTurnSnapshot().getTurn())

    names = [
        *("BattleStarted", "BattleFinished", "BattleCompleted", "BattlePaused", "BattleResumed", "BattleMessage"),
        *("BattleError", "RoundStarted", "RoundEnded", "TurnStarted"),
    ]
    calls = {f"on{name}": lambda event: None for name in names} | {"onTurnEnded": happened}
    engine.addBattleListener(jpype.JProxy("robocode.control.events.IBattleListener", dict=calls))


def set_property(name, value):
    jpype.JClass("java.lang.System").setProperty(name, str(value))


def fight(engine, home, case):
    """Return what comes of one case."""
    told = []
    set_property("fault", case["fault"])
    job = {"home": home, "stall": 60.0, "in_java": case["in_java"]}
    try:
        log = engines.record(job, engine, case | {"seed": 3}, lambda **event: told.append(event))
    except (ValueError, engines.Misbehaved) as problem:
        return {"problem": f"{type(problem).__name__}: {problem}", "told": told}
    digest = hashlib.sha256(log.turns.tobytes() + log.bullets.tobytes()).hexdigest()
    return {"rounds": log.rounds.tolist(), "turns": len(log.turns), "digest": digest, "told": told}


def main():
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    found = installed()
    with arena.opened(found, [Path(sys.argv[1])], False, 60.0) as place, place._home() as home:
        engine = engines.start(home, [*found.jars, str(place._listener)], found.version)
        count_turns(engine)
        for case in json.loads(Path(sys.argv[2]).read_text()):
            report.write(json.dumps(fight(engine, home, case)) + "\n")
    os._exit(0)


if __name__ == "__main__":
    main()
