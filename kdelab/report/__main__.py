"""Command line of the reports.

Without a command all pages are built; ``06 bandwidth=0.2 seed=3`` runs one notebook with other parameters, and
``--parameters`` or ``--parameters 06`` lists them.
"""

import argparse
import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kdelab.report.build import cells, listing, published
from kdelab.report.build.client import TIMEOUT
from kdelab.report.build.project import Project
from kdelab.report.build.refresh import refresh


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} given, wanted is a number of seconds above 0")
    return seconds


def _asked(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """Return the notebook and the texts of parameters that words name; ValueError for what is neither."""
    name = words[0] if words and "=" not in words[0] else None
    found: dict[str, str] = {}
    for word in words[name is not None :]:
        parameter, equals, text = word.partition("=")
        if not equals or not parameter.isidentifier():
            raise ValueError(f"{word!r} given, wanted is NAME=VALUE")
        if parameter in found:
            raise ValueError(f"{parameter}: given twice")
        found[parameter] = text
    if found and name is None:
        raise ValueError(f"{words[0]!r} given, before it the number of a notebook is wanted")
    return name, found


@contextmanager
def _stoppable() -> Iterator[None]:
    """Turn the signals that end a process into exceptions, so that kernels are ended on the way out."""

    def stop(number: int, frame: Any) -> None:
        raise SystemExit(128 + number)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [getattr(signal, name) for name in names] if threading.current_thread() is threading.main_thread() else []
    before = {number: signal.getsignal(number) for number in numbers}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup
            signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _site(command: argparse.ArgumentParser) -> None:
    command.add_argument("words", nargs="*", metavar="NOTEBOOK NAME=VALUE", help="one notebook, with other parameters")
    command.add_argument("--parameters", action="store_true", help="run nothing, only list what may be given")
    _common(command)


def _notebooks(command: argparse.ArgumentParser) -> None:
    command.add_argument("names", nargs="*", help="stems or numbers; all if none is given")
    runless = command.add_mutually_exclusive_group()
    runless.add_argument("--check", action="store_true", help="run nothing, only say what is out of step")
    runless.add_argument("--publish", action="store_true", help="run nothing, only write what the outputs say")
    _common(command)


def _sweep(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "words", nargs="*", metavar="NOTEBOOK NAME=VALUE,VALUE", help="the standard sweeps where none is given"
    )
    _common(command)


def _compare(command: argparse.ArgumentParser) -> None:
    for name in ("before", "after"):
        command.add_argument(name, help="a folder of reports or notebooks, or a git commit with its notebooks/")
    command.add_argument("--exit-code", action="store_true", help="exit with 1 if anything differs")
    command.add_argument("--root", type=Path, default=Path(), help="folder of notebooks/ and reports/")


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--root", type=Path, default=Path(), help="folder of notebooks/ and reports/")
    command.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help=f"of one cell; default {TIMEOUT:g}"
    )


COMMANDS = {
    "site": (_site, "run the notebooks that changed and build reports/index.html; the word may be left out"),
    "notebooks": (_notebooks, "refresh the outputs in notebooks/, verdicts.json and its tables"),
    "sweep": (_sweep, "run a notebook with every combination of some values: its verdicts over the grid"),
    "compare": (_compare, "say which verdicts, numbers, outputs and figures differ between two builds or commits"),
}


def fill(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Give a parser the sub-commands."""
    parser.description = __doc__
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (give, what) in COMMANDS.items():
        give(commands.add_parser(name, help=what))
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "python -m kdelab.report") -> int:
    """Run a sub-command, ``site`` if none is named; the exit code is 1 if anything went wrong."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] not in [["-h"], ["--help"], *([name] for name in COMMANDS)]:
        words = ["site", *words]
    given = fill(argparse.ArgumentParser(prog=prog)).parse_args(words)
    project = Project(given.root.resolve())
    try:
        with _stoppable():
            wrong = _done(project, given)
    except (ValueError, OSError) as error:
        wrong = [str(error)]
    except KeyboardInterrupt:
        return 130
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def _done(project: Project, given: argparse.Namespace) -> list[str]:
    # What a command needs is imported by it: drawing takes seconds to load.
    if given.command == "notebooks":
        if given.check:
            return published.problems(project)
        if given.publish:
            published.publish(project, map(cells.NotebookFile.read, cells.chosen(project.notebooks, ())))
            return []
        return refresh(project, given.names, given.timeout)
    if given.command == "compare":
        from kdelab.report.build.compare import compare

        differ = compare(project, given.before, given.after)
        return ["they differ"] if differ and given.exit_code else []
    name, asked = _asked(given.words)
    if given.command == "sweep":
        from kdelab.report.build.observe import sweep

        return sweep(project, name, asked, given.timeout)
    if given.parameters:
        print(listing.text(project, name))
        return []
    if name is None:
        from kdelab.report.build.site import build

        return build(project, given.timeout)
    from kdelab.report.build.observe import observe

    return observe(project, name, asked, given.timeout)


if __name__ == "__main__":
    sys.exit(main())
