"""``kdelab``, or ``python -m kdelab``: the wings' command lines under one name, imported when they are asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from kdelab import __version__
from kdelab.extras import MissingExtra, load

WINGS = {
    "gun": "from Robocode battles to a robot that learned from them",
    "report": "run the notebooks and build their reports",
    "sweep": "a notebook's verdicts over a grid of parameters",
    "compare": "what differs between two builds of the reports, or two commits",
}
OF_REPORT = ("sweep", "compare")  # commands of that wing, so common that its name may be left out
SHELLS = ("bash", "fish", "powershell", "tcsh", "zsh")


def parser(whole: bool = False) -> argparse.ArgumentParser:
    """Return the command line's parser, with the commands of those wings that are installed if it is to be whole."""
    top = argparse.ArgumentParser(prog="kdelab", description="The laboratory's commands; each has a --help of its own.")
    top.add_argument("--version", action="version", version=f"kdelab {__version__}")
    commands = top.add_subparsers(dest="command", required=True)
    for name, what in WINGS.items():
        wing = commands.add_parser(name, help=what)
        if whole:
            with suppress(MissingExtra):
                if name in OF_REPORT:
                    _wing("report").COMMANDS[name][0](wing)
                else:
                    _wing(name).fill(wing)
    completion = commands.add_parser("completion", help='print what completes these commands: eval "$(...)" in bash')
    completion.add_argument("shell", choices=SHELLS)
    return top


def _wing(name: str) -> Any:
    return importlib.import_module(f"kdelab.{name}.__main__")


def completion(shell: str) -> str:
    """Return a shell's script; MissingExtra without shtab."""
    shtab = load("shtab", "completion")
    top = parser(whole=True)
    _complete_files(top, shtab.FILE)
    return str(shtab.complete(top, shell=shell))


def _complete_files(some: argparse.ArgumentParser, files: object) -> None:
    """Let what takes text or a path, and no choice, be completed as names of files, as shells do without a script."""
    for action in some._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                _complete_files(command, files)
        elif action.nargs != 0 and action.choices is None and action.type in (None, Path):
            action.complete = files  # type: ignore[attr-defined]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in OF_REPORT:
            return int(_wing("report").main(given, prog="kdelab"))
        if given and given[0] in WINGS:
            return int(_wing(given[0]).main(given[1:], prog=f"kdelab {given[0]}"))
        print(completion(parser().parse_args(given).shell))
    except MissingExtra as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
