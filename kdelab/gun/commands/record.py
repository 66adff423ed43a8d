"""``record``: record battles of your robots, or of the samples, as a table that ``kdelab.load_waves`` reads."""

import argparse
import itertools
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from kdelab.files import check_out
from kdelab.gun.battles.campaign import fought
from kdelab.gun.battles.folder import Fought
from kdelab.gun.battles.record import Battle, RecordingError
from kdelab.gun.battles.turns import FIRST
from kdelab.gun.waves.from_turns import SWEPT, waves_of
from kdelab.gun.waves.store import save_waves

DESCRIPTION = """\
Record a battle of every shooter with every enemy and every seed; kdelab.load_waves reads the result. Each battle is
kept as a turn log in a folder beside the table (mine.battles for mine.parquet) as soon as it is fought, and not fought
again: if recording is interrupted, the same command goes on from there. Robots run without Robocode's sandbox: record
only those that you trust."""


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser("record", help="record battles of robots", description=DESCRIPTION)
    parser.add_argument(
        "--shooter", action="append", required=True, metavar="my.Bot",
        help="whose waves are wanted, e.g. 'my.Bot 1.2'; may be given several times",
    )  # fmt: skip
    add_battles(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="mine.parquet", help="the table to write")
    parser.add_argument(
        "--virtual-every", type=int, default=4, help="a virtual wave each so many turns (default 4; 0: none)"
    )
    parser.set_defaults(run=run)


def add_battles(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments that say which battles are fought, and how."""
    parser.add_argument(
        "--enemy", action="append", required=True, metavar="other.Bot", help="an enemy; may be given several times"
    )
    parser.add_argument(
        "--robots", type=Path, action="append", metavar="PATH",
        help="a folder with your jars or classes, or one jar (default: none); may be given several times",
    )  # fmt: skip
    parser.add_argument("--robocode", type=Path, metavar="DIR", help="your own Robocode's folder (default: Debian's)")
    parser.add_argument("--rounds", type=int, default=35, help="rounds of a battle (default 35)")
    parser.add_argument(
        "--seeds", "--seed", type=int, nargs="+", default=[1], metavar="N",
        help="of the engine's randomness, a battle each (default 1)",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="battles fought at a time (default 1)")
    parser.add_argument(
        "--address", metavar="tcp://HOST:8786", help="a Dask scheduler whose workers fight instead (docs/scale.md)"
    )
    parser.add_argument(
        "--stall", type=float, default=60.0, help="seconds that a robot may take to act before giving up (default 60)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Record all battles; 1 if some failed, and then the table is of the others."""
    out: Path = arguments.out
    check_out(out)
    waves_of([], every=arguments.virtual_every)  # refuses what it would refuse after the battles
    battles = [
        Battle(shooter, enemy, arguments.rounds, seed)
        for shooter, enemy, seed in itertools.product(arguments.shooter, arguments.enemy, arguments.seeds)
    ]
    store = out.with_suffix(".battles")
    try:
        return _record(arguments, battles, store)
    except (KeyboardInterrupt, OSError):
        kept = len(list(store.glob("*.npz")))
        if kept:
            print(f"kept in {store}: {kept} battles; the same command goes on from there", file=sys.stderr)
        raise


def _record(arguments: argparse.Namespace, battles: Sequence[Battle], store: Path) -> int:
    """Fight what the store doesn't hold yet, and write the table."""
    every, options = (
        arguments.virtual_every,
        {key: getattr(arguments, key) for key in ("robocode", "workers", "stall", "address")},
    )
    recorded, tables, failures = [], [], []
    with closing(fought(battles, arguments.robots, store=store, **options)) as coming:
        for one in coming:
            if one.failure:
                failures.append(one.failure)
            else:
                recorded.append(one)
                tables.append(waves_of(one.log, every, (FIRST,), SWEPT))
    for line in failures:
        print(f"error: {line}", file=sys.stderr)
    for line in [line for one in recorded for line in one.left_out]:
        print(f"left out: {line}", file=sys.stderr)
    if recorded:
        _write(arguments.out, recorded, tables, every)
    if failures:
        print(f"{len(failures)} of {len(battles)} battles failed; the same command tries them again", file=sys.stderr)
    return 1 if failures else 0


def _write(out: Path, recorded: list[Fought], tables: list[pd.DataFrame], every: int) -> None:
    """Write the table of all battles' waves, and say what is in it."""
    tables = [table for table in tables if len(table)]
    names = [f"{one.battle.shooter} at {one.battle.enemy}" for one in recorded]
    if not tables:
        raise RecordingError(f"no bullet was fired that passed its target ({', '.join(names[:3])}): there are no waves")
    waves = pd.concat(tables, ignore_index=True)
    seeds: dict[str, Any] = {}
    for one in recorded:
        seeds.setdefault(one.log.pair, []).append(one.battle.seed)
    said = {
        "set": out.stem,
        "what": f"{', '.join(seeds)}, {recorded[0].battle.rounds} rounds",
        "robocode": ", ".join(sorted({one.robocode for one in recorded})),
        "java": ", ".join(sorted({one.java for one in recorded})),
        "field": "800 x 600, no turn skipped",
        "left_out": [line for one in recorded for line in one.left_out],
        "virtual_every": every,
        "seeds": {pair: some[0] if len(some) == 1 else some for pair, some in seeds.items()},
    }
    save_waves(out, waves, said)
    decided = waves["hit"].dropna()
    hits = f"{decided.mean():.1%} of {len(decided)} decided shots hit" if len(decided) else "no shot was decided"
    print(f"{out}: {len(waves):,} waves, {int(waves['real'].sum())} of them real shots; {hits}")
