"""Fight battles one after the other in one engine, which saves starting Java for each: a test's own process.

``python battles_in_one_engine.py ROBOTS CASES.json`` prints a JSON object a case: what was told, and the log's rounds.
A case has shooter, enemy, rounds, and fault.  The robot `robots/bad/Faulty.java` reads the latter, and how many turns
of a round have ended, from properties of Java's.
"""

import json
import os
import sys
from pathlib import Path

import jpype

from kdelab.gun.battles import record as recorder
from kdelab.gun.battles import robocode as engines
from kdelab.gun.battles.listening import Recorder


class Counting(Recorder):
    """A recorder that lets robots know how many turns have ended."""

    def turn(self, snapshot, hosts):
        super().turn(snapshot, hosts)
        set_property("turn", snapshot.getTurn())


def set_property(name, value):
    jpype.JClass("java.lang.System").setProperty(name, str(value))


def fight(engine, home, case):
    """Return what comes of one case."""
    told = []
    set_property("fault", case["fault"])
    try:
        log = engines.record(engine, case | {"seed": 3}, home / "robots", 60.0, lambda **event: told.append(event))
    except (ValueError, engines.Misbehaved) as problem:
        return {"problem": f"{type(problem).__name__}: {problem}", "told": told}
    return {"rounds": log.rounds.tolist(), "turns": len(log.turns), "told": told}


def main():
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    setattr(engines, "Recorder", Counting)  # noqa: B010  (a class, to mypy)
    with recorder._home(Path(sys.argv[1])) as home:
        engine = engines.start(home, recorder.installed_jars())
        for case in json.loads(Path(sys.argv[2]).read_text()):
            report.write(json.dumps(fight(engine, home, case)) + "\n")
    os._exit(0)


if __name__ == "__main__":
    main()
