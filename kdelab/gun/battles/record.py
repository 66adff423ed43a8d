"""Record Robocode battles: headless, repeatable, in processes of their own that cannot take the caller down.

Debian's ``robocode`` package, or a Robocode in a folder, and a Java runtime do the fighting, JPype speaks to them
(`kdelab.gun.battles.robocode`).  Robocode's sandbox is off, since it needs a part of Java that is being taken away: a
robot may do whatever its user may, so record only robots that you trust.

A battle that names one of our own robots (`kdelab.gun.battles.fighters`) needs a Java compiler; all others are recorded
faster where there is one.
"""

import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from kdelab.gun.battles.battle import Battle, RecordingError
from kdelab.gun.battles.campaign import fought
from kdelab.gun.battles.turns import TurnLog


@dataclass(frozen=True)
class Recording:
    """Logs of the battles asked for, in that order, and the versions of what recorded them.

    A round in which a robot skipped a turn is not in the log; `left_out` has a line for each.
    """

    logs: list[TurnLog]
    robocode: str
    java: str
    left_out: tuple[str, ...] = ()


def record(
    battles: Sequence[Battle],
    robots: str | Path | Sequence[str | Path] | None = None,
    stall: float = 60.0,
    progress: bool = True,
    *,
    workers: int = 1,
    robocode: str | Path | None = None,
    store: str | Path | None = None,
    address: str | None = None,
) -> Recording:
    """Record battles on an 800 x 600 field, up to the first that fails.

    Parameters
    ----------
    battles : sequence of Battle
        Class names with or without a version, as in "sample.Crazy" or "my.Bot 1.2"; "kdelab.Surfer" and its like are
        our own robots, which are compiled first.
    robots : str, Path, or sequence of them, optional
        Folders with jars or class files, or jars, which join Robocode's own sample robots.
    stall : float
        Seconds that a robot may take to act, or to start a round, before the battle counts as hung.
    progress : bool
        Whether to show a bar, one step a round.
    workers : int
        How many battles are fought at a time.
    robocode : str or Path, optional
        The folder of a Robocode to use in place of Debian's.
    store : str or Path, optional
        A folder that keeps each battle as soon as it is fought; what it holds already is not fought again.
    address : str, optional
        Of a Dask scheduler whose workers fight: see `kdelab.gun.battles.campaign.fought`.

    Returns
    -------
    Recording
        With robots that draw randomness only from ``Math.random`` and keep to one thread, the same on every run, but
        for rounds left out: a turn may be skipped on a busy machine, or about once in 65,000 by the engine's own doing.
        A battle that lacks a round is fought again, four times in all.

    Raises
    ------
    RecordingError
        If something is not installed, or a robot threw an exception, hung, ended the Java machine, or skipped turns in
        more than half of the rounds.
    ValueError
        If a robot is unknown (the message says why, or gives the nearest names) or a team, a folder holds none, or the
        store is in use or of other robots.
    """
    with tempfile.TemporaryDirectory(prefix="kdelab-battles-") as temporary:
        fight = partial(fought, store=store or temporary, robocode=robocode, workers=workers, address=address)
        logs: list[TurnLog] = []
        left_out: list[str] = []
        versions: list[tuple[str, str]] = []
        with closing(fight(battles, robots, stall=stall, progress=progress)) as coming:
            for one in coming:
                if one.failure:
                    raise RecordingError(one.failure)
                logs.append(one.log)
                left_out += one.left_out
                versions.append((one.robocode, one.java))
    robocodes, javas = (", ".join(sorted(set(names))) for names in zip(*versions, strict=True))
    return Recording(logs, robocodes, javas, tuple(left_out))


__all__ = ["Battle", "Recording", "RecordingError", "record"]
