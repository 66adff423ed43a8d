"""``kdelab gun check mine.csv``: what is wrong with a log of one's own, or what is in it."""

import argparse
from pathlib import Path
from typing import Any

from kdelab.gun.training.log import checked_log, ranges_from
from kdelab.gun.waves.diagnosis import summary


def add_log(parser: argparse.ArgumentParser) -> None:
    """Give a parser the arguments that say which log, and what is learned from it."""
    parser.add_argument("log", type=Path, help="the table, .csv or .parquet; docs/logs.md says what it holds")
    parser.add_argument(
        "--features",
        nargs="+",
        default=[],
        metavar="NAME",
        help="columns to learn from (default: all of numbers, but those that say what a wave is or became)",
    )
    parser.add_argument(
        "--ranges",
        nargs="+",
        default=[],
        metavar="NAME=LOW:HIGH",
        help="between what values a feature lies, where a column has the name of one of ours and other units",
    )


def add(commands: Any) -> None:
    """Give the parser this command."""
    parser = commands.add_parser(
        "check",
        help="say what is wrong with a log of your own",
        description="Look through a table of waves: all that is wrong with it in one message, or what is in it.",
    )
    add_log(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check one log."""
    log = checked_log(arguments.log, arguments.features, ranges_from(arguments.ranges))
    print(f"{arguments.log}: nothing wrong was found\n{summary(log.waves, log.features)}")
    for note in log.notes:
        print(f"note: {note}")
    return 0
