"""``kdelab gun``: battles, and what is made of them.  Each command is a module of `kdelab.gun.commands`."""

import argparse
import sys
from collections.abc import Sequence

from kdelab.gun.battles.record import RecordingError
from kdelab.gun.commands import battles, check, duel, record, robot, surfers, train, waves

COMMANDS = (record, waves, check, train, robot, duel, battles, surfers)


def fill(top: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Give a parser the commands."""
    top.description = "From Robocode battles to a robot that learned from them."
    commands = top.add_subparsers(dest="command", required=True)
    for module in COMMANDS:
        module.add(commands)
    return top


def main(arguments: Sequence[str] | None = None, prog: str = "python -m kdelab.gun") -> int:
    """Run the command line; return its exit code."""
    given = fill(argparse.ArgumentParser(prog=prog)).parse_args(arguments)
    try:
        return int(given.run(given))
    except (RecordingError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
