"""Where the shipped waves come from: written into the Parquet files, given back as ``DataFrame.attrs``."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kdelab.gun.battles.turns import TurnLog

ROBOCODE = "Robocode 1.9.3.9, EPL-1.0, by Mathew A. Nelson and contributors, https://robocode.sourceforge.io"
FIGHTERS = "kdelab's own robots, whose source is in kdelab/gun/battles/data/fighters, under kdelab's MIT licence"
LICENCE = (
    "These tables record what programs did, in numbers; they hold no code of Robocode or of any robot. "
    "Shipped with attribution, under kdelab's MIT licence."
)
SURFERS = {
    "set": "surfers",
    "what": "Robots that adapt, at each other and at sample robots, both sides: 13 battles of BeepBoop and Diamond "
    "(seeds 21 to 23, 12 rounds), and 19 battles of six such robots in 15 pairs (seeds from 101, 7 or 8 rounds).",
    "attribution": [
        "kc.mega.BeepBoop 2.0 by Kev, https://robowiki.net/wiki/BeepBoop (the jar of github.com/clarkkev/beep-boop)",
        "voidious.Diamond 1.8, and its state of 9 August 2015, by Voidious, https://robowiki.net/wiki/Diamond "
        "(github.com/Voidious/Diamond, zlib licence, modified)",
        "jk.mega.DrussGT 3.1.4159 by Skilgannon, https://robowiki.net/wiki/DrussGT (a copy of its source in "
        "github.com/zhy-lucky/robocode; its kd-tree CC BY-NC-SA 3.0)",
        "rsalesc.roborio.Roborio 1.2.4 by Roberto Sales (github.com/rsalesc/roborio)",
        "lxx.Tomcat 3.68 by jdev, https://robowiki.net/wiki/Tomcat (github.com/d-r-q/Tomcat, all rights reserved)",
        "eem.EvBot, four commits after v4.6.16, by Eugeniy Mikhailov (github.com/evgmik/robocode_bots.EvBot)",
        "Robocode's sample robots: Crazy, SpinBot, Walls, VelociRobot, RamFire, Tracker, TrackFire, Fire",
        ROBOCODE,
    ],
    "robocode": "1.9.3.9",
    "java": "17 or later; the exact version was not noted",
    "field": "800 x 600; where a robot skipped a turn, that round was left out: one in each of four of the 19 battles",
    "licence": LICENCE,
}
SURFER_LOGS: tuple[str, ...] = (
    *("diamond-vs-beepboop.npz", "beepboop-vs-samples.npz", "diamond-vs-samples.npz"),
    *("surfers/beepboop-vs-diamond.npz", "surfers/beepboop-vs-drussgt.npz", "surfers/beepboop-vs-evbot.npz"),
    *("surfers/beepboop-vs-roborio.npz", "surfers/beepboop-vs-tomcat.npz", "surfers/diamond-vs-drussgt.npz"),
    *("surfers/diamond-vs-evbot.npz", "surfers/diamond-vs-roborio.npz", "surfers/diamond-vs-tomcat.npz"),
    *("surfers/drussgt-vs-evbot.npz", "surfers/drussgt-vs-roborio.npz", "surfers/drussgt-vs-tomcat.npz"),
    *("surfers/roborio-vs-evbot.npz", "surfers/roborio-vs-tomcat.npz", "surfers/tomcat-vs-evbot.npz"),
)
"""The turn logs that the set "surfers" was made from, in a folder of them."""


def surfers(folder: Path, logs: Mapping[str, Sequence[TurnLog]], every: int) -> dict[str, Any]:
    """Return the provenance of the set "surfers": the constants above and the logs that it was made from, by file."""
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in logs}
    seeds = {name: [log.seed for log in battles] for name, battles in logs.items()}
    return SURFERS | {"virtual_every": every, "seeds": seeds, "turn_logs_sha256": digests}
