"""The examples in docstrings show what comes out."""

import doctest

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
