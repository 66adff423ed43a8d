"""The examples of docs/scale.md that take Dask run as they stand there, after those that don't."""

import doctest
import re
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[3] / "docs" / "scale.md").read_text()
BLOCKS = re.findall(r"^```python(?: dask)?\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_page(tmp_path, monkeypatch):
    assert len(BLOCKS) == 3
    example = doctest.DocTestParser().get_doctest("".join(BLOCKS), {}, "docs/scale.md", None, 0)
    monkeypatch.chdir(tmp_path)
    told: list[str] = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert told == []


def test_dask_is_imported_where_an_address_is_given_and_not_before():
    script = "import sys, kdelab; kdelab.distributed; print('distributed' in sys.modules, 'dask' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
