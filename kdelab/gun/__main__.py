"""``python -m kdelab.gun``: record battles and make tables of waves.

- ``battles``: record the set "samples" or "confirm" again, and say whether the committed values came out (`make
  battles`)
- ``record``: record a battle of two robots, your own or the samples, as a table that ``kdelab.load_waves`` reads
- ``waves``: make such a table from turn logs
- ``check``: say what is wrong with a table of your own, CSV or Parquet
- ``train``: learn a gun's weights from a table, and say what they are worth
- ``surfers``: make the set "surfers" again from its turn logs
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kdelab.files import check_out
from kdelab.gun.battles.record import Battle, Recording, RecordingError, record
from kdelab.gun.battles.turns import FIRST, read_logs
from kdelab.gun.commands import check as check_command
from kdelab.gun.commands import train as train_command
from kdelab.gun.commands import waves as waves_command
from kdelab.gun.waves import provenance
from kdelab.gun.waves.confirm import CONFIRM
from kdelab.gun.waves.from_turns import waves_of
from kdelab.gun.waves.recorded import RecordedSet, difference
from kdelab.gun.waves.samples import SAMPLES
from kdelab.gun.waves.store import load_waves, save_waves

COMMANDS: tuple[Any, ...] = (check_command, train_command, waves_command)  # modules of `kdelab.gun.commands`
DATA = Path(__file__).parent / "waves" / "data"
RECORDED = {one.name: one for one in (SAMPLES, CONFIRM)}
TRIES = 4  # at a battle that lacks a round: a turn is skipped now and then


def whole(battles: Sequence[Battle]) -> Recording:
    """Record battles, and those of which a round was left out again: their seeds give the same rounds as before.

    Raises
    ------
    RecordingError
        If rounds are missing still.
    """
    recording = record(battles)
    for _ in range(TRIES - 1):
        lacking = [i for i, log in enumerate(recording.logs) if len(log.rounds) < battles[i].rounds]
        if not (recording.left_out and lacking):
            break
        again = record([battles[i] for i in lacking])
        logs = dict(enumerate(recording.logs)) | dict(zip(lacking, again.logs, strict=True))
        recording = replace(again, logs=list(logs.values()))
    if recording.left_out:
        raise RecordingError(f"rounds are missing, record again: {'; '.join(recording.left_out)}")
    return recording


def battles(wanted: RecordedSet) -> int:
    """Record a set; its file is only written where values are new. 1 if they differ from those before."""
    out = DATA / f"{wanted.name}.parquet"
    recording = whole(wanted.battles)
    waves = wanted.waves(recording.logs)
    versions = f"Robocode {recording.robocode}, Java {recording.java}"
    differs = ""
    if out.exists():
        old = load_waves(out)
        differs = difference(waves, old)
        if not differs:
            before = f"Robocode {old.attrs['robocode']}, Java {old.attrs['java']}"
            print(
                f"{len(waves):,} waves with {versions}: the committed values came out again ({before}); file unchanged"
            )
            return 0
        print(f"the committed values did NOT come out again: {differs}")
    save_waves(out, waves, wanted.provenance(recording))
    print(f"{len(waves):,} waves with {versions}, {out.stat().st_size:,} bytes: wrote {out.name}")
    return 1 if differs else 0


def own(arguments: argparse.Namespace) -> int:
    """Record one battle of the user's choice."""
    out: Path = arguments.out
    check_out(out)
    waves_of([], every=arguments.virtual_every)  # refuses what it would refuse after the battle
    battle = Battle(arguments.shooter, arguments.enemy, arguments.rounds, arguments.seed)
    recording = record([battle], arguments.robots, stall=arguments.stall)
    for line in recording.left_out:
        print(f"left out: {line}", file=sys.stderr)
    waves = waves_of(recording.logs, every=arguments.virtual_every, sides=(FIRST,))
    if waves.empty:
        raise RecordingError(f"{battle.shooter} has fired no bullet that passed {battle.enemy}: there are no waves")
    said = {
        "set": out.stem,
        "what": f"{recording.logs[0].pair}, {battle.rounds} rounds",
        "robocode": recording.robocode,
        "java": recording.java,
        "field": "800 x 600, no turn skipped",
        "left_out": list(recording.left_out),
        "virtual_every": arguments.virtual_every,
        "seeds": {recording.logs[0].pair: battle.seed},
    }
    save_waves(out, waves, said)
    decided = waves["hit"].dropna()
    hits = f"{decided.mean():.1%} of {len(decided)} decided shots hit" if len(decided) else "no shot was decided"
    print(f"{out}: {len(waves):,} waves, {int(waves['real'].sum())} of them real shots; {hits}")
    return 0


def surfers(folder: Path, every: int) -> int:
    """Make the set "surfers" from the turn logs in a folder."""
    absent = [name for name in provenance.SURFER_LOGS if not (folder / name).is_file()]
    if absent:
        raise ValueError(f"folder={str(folder)!r} lacks {absent}")
    logs = {name: read_logs(folder / name) for name in provenance.SURFER_LOGS}
    waves = waves_of([log for battles in logs.values() for log in battles], every=every)
    save_waves(DATA / "surfers.parquet", waves, provenance.surfers(folder, logs, every))
    print(f"{len(waves):,} waves: wrote surfers.parquet")
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m kdelab.gun", description="Record Robocode battles as tables of waves."
    )
    commands = top.add_subparsers(dest="command", required=True)
    again = commands.add_parser("battles", help="record a set again and compare it with the committed one")
    again.add_argument("set", nargs="?", choices=RECORDED, default=SAMPLES.name, help="which set (default samples)")

    one = commands.add_parser(
        "record",
        help="record a battle of two robots",
        description="Record one battle; kdelab.load_waves reads the result. Robots run without Robocode's sandbox: "
        "record only those that you trust.",
    )
    one.add_argument("--robots", type=Path, metavar="FOLDER", help="your jars or class folders (default: none)")
    one.add_argument("--shooter", required=True, metavar="my.Bot", help="whose waves are wanted, e.g. 'my.Bot 1.2'")
    one.add_argument("--enemy", required=True, metavar="other.Bot", help="at whom it shoots")
    one.add_argument("--rounds", type=int, default=35, help="rounds of the battle (default 35)")
    one.add_argument("--out", type=Path, required=True, metavar="mine.parquet", help="the table to write")
    one.add_argument("--seed", type=int, default=1, help="of the engine's randomness (default 1)")
    one.add_argument(
        "--virtual-every", type=int, default=4, help="a virtual wave each so many turns (default 4; 0: none)"
    )
    one.add_argument(
        "--stall", type=float, default=60.0, help="seconds that a robot may take to act before giving up (default 60)"
    )

    logs = commands.add_parser("surfers", help="make the set 'surfers' again from its turn logs")
    logs.add_argument("folder", type=Path, help="where diamond-vs-beepboop.npz and the others are")
    logs.add_argument("--virtual-every", type=int, default=16, help="a virtual wave each so many turns (default 16)")
    for module in COMMANDS:
        module.add(commands)
    return top


def main() -> int:
    """Run the command line; return its exit code."""
    arguments = parser().parse_args()
    try:
        if "run" in arguments:
            return int(arguments.run(arguments))
        match arguments.command:
            case "battles":
                return battles(RECORDED[arguments.set])
            case "record":
                return own(arguments)
            case _:
                return surfers(arguments.folder, arguments.virtual_every)
    except (RecordingError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; nothing was written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
