"""The example of docs/networks.md in JAX runs as it stands there."""

import re
from pathlib import Path

TEXT = (Path(__file__).parents[3] / "docs" / "networks.md").read_text()


def test_the_example_of_the_page():
    (source,) = re.findall(r"^```python jax\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    exec(compile(source, "docs/networks.md", "exec"), {})
