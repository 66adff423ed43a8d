"""The recipes of docs/extending.md work as they stand there."""

import importlib
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECTIONS = re.split(r"^## ", (ROOT / "docs" / "extending.md").read_text(), flags=re.MULTILINE)[1:]
BLOCKS = {
    section.partition("\n")[0]: re.findall(r"^```python\n# (\S+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for section in SECTIONS
}


def module(path: str):
    """Return the module of a file of this project."""
    if path.startswith("tests/"):
        sys.path.insert(0, str((ROOT / path).parent))
        try:
            return importlib.import_module(Path(path).stem)
        finally:
            del sys.path[0]
    return importlib.import_module(path.removesuffix(".py").replace("/", "."))


@pytest.mark.parametrize("section", ["A rival loss", "A gun", "A feature"])
def test_a_recipe_adds_what_it_says_and_its_test_passes(section, monkeypatch):
    tested = 0
    for path, source in BLOCKS[section]:
        home = module(path)
        space = dict(vars(home))
        exec(compile(source, path, "exec"), space)
        for name in re.findall(r"^(?:class|def) (\w+)", source, re.MULTILINE):
            if name.startswith("test_"):
                space[name]()
                tested += 1
            else:
                monkeypatch.setattr(home, name, space[name], raising=False)
    assert tested


MADE = {"tests/claims/test_verdict_20.py", "kdelab/loss/kernels/sech.py"}  # by who follows the recipes


@pytest.mark.parametrize(
    "document", ["docs/design.md", "docs/extending.md", "CONTRIBUTING.md", "README.md", "CHANGELOG.md"]
)
def test_every_file_that_a_document_names_is_there(document):
    text = (ROOT / document).read_text()
    named = set(re.findall(r"(?:kdelab|tests|docs)/[\w/]+\.\w+", text)) - MADE
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
