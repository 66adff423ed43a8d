"""Command line: ``site`` builds the reports, ``notebooks`` refreshes committed outputs and published verdicts."""

import argparse
import ast
import sys
from pathlib import Path
from typing import Any

from kdelab.report import published
from kdelab.report.runs import Project


def _parameter(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(f"{text!r} given, wanted is NAME=VALUE")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value  # bare text, such as a path, needs no quotes


def main(arguments: list[str] | None = None) -> int:
    """Run a sub-command; the exit code is 1 if anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m kdelab.report", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    site = commands.add_parser("site", help="run the notebooks that changed and build reports/index.html")
    site.add_argument("notebook", nargs="?", help="one notebook only, to run it with other parameters")
    site.add_argument("--parameters", nargs="+", type=_parameter, metavar="NAME=VALUE", default=[])
    notebooks = commands.add_parser("notebooks", help="refresh the outputs in notebooks/, verdicts.md and the README")
    notebooks.add_argument("names", nargs="*", help="stems or numbers; all if none is given")
    notebooks.add_argument("--check", action="store_true", help="run nothing, only say what is out of step")
    for command in (site, notebooks):
        command.add_argument("--root", type=Path, default=Path(), help="folder of notebooks/ and reports/")
    given = parser.parse_args(arguments)
    project = Project(given.root.resolve())
    try:
        if given.command == "notebooks":
            wrong = published.problems(project) if given.check else published.refresh(project, given.names)
        else:
            from kdelab.report.site import build, observe

            if given.notebook:
                wrong = observe(project, given.notebook, dict(given.parameters))
            elif given.parameters:
                raise ValueError("--parameters: needs the name of one notebook")
            else:
                wrong = build(project)
    except ValueError as error:
        wrong = [str(error)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
