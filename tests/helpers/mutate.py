"""Edit the library at random, one place at a time, and see which edits the unit tests don't notice: `make mutants`.

An edit is of one operator, constant, min or max, or a dropped ``- 1``, picked with a seed from all of `kdelab.loss`,
`kdelab.learn` and `kdelab.gun` (but for what records battles, which takes Robocode).  A scratch copy of the tree is run
against the test modules that mention what the edited module defines, up to the first failure.  Survivors are for people
to judge: some edits change nothing (a tolerance, a step of memory), the others want a test.
"""

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
WITHOUT = {
    "arena.py",
    "campaign.py",
    "compiling.py",
    "hosting.py",
    "installation.py",
    "listener.py",
    "listening.py",
    "robots.py",
    "record.py",
    "robocode.py",
    "provenance.py",
    "__main__.py",
    "__init__.py",
}
NOT_UNIT = re.compile(
    r"test_(verdict|report|published|pages|explore|house|other_parameters|wrong|record|campaign|misbehaviour|bench)"
)
OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    **{ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!=")},
    **{ast.NotEq: ("!=", "=="), ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "/"), ast.Div: ("/", "*")},
    **{ast.And: ("and", "or"), ast.Or: ("or", "and")},
}
SWAPS = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum", "argmin": "argmax", "argmax": "argmin"}
FRONTS = {"engines": "CrossEntropy", "scattered": "TwoPass", "gun": "NeighbourModel"}  # what tests call instead
LIMIT = 900  # seconds; an edit may make a loop endless


class Edit(NamedTuple):
    """Replace text[start:end] of a file."""

    path: Path
    line: int
    start: int
    end: int
    new: str


def edits(path: Path) -> Iterator[Edit]:
    """Yield every edit of a file that this campaign knows."""
    text = path.read_text()
    begins = [0, *(match.end() for match in re.finditer("\n", text))]
    tree = ast.parse(text)
    skipped = {  # messages and annotations
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.arg | ast.AnnAssign)
        for root in ([node.annotation] if isinstance(node, ast.AnnAssign | ast.arg) else [node])
        if root is not None
        for inner in ast.walk(root)
    }

    def at(line: int, column: int) -> int:
        return begins[line - 1] + len(text[begins[line - 1] :].encode()[:column].decode())

    def span(node: ast.expr) -> tuple[int, int]:
        return at(node.lineno, node.col_offset), at(node.end_lineno or 0, node.end_col_offset or 0)

    def between(left: ast.expr, right: ast.expr, operator: ast.AST) -> Iterator[Edit]:
        old, new = OPERATORS.get(type(operator), ("", ""))
        begin, end = span(left)[1], span(right)[0]
        place = text.find(old, begin, end)
        if old and place >= 0:
            yield Edit(path, left.end_lineno or 0, place, place + len(old), new)

    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.BinOp):
            yield from between(node.left, node.right, node.op)
            if (
                isinstance(node.op, ast.Sub | ast.Add)
                and isinstance(node.right, ast.Constant)
                and node.right.value == 1
            ):
                yield Edit(path, node.lineno, span(node.left)[1], span(node.right)[1], "")
        elif isinstance(node, ast.Compare):
            for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators, strict=False):
                yield from between(left, right, operator)
        elif isinstance(node, ast.BoolOp):
            yield from between(node.values[0], node.values[1], node.op)
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            value: Any = node.value
            changed = value + 1 if isinstance(value, int) else value * 1.05 or 1.0
            yield Edit(path, node.lineno, *span(node), repr(changed))
        elif isinstance(node, ast.Attribute | ast.Name):
            name = node.attr if isinstance(node, ast.Attribute) else node.id
            if name in SWAPS:
                yield Edit(path, node.end_lineno or 0, span(node)[1] - len(name), span(node)[1], SWAPS[name])


def tests_of(path: Path) -> list[str]:
    """Return the test modules that mention what a module defines, those that mention most of it first."""
    tree = ast.parse(path.read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)} - {"log", "main"}
    names = {name for name in names if not name.startswith("_")} | {path.stem}
    names |= {front for part, front in FRONTS.items() if part in path.parts}
    found = {}
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        text = test.read_text()
        suits = (
            {"gun", "learn"} & set(path.parts)
            or "kdelab.loss" in text
            or not re.search("kdelab.gun|NeighbourModel", text)
        )
        if suits and not NOT_UNIT.match(test.name):
            found[str(test.relative_to(ROOT))] = len(names & set(re.findall(r"\w+", text)))
    return sorted((name for name, count in found.items() if count), key=lambda name: -found[name])


class Scratch:
    """A copy of the tree with compiled code of its own, both fresh for every edit."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.cache, self.warm = folder / "tree", folder / "cache", folder / "warm"
        self.warm.mkdir()

    def run(self, tests: list[str], edit: Edit | None = None) -> str:
        """Return the name of the first test that fails, "" where none does."""
        for folder in (self.tree, self.cache):
            shutil.rmtree(folder, ignore_errors=True)
        left = shutil.ignore_patterns(".*", "reports", "notebooks", "__pycache__")
        shutil.copytree(ROOT, self.tree, ignore=left)
        shutil.copytree(self.warm, self.cache)
        if edit:
            text = edit.path.read_text()
            self.tree.joinpath(edit.path.relative_to(ROOT)).write_text(text[: edit.start] + edit.new + text[edit.end :])
        threads = {f"{name}_NUM_THREADS": "1" for name in ("NUMBA", "OMP", "OPENBLAS")}
        environment = os.environ | threads | {"PYTHONPATH": str(self.tree), "NUMBA_CACHE_DIR": str(self.cache)}
        command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
        try:
            done = subprocess.run(
                command, cwd=self.tree, env=environment, capture_output=True, text=True, timeout=LIMIT if edit else None
            )
        except subprocess.TimeoutExpired:
            return f"more than {LIMIT} s"
        if edit is None:
            shutil.rmtree(self.warm)
            shutil.copytree(self.cache, self.warm)
        if done.returncode == 0:
            return ""
        named = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.M)
        return named[1] if named else done.stdout[-200:] + done.stderr[-200:]


def main() -> int:
    """Run a campaign; print each edit with what noticed it, then the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=60, help="how many edits, default 60")
    parser.add_argument("--seed", type=int, default=0, help="picks them, default 0")
    parser.add_argument("--only", default="", help="a pattern in the path of the modules to edit")
    arguments = parser.parse_args()
    modules = [path for wing in ("loss", "learn", "gun") for path in sorted((ROOT / "kdelab" / wing).rglob("*.py"))]
    modules = [path for path in modules if path.name not in WITHOUT]
    known = [edit for path in modules if re.search(arguments.only, str(path)) for edit in edits(path)]
    chosen = random.Random(arguments.seed).sample(known, min(arguments.count, len(known)))
    noticed = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Scratch(Path(folder))
        problem = scratch.run(sorted({test for edit in chosen for test in tests_of(edit.path)}))
        if problem:
            print(f"without any edit: {problem}")
            return 1
        for edit in chosen:
            by = scratch.run(tests_of(edit.path), edit)
            noticed += bool(by)
            text = edit.path.read_text()
            line = text.splitlines()[edit.line - 1].strip()
            where = f"{edit.path.relative_to(ROOT)}:{edit.line}"
            old = text[edit.start : edit.end].strip()
            print(f"{'noticed ' if by else 'SURVIVED'} {where} {old!r} -> {edit.new!r} in: {line}  [{by}]", flush=True)
    print(f"{noticed} of {len(chosen)} edits noticed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
