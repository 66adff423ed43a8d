"""The examples of docs/networks.md and kdelab.torch's docstrings run as they stand there."""

import doctest
import re
from pathlib import Path

import pytest
import torch

import kdelab

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "networks.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page(capsys):
    assert len(BLOCKS) == 3
    space = {}
    torch.manual_seed(0)
    for source in BLOCKS:
        exec(compile(source, "docs/networks.md", "exec"), space)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["16", "bandwidth", "loss"]


@pytest.mark.parametrize("name", kdelab.torch.__all__)
def test_the_examples_of_docstrings(name):
    found = doctest.DocTestFinder(recurse=False).find(
        getattr(kdelab.torch, name), name, globs={"kdelab": kdelab, "torch": torch}
    )
    told = []
    for example in found:
        doctest.DocTestRunner().run(example, out=told.append)
    assert told == []
