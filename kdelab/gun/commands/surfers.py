"""``surfers``: make the set "surfers" again from its turn logs."""

import argparse
from pathlib import Path
from typing import Any

from kdelab.gun.battles.turns import read_logs
from kdelab.gun.commands.battles import DATA
from kdelab.gun.waves import provenance
from kdelab.gun.waves.from_turns import waves_of
from kdelab.gun.waves.store import save_waves


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser("surfers", help="make the set 'surfers' again from its turn logs")
    parser.add_argument("folder", type=Path, help="where diamond-vs-beepboop.npz and the others are")
    parser.add_argument("--virtual-every", type=int, default=16, help="a virtual wave each so many turns (default 16)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make the set from the turn logs in a folder."""
    folder: Path = arguments.folder
    absent = [name for name in provenance.SURFER_LOGS if not (folder / name).is_file()]
    if absent:
        raise ValueError(f"folder={str(folder)!r} lacks {absent}")
    logs = {name: read_logs(folder / name) for name in provenance.SURFER_LOGS}
    every = arguments.virtual_every
    waves = waves_of([log for battles in logs.values() for log in battles], every=every)
    save_waves(DATA / "surfers.parquet", waves, provenance.surfers(folder, logs, every))
    print(f"{len(waves):,} waves: wrote surfers.parquet")
    return 0
