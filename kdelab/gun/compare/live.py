"""``python -m kdelab.gun.compare.live FOLDER``: real battles from which notebook 16 decides (`make duels`).

1. *Practice.*  The robot of `kdelab.gun.robot` with an untrained gun meets fifteen enemies; the waves are what an
   author would have recorded.
2. *Training.*  On the ten sample robots' waves for the exam `SEEN`; for `UNSEEN` five times, without three of the
   fifteen each, so that every robot is unseen once.  One gun a seed.
3. *Battles.*  Each gun fights with seeds of its own that no other step has used, and in the exam `UNSEEN` those three
   robots alone.  The seed of the training goes with the battle's, so that the luck of both is in what comes out.

The folder keeps battles and guns; what it holds is not done again.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kdelab.files import replacing
from kdelab.gun.battles.battle import RecordingError
from kdelab.gun.battles.turns import FIRST, TurnLog
from kdelab.gun.compare import cells
from kdelab.gun.compare.duel import Duellist, decided, duel
from kdelab.gun.model import NeighbourModel
from kdelab.gun.recall import Recall
from kdelab.gun.waves import confirm, provenance, samples
from kdelab.gun.waves.from_turns import SWEPT, waves_of
from kdelab.gun.waves.recorded import VIRTUAL_EVERY
from kdelab.gun.waves.store import load_waves, save_waves
from kdelab.learn.metric import Metric
from kdelab.loss.kernels import Laplace

SEEN, UNSEEN = "robots seen", "robots unseen"
POWERS, LINEAR, SCALE, ONES = "learned powers", "learned weights", "one tuned scale", "weights of 1"
AHEAD, HEAD_ON = "linear aiming", "head-on"
LEARNERS = (POWERS, LINEAR, SCALE, ONES, AHEAD, HEAD_ON)

ROBOTS = confirm.ENEMIES  # fifteen: Robocode's samples and ours
EXAMPLE, EXAMPLES = "sample.Walls", cells.DATA / "live"  # an enemy, and where its battle is kept
GROUPS = tuple(tuple(ROBOTS[i::5]) for i in range(5))  # left out in turn
ROUNDS = 35
PRACTICE = (1, 2)  # seeds
BATTLES = 7000  # a gun of training seed s fights with this seed and s
SEEDS = range(4)  # of trainings, and of battles with them
SETTINGS: dict[str, Any] = {"kernel": Laplace(0.1), "within_round": True, "predictions": 4000}
FORMS = {POWERS: "power", LINEAR: "linear", SCALE: "scale"}


def practice(folder: Path, workers: int, robocode: Path | None = None) -> pd.DataFrame:
    """Return the waves of the untrained robot's battles."""
    gun = NeighbourModel(**SETTINGS, form="scale").unlearned(load_waves())
    options: dict[str, Any] = {"rounds": ROUNDS, "workers": workers, "robocode": robocode}
    fights = duel({"untrained": Duellist(gun)}, ROBOTS, PRACTICE, folder, **options)
    return waves_of([log_of(log) for _, log in fights], VIRTUAL_EVERY, (FIRST,), SWEPT)


def log_of(found: TurnLog | str) -> TurnLog:
    """Return a log; raise if there is none, and only why."""
    if isinstance(found, str):
        raise RecordingError(found)
    return found


def duellists(waves: pd.DataFrame, seed: int, folder: Path, left_out: tuple[str, ...] = ()) -> dict[str, Duellist]:
    """Return guns trained with a seed on the ten sample robots, or on all robots but some: then two of the learners.

    Trained guns are kept in the folder, and not trained again.
    """
    kept = ~waves["enemy"].isin(left_out) if left_out else waves["enemy"].isin(samples.ENEMIES)
    recall = Recall(waves[kept].reset_index(drop=True), within_round=True)
    learners = (POWERS, SCALE) if left_out else FORMS
    guns = {name: trained(recall, FORMS[name], seed, folder / f"{name}.json") for name in learners}
    if left_out:
        return {name: Duellist(gun) for name, gun in guns.items()}
    alike = guns[SCALE]
    ones = Metric(alike.ranges_, 1.0, alike.weights_, alike.exponents_, alike.offsets_)
    guns[ONES] = NeighbourModel(**SETTINGS, form="scale")._keep(ones, [], None)
    plain = {AHEAD: Duellist(alike, "linear"), HEAD_ON: Duellist(alike, "head-on")}
    return {name: Duellist(gun) for name, gun in guns.items()} | plain


def trained(recall: Recall, form: str, seed: int, path: Path) -> NeighbourModel:
    """Return the gun in a file, or train it and write the file."""
    if not path.is_file():
        gun = NeighbourModel(**SETTINGS, form=form, random_state=seed).fit(recall)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            temporary.write_text(gun.to_json(), encoding="utf-8")
    return NeighbourModel.from_json(path.read_text(encoding="utf-8"))


