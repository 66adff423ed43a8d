"""``kdelab gun waves LOGS.npz``: turn logs, or Robocode's own recordings, become a table of waves."""

import argparse
from pathlib import Path
from typing import Any

from kdelab.files import check_out
from kdelab.gun.battles.recording import read_recording
from kdelab.gun.battles.turns import TurnLog, read_logs
from kdelab.gun.waves.from_turns import SWEPT, waves_of
from kdelab.gun.waves.store import save_waves


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser(
        "waves",
        help="turn logs become a table of waves",
        description="Make a table of waves of turn logs, as kdelab.gun.battles.turns.write_logs writes them (.npz), or "
        "of recordings that Robocode wrote with -recordXML (.xml, .zip).",
    )
    parser.add_argument("logs", type=Path, nargs="+", metavar="LOGS.npz", help="turn logs or recordings")
    parser.add_argument("--out", type=Path, required=True, metavar="mine.parquet", help="the table to write")
    parser.add_argument(
        "--virtual-every", type=int, default=4, help="a virtual wave each so many turns (default 4; 0: none)"
    )
    parser.set_defaults(run=run)


def logs_of(path: Path) -> list[TurnLog]:
    """Return the battles that a file holds; ValueError if it is neither turn logs nor a recording."""
    if path.suffix in (".xml", ".zip", ".br"):
        return [read_recording(path)]
    return read_logs(path)


def run(arguments: argparse.Namespace) -> int:
    """Make one table."""
    check_out(arguments.out)
    logs = [log for path in arguments.logs for log in logs_of(path)]
    waves = waves_of(logs, every=arguments.virtual_every, seen_from=SWEPT)
    if waves.empty:
        raise ValueError("logs: no bullet in them passed the enemy, so there are no waves")
    said = {
        "set": arguments.out.stem,
        "what": f"waves of {', '.join(path.name for path in arguments.logs)}",
        "virtual_every": arguments.virtual_every,
        "seeds": {log.name: log.seed for log in logs},
    }
    save_waves(arguments.out, waves, said)
    real = int(waves["real"].sum())
    print(f"{arguments.out}: {len(waves):,} waves of {len(logs)} battles, {real:,} of them real shots")
    return 0
