"""Fits that are killed at counted points, each in a process of its own, and go on in another: prints what they learn.

Run as a script, so that nothing has started a thread before it forks.
"""

import json
import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from made_up_waves import learnable

import kdelab
from kdelab.learn import checkpoint

SETTINGS = {"neighbours": 15, "max_iter": 15, "retrievals": 2, "predictions": 60, "shrinkage": 1.0, "patience": None}


class Counting(kdelab.CrossEntropy):
    """The loss, in a process that dies at a given event: an evaluation, or a moment of writing."""

    events = 0
    deadly = 0

    @classmethod
    def happens(cls) -> None:
        cls.events += 1
        if cls.events == cls.deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    def value_and_grad(self, logits):
        self.happens()
        return super().value_and_grad(logits)


@contextmanager
def replacing(path, real=checkpoint.replacing):
    with real(path) as temporary:
        temporary.write_text("half of a st")
        Counting.happens()
        yield temporary
        Counting.happens()
    Counting.happens()


def fit(path: Path | None, deadly: int = 0) -> dict:
    Counting.events, Counting.deadly, checkpoint.replacing = 0, deadly, replacing
    gun = kdelab.NeighbourModel(loss=Counting, form="power", **SETTINGS).fit(learnable(waves=200), checkpoint=path)
    history = [[*entry.theta, entry.before, entry.after, entry.held_out, entry.evaluations] for entry in gun.history_]
    learned = [gun.scale_, *gun.weights_, *gun.exponents_, *gun.offsets_]
    return {"learned": learned, "history": history, "events": Counting.events}


def forked(path: Path, deadly: int = 0) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            result = fit(path, deadly)
            path.with_suffix(".result").write_text(json.dumps(result))
            code = 0
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


def main(folder: Path, kills: int) -> None:
    straight = fit(None)
    counted = fit(folder / "counted.json")
    once, twice = [], folder / "again-and-again.json"
    for i, deadly in enumerate(np.linspace(1, counted["events"] - 1, kills).astype(int)):
        path = folder / f"{i}.json"
        status = forked(path, int(deadly))
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        assert forked(path) == 0
        once.append(json.loads(path.with_suffix(".result").read_text()))
        os.waitstatus_to_exitcode(forked(twice, 12))  # some answers further each time
    assert forked(twice) == 0
    left = sorted(entry.name for entry in folder.iterdir() if entry.name.startswith("."))
    print(
        json.dumps(
            {
                "straight": straight,
                "counted": counted,
                "once": once,
                "again": json.loads(twice.with_suffix(".result").read_text()),
                "left": left,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
