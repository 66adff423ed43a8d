"""The examples of docs/networks.md in JAX and of kdelab.jax's docstring run as they stand there."""

import doctest
import re
from pathlib import Path

import jax
import jax.numpy as jnp

import kdelab

TEXT = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()


def test_the_example_of_the_page():
    (source,) = re.findall(r"^```python jax\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(source, "docs/networks.md", "exec"), {})


def test_the_example_of_the_docstring():
    told: list[str] = []
    space = {"kdelab": kdelab, "jax": jax, "jnp": jnp}
    (example,) = doctest.DocTestFinder(recurse=False).find(kdelab.jax.cross_entropy, "cross_entropy", globs=space)
    jax.config.update("jax_enable_x64", False)  # as users have it
    try:
        doctest.DocTestRunner().run(example, out=told.append)
    finally:
        jax.config.update("jax_enable_x64", True)
    assert example.examples
    assert told == []
