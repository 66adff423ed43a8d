"""``kdelab gun duel``: guns against each other in real battles, by what they hit."""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from kdelab.files import check_out, replacing
from kdelab.gun.commands.robot import UNTRAINED, gun_of
from kdelab.gun.compare import duel
from kdelab.gun.compare.duel import Duellist
from kdelab.gun.robot.build import PLAIN
from kdelab.study.resampling import between


def add(commands: Any) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "duel",
        help="let guns fight real battles, and compare what they hit",
        description="Guns fight the same enemies with the same robot, movement, power and seeds; only the gun differs. "
        "The first gun is what the others are compared with. Battles are kept beside --out and not fought again.",
    )
    parser.add_argument(
        "--gun",
        action="append",
        required=True,
        metavar="gun.json",
        help=f"two or more times: what `train` or to_json wrote, or one of {', '.join((*PLAIN, UNTRAINED))}",
    )
    parser.add_argument("--enemy", action="append", required=True, metavar="other.Bot", help="one or more times")
    parser.add_argument("--battles", type=int, default=40, help="of each gun, over all enemies (default 40)")
    parser.add_argument("--rounds", type=int, default=35, help="of each battle (default 35)")
    parser.add_argument("--first-seed", type=int, default=9001, help="seeds are this and on (default 9001)")
    parser.add_argument("--robots", type=Path, metavar="FOLDER", help="your jars or class folders with enemies")
    parser.add_argument("--robocode", type=Path, metavar="DIR", help="your Robocode (default: Debian's)")
    parser.add_argument("--workers", type=int, default=2, help="battles at a time (default 2)")
    parser.add_argument("--out", type=Path, required=True, metavar="duel.csv", help="a row a decided bullet")
    parser.set_defaults(run=run)


def duellists(given: list[str]) -> dict[str, Duellist]:
    """Return the guns that the command line names, by names of their own.

    Raises
    ------
    ValueError
        If there are fewer than two, two of one name, or one can't be read.
    """
    found: dict[str, Duellist] = {}
    for one in given:
        name = one if one in (*PLAIN, UNTRAINED) else re.sub(r"[^\w.-]|^\.+", "_", Path(one).stem)
        if name in found:
            raise ValueError(f"gun: {name!r} stands there twice; guns go by the names of their files")
        found[name] = Duellist(gun_of(UNTRAINED), one) if one in PLAIN else Duellist(gun_of(one))
    if len(found) < 2:
        raise ValueError("gun: a duel takes two guns or more, --gun a.json --gun b.json")
    return found


def run(arguments: argparse.Namespace) -> int:
    """Fight, write the bullets down, print the standing and draw it."""
    guns, enemies, out = duellists(arguments.gun), list(dict.fromkeys(arguments.enemy)), arguments.out
    if arguments.battles < 1 or arguments.battles % len(enemies):
        raise ValueError(
            f"battles: {arguments.battles} given, allowed are multiples of the {len(enemies)} enemies, so that each is "
            "met as often"
        )
    check_out(out, ".csv")
    seeds = [arguments.first_seed + i for i in range(arguments.battles // len(enemies))]
    options = {"rounds": arguments.rounds, "robots": arguments.robots, "robocode": arguments.robocode}
    store = out.with_suffix(".battles")
    fights = duel.duel(guns, enemies, seeds, store, workers=arguments.workers, **options)
    parts, failures = [], []
    try:
        for gun, found in fights:
            if isinstance(found, str):
                failures.append(f"{gun}: {found}")
            else:
                parts.append(duel.decided(found).assign(gun=gun, seed=found.seed))
    except (KeyboardInterrupt, OSError):
        if kept := len(list(store.glob("*/battles/*.npz"))):
            print(f"kept in {store}: {kept} battles; the same command goes on from there", file=sys.stderr)
        raise
    if not parts:
        raise ValueError(f"no battle was fought to its end: {'; '.join(failures)}")
    bullets = pd.concat(parts, ignore_index=True)
    with replacing(out) as temporary:
        bullets[["gun", "enemy", "seed", "round", "turn", "hit"]].to_csv(temporary, index=False)
    for failure in failures:
        print(f"failed: {failure}; its battle is left out for every gun", file=sys.stderr)
    if absent := [name for name in guns if name not in set(bullets["gun"])]:
        raise ValueError(f"gun: {', '.join(absent)} fought no battle to its end, so there is nothing to compare")
    table = duel.standing(bullets, next(iter(guns)))
    print(told(table))
    if (picture := drawn(table, out.with_suffix(".png"))) is not None:
        print(f"{out}: a row a bullet; {picture}: the picture")
    return 1 if failures else 0


def told(table: pd.DataFrame) -> str:
    """Return the standing in words: a row a gun, and what the differences show."""
    against = table.index[0]
    shown = pd.DataFrame(
        {
            "battles": table["battles"].map("{:.0f}".format),
            "bullets": table["bullets"].map("{:,.0f}".format),
            "hits of 100": table["hits"].map("{:.1f}".format),
            f"more than {against}": table["difference"].map("{:+.1f}".format),
            "95 %, over battles": _ends(table, "battles"),
            "95 %, over robots": _ends(table, "robots"),
        }
    )
    lines = [shown.to_string(), ""]
    for name in table.index[1:]:
        low, high = table.loc[name, ["low, battles", "high, battles"]]
        word = (
            "no difference shown" if not (low > 0 or high < 0) else "hits more often" if low > 0 else "hits less often"
        )
        few = "" if low <= high else f" ({table.loc[name, 'battles']:.0f} battles; an interval takes 8)"
        lines.append(f"{name} against {against}: {word}{few}")
    return "\n".join(lines)


def _ends(table: pd.DataFrame, unit: str) -> list[str]:
    ends = zip(table[f"low, {unit}"], table[f"high, {unit}"], strict=True)
    return ["" if i == 0 else between(low, high, "+.1f") for i, (low, high) in enumerate(ends)]


def drawn(table: pd.DataFrame, path: Path) -> Path | None:
    """Draw a forest plot where matplotlib is installed; return where it is."""
    try:
        import matplotlib.pyplot as plt

        from kdelab.plot import style
        from kdelab.plot.forest import forest
    except ImportError:
        return None

    style.use()
    rows = table.iloc[1:]
    figure, axes = plt.subplots(figsize=(7, 1.4 + 0.5 * len(rows)), layout="constrained")
    labels = [f"{name}\n{hits:.1f} of 100" for name, hits in zip(rows.index, rows["hits"], strict=True)]
    forest(axes, labels, rows["difference"], rows["low, battles"], rows["high, battles"])
    axes.set(title=f"Real hits, compared with {table.index[0]} ({table['hits'].iloc[0]:.1f} of 100)")
    axes.set(xlabel=f"hits of 100 more, 95 % over {table['battles'].iloc[0]:.0f} battles")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
    plt.close(figure)
    return path
