"""``python -m kdelab.gun``: battles, and what is made of them.  Each command is a module of `kdelab.gun.commands`."""

import argparse
import sys

from kdelab.gun.battles.record import RecordingError
from kdelab.gun.commands import battles, check, duel, record, robot, surfers, train, waves

COMMANDS = (record, waves, check, train, robot, duel, battles, surfers)


def parser() -> argparse.ArgumentParser:
    """Return the command line's parser."""
    top = argparse.ArgumentParser(
        prog="python -m kdelab.gun", description="From Robocode battles to a robot that learned from them."
    )
    commands = top.add_subparsers(dest="command", required=True)
    for module in COMMANDS:
        module.add(commands)
    return top


def main() -> int:
    """Run the command line; return its exit code."""
    arguments = parser().parse_args()
    try:
        return int(arguments.run(arguments))
    except (RecordingError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
