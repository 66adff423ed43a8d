"""``battles``: record the set "samples", "confirm" or "fresh" again, and say whether the committed values came out."""

from pathlib import Path
from typing import Any

import kdelab.gun.waves
from kdelab.gun.battles.record import RecordingError, record
from kdelab.gun.waves.confirm import CONFIRM, FRESH
from kdelab.gun.waves.recorded import RecordedSet, difference
from kdelab.gun.waves.samples import SAMPLES
from kdelab.gun.waves.store import load_waves, save_waves

DATA = Path(kdelab.gun.waves.__file__).parent / "data"
RECORDED = {one.name: one for one in (SAMPLES, CONFIRM, FRESH)}


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser("battles", help="record a set again and compare it with the committed one")
    parser.add_argument(
        "set", nargs="?", choices=tuple(RECORDED), default=SAMPLES.name, help="which set (default samples)"
    )
    parser.add_argument("--workers", type=int, default=1, help="battles fought at a time (default 1)")
    parser.add_argument("--robocode", type=Path, metavar="DIR", help="your own Robocode's folder (default: Debian's)")
    parser.set_defaults(run=lambda given: battles(RECORDED[given.set], given.workers, given.robocode))


def battles(wanted: RecordedSet, workers: int, robocode: Path | None = None) -> int:
    """Record a set; its file is only written where values are new. 1 if they differ from those before."""
    out = DATA / f"{wanted.name}.parquet"
    recording = record(wanted.battles, workers=workers, robocode=robocode)
    if recording.left_out:
        raise RecordingError(f"rounds are missing, record again: {'; '.join(recording.left_out)}")
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
