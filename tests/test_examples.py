"""The examples in docstrings and on pages show what comes out."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import kdelab

PUBLIC = [name for name in kdelab.__all__ if isinstance(getattr(kdelab, name), type)]
FOUND = {
    example.name: example
    for name in PUBLIC
    for example in doctest.DocTestFinder(exclude_empty=True).find(
        getattr(kdelab, name), name, globs={"kdelab": kdelab, "np": np}
    )
    if example.examples
}


@pytest.mark.parametrize("name", FOUND)
def test_an_example_in_a_docstring_shows_what_comes_out(name):
    told: list[str] = []
    doctest.DocTestRunner().run(FOUND[name], out=told.append)
    assert told == []


@pytest.mark.parametrize("name", ["Clusters", "CrossEntropy", "KernelDensityRegressor", "NeighbourModel", "TwoPass"])
def test_what_one_meets_first_has_an_example(name):
    assert name in FOUND


@pytest.mark.parametrize("page", ["tables", "scale"])
def test_the_examples_of_a_page_show_what_comes_out(page, tmp_path, monkeypatch):
    text = (Path(__file__).parents[1] / "docs" / f"{page}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    example = doctest.DocTestParser().get_doctest("".join(blocks), {}, f"docs/{page}.md", None, 0)
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    assert len(example.examples) > 8
    doctest.DocTestRunner().run(example, out=told.append)
    assert told == []
