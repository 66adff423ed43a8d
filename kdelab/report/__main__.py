"""Command line: ``site`` builds the reports, ``notebooks`` refreshes committed outputs and published verdicts."""

import argparse
import math
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kdelab.report.build import cells, parameters, published
from kdelab.report.build.client import TIMEOUT
from kdelab.report.build.project import Project
from kdelab.report.build.refresh import refresh


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} given, wanted is NAME=VALUE")
    try:
        return name, parameters.parsed(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{name}: {error}") from None


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} given, wanted is a number of seconds above 0")
    return seconds


def _once(given: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"--parameters: {', '.join(twice)} given twice")
    return dict(given)


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


def fill(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Give a parser the sub-commands."""
    parser.description = __doc__
    commands = parser.add_subparsers(dest="command", required=True)
    site = commands.add_parser("site", help="run the notebooks that changed and build reports/index.html")
    site.add_argument("notebook", nargs="?", help="one notebook only, to run it with other parameters")
    site.add_argument("--parameters", nargs="+", type=_parameter, metavar="NAME=VALUE", default=[])
    notebooks = commands.add_parser("notebooks", help="refresh the outputs in notebooks/, verdicts.json and its tables")
    notebooks.add_argument("names", nargs="*", help="stems or numbers; all if none is given")
    runless = notebooks.add_mutually_exclusive_group()
    runless.add_argument("--check", action="store_true", help="run nothing, only say what is out of step")
    runless.add_argument("--publish", action="store_true", help="run nothing, only write what the outputs say")
    for command in (site, notebooks):
        command.add_argument("--root", type=Path, default=Path(), help="folder of notebooks/ and reports/")
        command.add_argument(
            "--timeout", type=_seconds, default=TIMEOUT, metavar="SECONDS", help=f"of one cell; default {TIMEOUT:g}"
        )
    return parser


def main(arguments: Sequence[str] | None = None, prog: str = "python -m kdelab.report") -> int:
    """Run a sub-command; the exit code is 1 if anything went wrong."""
    given = fill(argparse.ArgumentParser(prog=prog)).parse_args(arguments)
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
    if given.command == "notebooks":
        if given.check:
            return published.problems(project)
        if given.publish:
            published.publish(project, map(cells.NotebookFile.read, cells.chosen(project.notebooks, ())))
            return []
        return refresh(project, given.names, given.timeout)
    from kdelab.report.build.site import build, observe

    if given.notebook:
        return observe(project, given.notebook, _once(given.parameters), given.timeout)
    if given.parameters:
        raise ValueError("--parameters: needs the name of one notebook")
    return build(project, given.timeout)


if __name__ == "__main__":
    sys.exit(main())
