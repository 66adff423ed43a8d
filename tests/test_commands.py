"""docs/commands.md says what each target of the Makefile does, for those who have no make."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROWS = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", (ROOT / "docs" / "commands.md").read_text(), re.MULTILINE))
OUTER = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # of the make that runs these tests
TARGETS = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0].split()
FIRST = {"test": "lint"}  # whose commands come first, and are not told again
IN_PROSE = {"help", "clean"}


def commands(target: str) -> list[str]:
    """What make would run of Python, as a shell without make takes it."""
    own = [] if target == "env" else ["PYTHON=python"]
    outside = {name: value for name, value in os.environ.items() if name not in OUTER}
    run = ["make", "-n", "-B", target, "BASE=python", *own]
    said = subprocess.run(run, cwd=ROOT, env=outside, capture_output=True, text=True, check=True).stdout
    lines = said.replace("\\\n", "").splitlines()
    each = [" ".join(re.sub(r"^\s*(?:[A-Z_]+=\S+ )*", "", part).split()) for line in lines for part in line.split("&&")]
    return [one for one in each if one and not one.startswith(("rm ", "mv ", "true", "make"))]


def test_the_table_has_every_target():
    assert list(ROWS) == [name for name in TARGETS if name != "help"]


@pytest.mark.parametrize("target", [name for name in TARGETS if name not in IN_PROSE])
def test_a_target_s_row_says_what_make_does(target):
    before = commands(FIRST[target]) if target in FIRST else []
    wanted = commands(target)
    assert wanted[: len(before)] == before
    assert re.findall(r"`([^`]+)`", ROWS[target].replace(f"`{FIRST.get(target)}`", "")) == wanted[len(before) :]
