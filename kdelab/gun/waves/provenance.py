"""Where the shipped waves come from: written into the Parquet files, given back as ``DataFrame.attrs``."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROBOCODE = "Robocode 1.9.3.9, EPL-1.0, by Mathew A. Nelson and contributors, https://robocode.sourceforge.io"
FIGHTERS = "kdelab's own robots, whose source is in kdelab/gun/battles/data/fighters, under kdelab's MIT licence"
LICENCE = (
    "These tables record what programs did, in numbers; they hold no code of Robocode or of any robot. "
    "Shipped with attribution, under kdelab's MIT licence."
)
SURFERS = {
    "set": "surfers",
    "what": "Wave surfers shooting at each other and at sample robots: both directions of 13 battles of 12 rounds.",
    "attribution": [
        "kc.mega.BeepBoop 2.0 by Kev (Robowiki), https://robowiki.net/wiki/BeepBoop",
        "voidious.Diamond 1.8 by Voidious (Robowiki), https://robowiki.net/wiki/Diamond",
        "Robocode's sample robots: Crazy, SpinBot, Walls, VelociRobot, RamFire, Tracker, TrackFire, Fire",
        ROBOCODE,
    ],
    "robocode": "1.9.3.9",
    "java": "17 or later; the exact version was not noted",
    "field": "800 x 600, no turn skipped",
    "licence": LICENCE,
}
SURFER_LOGS = {"diamond-vs-beepboop.npz": 21, "beepboop-vs-samples.npz": 22, "diamond-vs-samples.npz": 23}
"""The turn logs that the set "surfers" was made from, and the seeds noted in them."""


def surfers(paths: Iterable[Path], every: int) -> dict[str, Any]:
    """Return the provenance of the set "surfers": the constants above and the logs it was made from."""
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    return SURFERS | {"virtual_every": every, "seeds": SURFER_LOGS, "turn_logs_sha256": digests}
