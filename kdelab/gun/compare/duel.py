"""A duel of guns in real battles: the same robot, movement, power and seeds, and only the gun differs.

Unlike in a replay, the enemy lives through what each gun does to it.  Counted are bullets that were decided, at a robot
or a wall, by the first death of their round: bullets that met bullets say nothing of the aim, and after a death they
fly through the dead, or at someone who doesn't dodge any more.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from kdelab.gun.battles.battle import Battle
from kdelab.gun.battles.campaign import fought
from kdelab.gun.battles.folder import check_folder
from kdelab.gun.battles.installation import installed
from kdelab.gun.battles.robots import files_in
from kdelab.gun.battles.turns import FIRST, TurnLog
from kdelab.gun.compare import cells
from kdelab.gun.model import NeighbourModel
from kdelab.gun.robot.build import PARTS, TABLE, write_robot
from kdelab.gun.waves.from_turns import SWEPT, waves_of

ROBOT = "my.LearnedBot"


@dataclass(frozen=True)
class Duellist:
    """A gun as it fights.

    Parameters
    ----------
    gun : NeighbourModel
    plain : "head-on" or "linear", optional
        Aim so, and not by the gun.
    """

    gun: NeighbourModel
    plain: str | None = None


def duel(
    duellists: Mapping[str, Duellist],
    enemies: Sequence[str],
    seeds: Sequence[int],
    folder: str | Path,
    *,
    rounds: int = 35,
    robots: str | Path | None = None,
    robocode: str | Path | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Iterator[tuple[str, TurnLog | str]]:
    """Let guns fight each enemy with each seed, and yield whose battle it was and its log, or why there is none.

    Parameters
    ----------
    duellists : mapping of str to Duellist
        By name; a folder of that name holds the robot and its battles.
    enemies : sequence of str
        Class names.
    seeds : sequence of int
    folder : path
        For robots and battles.  What it holds already is not fought again.
    rounds : int
        Of each battle.
    robots, robocode, workers, progress
        As of `kdelab.gun.battles.campaign.fought`.

    Raises
    ------
    RecordingError, ValueError
        As `fought`; or if a gun can't be built into the robot, or an enemy would get classes of this robot.
    """
    _check_apart(enemies, robots)
    check_folder(Path(folder))
    jars = installed(robocode).jars
    battles = [Battle(ROBOT, enemy, rounds, seed) for enemy, seed in product(enemies, seeds)]
    own = {name: Path(folder) / name / "robots" for name in duellists}
    for name, one in duellists.items():  # all, before hours of battles
        write_robot(one.gun, ROBOT, own[name], jars, one.plain)
    for name in duellists:
        both = [own[name]] if robots is None else [Path(robots), own[name]]
        store = Path(folder) / name / "battles"
        for battle in fought(battles, both, store=store, robocode=robocode, workers=workers, progress=progress):
            yield name, battle.failure or battle.log


def _check_apart(enemies: Sequence[str], robots: str | Path | None) -> None:
    """Raise a ValueError if classes of the duel's own robot would take the place of an enemy's: each gun's another."""
    package, _, robot = ROBOT.rpartition(".")
    advice = "write it into a package of its own, as by `robot gun.json --name other.Bot`"
    if ROBOT in enemies:
        raise ValueError(f"enemy: {ROBOT!r} given, but so the duel's own robot is called: {advice}")
    near = [enemy for enemy in enemies if enemy.split(" ")[0].rpartition(".")[0] == package]
    if not near or robots is None or not Path(robots).is_dir():
        return
    there = {path.relative_to(robots).as_posix() for path in files_in(Path(robots))}
    if both := sorted(there & {f"{package}/{part}.class" for part in (TABLE, *PARTS, robot)}):
        raise ValueError(
            f"enemy: {near[0]!r} shares its package with {', '.join(both)} in {str(robots)!r}, and the duel's own "
            f"robot has classes of these names, which would take their place: {advice}"
        )


def decided(log: TurnLog) -> pd.DataFrame:
    """Return a row a decided bullet of the first robot: enemy, battle (enemy and seed), round, turn and hit."""
    waves = waves_of(log, every=0, sides=(FIRST,), seen_from=SWEPT)
    shots = waves[waves["hit"].notna()]
    table = shots[["enemy", "round", "turn"]].assign(hit=shots["hit"].astype(bool))
    return table.assign(battle=f"{log.second}, seed {log.seed}").reset_index(drop=True)


def cells_of(bullets: pd.DataFrame) -> pd.DataFrame:
    """Return cells, a row a gun and battle, of those battles that every gun has fought; `kdelab.gun.compare.cells`."""
    found = cells.summed(bullets.rename(columns={"gun": "learner", "enemy": "robot"}), ["learner", "robot", "battle"])
    everyone = found.groupby("battle")["learner"].transform("nunique") == found["learner"].nunique()
    return found[everyone].reset_index(drop=True)


def standing(bullets: pd.DataFrame, against: str, level: float = 0.95) -> pd.DataFrame:
    """Return how often each gun hits, and how far it lies from one of them.

    Parameters
    ----------
    bullets : DataFrame
        A row a decided bullet, as of `decided`, with a column ``gun``.
    against : str
        The gun that others are compared with.
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        A row a gun, that one first: ``battles``, ``bullets``, ``hits`` (of 100 bullets, battles weighing the same),
        ``difference`` in points, and the ends of its bootstrap intervals over battles and over robots; NaN for fewer
        than eight of them.

    Raises
    ------
    ValueError
        If there is no battle that every gun has fought to its end.
    """
    table = cells_of(bullets)
    if table.empty:
        raise ValueError("bullets: there is no battle, of one enemy and seed, that every gun has fought to its end")
    rows = {}
    for name in [against, *(gun for gun in pd.unique(bullets["gun"]) if gun != against)]:
        mine = table[table["learner"] == name]
        rows[name] = {
            "battles": mine["battle"].nunique(),
            "bullets": int(mine["shots"].sum()),
            "hits": 100 * cells.rate(table, "hits", name, ["battle"]),
        }
        for unit in ("battle", "robot"):
            apart = cells.contrast(table, "hits", name, against, np.random.default_rng(0), [unit], level).times(100)
            if unit == "battle":
                rows[name]["difference"] = apart.difference
            rows[name] |= {f"low, {unit}s": apart.low, f"high, {unit}s": apart.high}
    return pd.DataFrame(rows).T
