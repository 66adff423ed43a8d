"""A fit's state on disk: one small JSON file, replaced whole with every step of the optimiser.

A resumed fit reaches, bit for bit, what it would have reached without a break.  L-BFGS-B can't be asked for its state,
but it is deterministic: the file holds all answers that it was given in the present retrieval, so a new one
asks the same questions, gets the same answers without any work, and goes on from there.
"""

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kdelab.files import replacing, sweep
from kdelab.learn.identity import digest
from kdelab.loss.validate import Floats

try:
    import fcntl
except ImportError:  # Windows: two fits on one file aren't noticed there
    fcntl = None  # type: ignore[assignment]

SCHEMA = 3
"""Of the file.  1 had neither schema nor answers, and led to another result when resumed; 2 had other coordinates."""


class Retrieval(NamedTuple):
    """How things stood after neighbours were retrieved and trained on; number 0 is before any training.

    Attributes
    ----------
    retrieval : int
    theta : tuple of float
        The flat parameters.
    before, after : float
        The training loss on this retrieval's clusters, before and after training on them.
    held_out : float
        The loss on what was held out, neighbours found with these parameters; NaN without any.
    evaluations : int
        How often the loss was evaluated.
    """

    retrieval: int
    theta: tuple[float, ...]
    before: float
    after: float
    held_out: float
    evaluations: int


class Answer(NamedTuple):
    """What the optimiser was told about a point."""

    theta: list[float]
    loss: float
    gradient: list[float]


class Checkpoint:
    """How far a fit has come; on disk too, where there is a path.

    Parameters
    ----------
    path : Path or None
    fingerprint : mapping of str to str
        Digests of data and settings: a state of another fit is refused.

    Attributes
    ----------
    history : list of Retrieval
        Those that are done.
    theta : array or None
        The parameters after the last step.
    answers : list of Answer
        All that the optimiser has been told in the retrieval that isn't done.

    Raises
    ------
    ValueError
        If the file there is no state of this fit.
    """

    def __init__(self, path: Path | None, fingerprint: Mapping[str, str]) -> None:
        self.path, self.fingerprint = path, dict(fingerprint)
        self.history: list[Retrieval] = []
        self.theta: Floats | None = None
        self.answers: list[Answer] = []
        self._answered = 0  # how many of the answers this process's optimiser has had
        if path is not None and path.exists():
            self._read(path)

    def answer(self, theta: Floats, ask: Callable[[Floats], tuple[float, Floats]]) -> tuple[float, Floats]:
        """Return loss and gradient: what was said before a break, as long as the same is asked, or else news."""
        known = self.answers[self._answered : self._answered + 1]
        if not (known and np.array_equal(known[0].theta, theta)):
            loss, gradient = ask(theta)
            known = [Answer(theta.tolist(), float(loss), gradient.tolist())]
            self.answers[self._answered :] = known
        self._answered += 1
        return known[0].loss, np.array(known[0].gradient)

    def step(self, theta: Floats) -> None:
        """Take down a step of the optimiser, unless it was taken before a break."""
        if self._answered == len(self.answers):
            self.theta = theta.copy()
            self._write()

    def done(self, entry: Retrieval) -> None:
        """Take down a retrieval that is done."""
        self.history.append(entry)
        self.theta, self.answers, self._answered = np.array(entry.theta), [], 0
        self._write()

    def _write(self) -> None:
        if self.path is None or self.theta is None:
            return
        rounds = [entry._asdict() for entry in self.history]
        for entry in rounds:
            entry["held_out"] = None if math.isnan(entry["held_out"]) else entry["held_out"]  # JSON knows no NaN
        state = {
            "schema": SCHEMA,
            "fingerprint": self.fingerprint,
            "rounds": rounds,
            "theta": self.theta.tolist(),
            "answers": [entry._asdict() for entry in self.answers],
        }
        with replacing(self.path) as temporary:
            temporary.write_text(json.dumps(state | {"digest": digest(json.dumps(state).encode())}))

    def _read(self, path: Path) -> None:
        wrong = f"checkpoint={str(path)!r} is not the state of a fit"
        advice = "remove it or name another file"
        try:
            state: Any = json.loads(path.read_text())
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f"{wrong}: {error}; {advice}") from error
        if not isinstance(state, dict) or "fingerprint" not in state:
            raise ValueError(f"{wrong}; {advice}")
        if state.get("schema", 1) != SCHEMA:
            raise ValueError(
                f"checkpoint={str(path)!r} has schema {state.get('schema', 1)!r} and this kdelab goes on from schema "
                f"{SCHEMA} only; {advice}, and the fit starts anew"
            )
        if state.pop("digest", None) != digest(json.dumps(state).encode()):
            raise ValueError(f"{wrong}: it was changed or damaged after it was written; {advice}")
        theirs = state["fingerprint"]
        both = {**self.fingerprint, **theirs}
        differing = ", ".join(key for key in both if self.fingerprint.get(key) != theirs.get(key))
        if differing:
            raise ValueError(
                f"checkpoint={str(path)!r} belongs to a fit with other data or settings: {differing}; {advice}"
            )
        for entry in state["rounds"]:
            held_out = math.nan if entry["held_out"] is None else entry["held_out"]
            self.history.append(Retrieval(**{**entry, "theta": tuple(entry["theta"]), "held_out": held_out}))
        self.theta = np.array(state["theta"])
        self.answers = [Answer(**entry) for entry in state["answers"]]


@contextmanager
def opened(path: str | Path | None, fingerprint: Mapping[str, str]) -> Iterator[Checkpoint]:
    """Give the state of a fit, and its file to nobody else meanwhile.

    Parameters
    ----------
    path : str, Path or None
        None keeps the state in memory only.
    fingerprint : mapping of str to str

    Raises
    ------
    ValueError
        If the file is no state of this fit, can't be written, or belongs to another process that is running.
    """
    if path is None:
        yield Checkpoint(None, fingerprint)
        return
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise ValueError(f"checkpoint must be the path of a file, not {path!r}")
    real = Path(os.path.realpath(path))  # a link stays a link
    if real.is_dir():
        raise ValueError(f"checkpoint={str(path)!r} is a folder; name a file in it")
    lock = real.with_name(f".{real.name}.lock")
    try:
        handle = _locked(lock)
    except BlockingIOError as error:
        raise ValueError(
            f"checkpoint={str(path)!r} is in use by process {error}; wait until that fit ends, or name another file"
        ) from error
    except OSError as error:
        raise ValueError(f"checkpoint={str(path)!r} cannot be written: {error}") from error
    try:
        sweep(real.parent, real.name)
        yield Checkpoint(real, fingerprint)
    finally:
        if fcntl is not None:
            lock.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int:
    """Return a locked file, open; the system unlocks it when this process ends, however it does.

    Raises
    ------
    BlockingIOError
        If another process holds it, with that one's number.
    """
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.stat(path), os.fstat(handle)):
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
                return handle
        except FileNotFoundError:
            pass
        except BlockingIOError:
            owner = os.read(handle, 20).decode(errors="replace")
            os.close(handle)
            raise BlockingIOError(owner) from None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # its holder ended and removed it between our opening and locking it