def bullets(exam: str, seed: int, guns: dict[str, Duellist], logs: list[tuple[str, TurnLog]]) -> pd.DataFrame:
    """Return a row a decided bullet, as of `kdelab.gun.compare.duel.decided`, with exam, gun, seed and ``replayed``.

    That is whether the aim of learned powers would have hit what one tuned scale really shot at: a replay, in which the
    enemy does not answer.  It is 1.0 or 0.0, and NaN for all other guns' bullets.
    """
    parts = []
    for gun, log in logs:
        table = decided(log).assign(exam=exam, gun=gun, seed=seed, replayed=np.nan)
        if gun == SCALE:
            waves = Recall(waves_of(log, VIRTUAL_EVERY, (FIRST,), SWEPT), within_round=True)
            shots = np.flatnonzero(waves.waves["hit"].notna())
            hit = waves.hit(guns[POWERS].gun.predict(waves, shots), shots)
            table["replayed"] = hit.astype(float)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def of_exams(folder: Path, workers: int, seeds: range = SEEDS, robocode: Path | None = None) -> Iterator[pd.DataFrame]:
    """Yield the bullets of both exams, seed by seed."""
    waves = practice(folder / "practice", workers, robocode)
    exams: list[tuple[str, tuple[str, ...]]] = [(SEEN, ()), *((UNSEEN, group) for group in GROUPS)]
    for seed in seeds:
        for exam, group in exams:
            place = folder / f"seed {seed}" / " ".join([exam, *(name.split(".")[-1] for name in group)])
            guns = duellists(waves, seed, place, group)
            enemies = group or samples.ENEMIES
            options: dict[str, Any] = {"rounds": ROUNDS, "workers": workers, "robocode": robocode}
            fights = duel(guns, enemies, [BATTLES + seed], place, **options)
            logs = [(gun, log_of(log)) for gun, log in fights]
            if exam == SEEN and seed == SEEDS[0]:
                keep_example(guns, logs)
            yield bullets(exam, seed, guns, logs)


def load() -> pd.DataFrame:
    """Return the bullets that ship with kdelab: exam, gun, enemy, seed, round, turn, hit, replayed, and the battle."""
    table = cells.load("live")
    return table.assign(battle=table["enemy"] + ", seed " + table["seed"].astype(str))


class Example(NamedTuple):
    """One of the battles, with all that it takes to compute again what is said of it.

    Attributes
    ----------
    gun : NeighbourModel
        Learned powers.
    scale : NeighbourModel
        One tuned scale.
    waves, waves_of_scale : DataFrame
        Of the battle that learned powers fought at `EXAMPLE` with the first seed, and of one tuned scale's.
    """

    gun: NeighbourModel
    scale: NeighbourModel
    waves: pd.DataFrame
    waves_of_scale: pd.DataFrame


def example() -> Example:
    """Return the battle that ships with kdelab."""
    guns = [NeighbourModel.from_json((EXAMPLES / f"{name}.json").read_text()) for name in (POWERS, SCALE)]
    return Example(*guns, *(load_waves(EXAMPLES / f"{name}.parquet") for name in (POWERS, SCALE)))


def keep_example(guns: dict[str, Duellist], logs: list[tuple[str, TurnLog]]) -> None:
    """Write what `example` returns."""
    for name, log in logs:
        if name in (POWERS, SCALE) and log.second == EXAMPLE:
            waves = waves_of(log, VIRTUAL_EVERY, (FIRST,), SWEPT)
            said = {"attribution": [provenance.ROBOCODE, provenance.FIGHTERS], "licence": provenance.LICENCE}
            EXAMPLES.mkdir(exist_ok=True)
            save_waves(EXAMPLES / f"{name}.parquet", waves, said)
            with replacing(EXAMPLES / f"{name}.json") as temporary:
                temporary.write_text(guns[name].gun.to_json(), encoding="utf-8")


def small(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same bullets in few bytes, without the battle, which enemy and seed tell."""
    return table.drop(columns="battle").astype({"seed": np.int16, "round": np.int16, "turn": np.int16})


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m kdelab.gun.compare.live", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="for battles and guns; what it holds is not done again")
    parser.add_argument("--workers", type=int, default=2, help="battles at a time (default 2)")
    parser.add_argument("--robocode", type=Path, metavar="DIR", help="your own Robocode's folder (default: Debian's)")
    arguments = parser.parse_args()
    parts = of_exams(arguments.folder, arguments.workers, robocode=arguments.robocode)
    said = {"seeds": list(SEEDS), "settings": {key: repr(value) for key, value in SETTINGS.items()}}
    try:
        print(cells.save("live", map(small, parts), said))
    except (RecordingError, ValueError) as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
