"""``kdelab gun train mine.parquet --out gun.json``: learn a gun's weights, and say what they are worth."""

import argparse
from pathlib import Path
from typing import Any

from kdelab.files import check_out, replacing
from kdelab.gun.commands.check import add_log
from kdelab.gun.compare.learned import SETTINGS
from kdelab.gun.training.log import checked_log, ranges_from
from kdelab.gun.training.trained import trained
from kdelab.gun.training.worth import LEARNED, TUNED
from kdelab.gun.waves.diagnosis import summary


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser(
        "train",
        help="learn a gun's weights from a table of waves",
        description="Learn weights from the early rounds of a table of waves, and judge them on the last ones against "
        "one tuned scale and weights of 1. kdelab.NeighbourModel.from_json reads the result; the gun with one tuned "
        "scale is written beside it, as gun.tuned.json.",
    )
    add_log(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="gun.json", help="the gun to write")
    parser.add_argument(
        "--held-out", type=float, default=0.25, help="share of rounds that judge, and as many choose (default 0.25)"
    )
    parser.add_argument(
        "--predictions", type=int, default=SETTINGS["predictions"], help="waves that are trained on (default 3000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="picks these, and draws the intervals (default 0)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train one gun."""
    guns = {LEARNED: arguments.out, TUNED: arguments.out.with_suffix(".tuned.json")}
    for path in guns.values():
        check_out(path, ".json")
    log = checked_log(arguments.log, arguments.features, ranges_from(arguments.ranges))
    print(summary(log.waves, log.features))
    for note in log.notes:
        print(f"note: {note}")
    result = trained(
        log.waves,
        log.features,
        log.ranges,
        seed=arguments.seed,
        predictions=arguments.predictions,
        held_out=arguments.held_out,
        progress=True,
    )
    print(result.report)
    for (name, path), gun in zip(guns.items(), (result.gun, result.tuned), strict=True):
        with replacing(path) as temporary:
            temporary.write_text(gun.to_json())
        print(f"wrote {path}: {name}")
    return 0
