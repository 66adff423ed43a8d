"""What a page tells its reader to run is run as it stands there, or listed here with the reason why not."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from documents import BLOCKS, PAGES, ROOT, block, checkout, outside, shell

import kdelab

PATIENCE = 1200  # seconds

#: Page and first words of what no test runs as it stands, and why.
NOT_RUN = {
    ("CONTRIBUTING.md", "make env "): "calls the tests themselves, and takes hours",
    ("docs/gun.md", "sudo apt-get"): "installs a system's packages",
    ("docs/gun.md", "kdelab gun robot untrained"): "a quarter of an hour of battles; run with fewer of them below",
    ("docs/networks.md", "pip install"): "gigabytes; `make test-torch` builds such an environment",
    ("docs/scale.md", "pip install"): "servers that don't end, on several machines; tests/frameworks/distributed starts some",
    ("docs/scale.md", "kdelab gun record"): "the same machines; tests/frameworks/distributed records by workers",
}
#: Page and first words of lines for a shell that are run below.
RUN = [
    ("README.md", "git clone"),
    ("README.md", ".venv/bin/kdelab"),
    ("README.md", "python3 -m venv"),
    ("README.md", "pip install"),
    ("CONTRIBUTING.md", ".venv/bin/python -m pip"),
    ("docs/gun.md", "python3 -m venv"),
    ("docs/gun.md", "kdelab gun check"),
    ("docs/logs.md", "kdelab gun check"),
    ("docs/loss.md", "pip install"),
]
#: Which tests run a page's Python, by what stands behind the fence.
PYTHON = {
    ("README.md", "python"): "tests/test_documents.py",
    ("docs/gun.md", "python"): "tests/test_documents.py",
    ("docs/loss.md", "python"): "tests/test_documents.py",
    ("docs/logs.md", "python"): "tests/test_documents.py",
    ("docs/extending.md", "python"): "tests/test_extending.py",
    ("docs/networks.md", "python"): "tests/frameworks/torch/test_torch_examples.py",
    ("docs/networks.md", "python jax"): "tests/frameworks/jax/test_jax_examples.py",
    ("docs/regression.md", "python"): "tests/test_regression_docs.py",
    ("docs/scale.md", "python"): "tests/test_examples.py",
    ("docs/scale.md", "python dask"): "tests/frameworks/distributed/test_distributed_examples.py",
    ("docs/tables.md", "python"): "tests/test_examples.py",
}
SHOWN = {"", "csv"}  # what is to be looked at, not run


def test_every_block_is_run_or_has_its_reason():
    named = [*NOT_RUN, *RUN]
    for one in BLOCKS:
        if one.language in ("sh", "bash", "console", "shell"):
            ways = [start for page, start in named if page == one.page and one.text.startswith(start)]
            assert len(ways) == 1, f"{one.page}, {one.first!r}: in both lists, or in none"
        elif one.language not in SHOWN:
            assert (one.page, one.language) in PYTHON, f"{one.page}, {one.first!r}: no test runs it"
    for page, start in named:
        assert block(page, start)
    for (page, language), test in PYTHON.items():
        assert any(one.page == page and one.language == language for one in BLOCKS)
        assert Path(page).stem in (ROOT / test).read_text()
    assert len(NOT_RUN) < 10


def test_a_block_without_a_fence_is_none():
    commands = re.compile(r"^ {4}(?:make|pip|kdelab|dask|git|python3?|\.venv/\S+) .*$", re.MULTILINE)
    assert {page: commands.findall((ROOT / page).read_text()) for page in PAGES} == {page: [] for page in PAGES}


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) < 900
    assert text.index("docs/fan.png") < text.index("tally:begin") < text.index("```sh") < text.index("\n## ")


@pytest.mark.parametrize(("page", "said"), [("README.md", "["), ("docs/loss.md", "Clusters"), ("docs/gun.md", "LearnedWeights")])
def test_the_python_of_a_page_runs(page, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for one in BLOCKS:
        if one.page == page and one.language == "python":
            exec(compile(one.text, page, "exec"), {})
    assert said in capsys.readouterr().out


def my_log(folder: Path) -> None:
    """A robot's log, as docs/logs.md describes it: some of what is shipped."""
    waves = kdelab.load_waves()
    few = waves[waves["battle"].isin(waves["battle"].unique()[:4])]
    few.to_csv(folder / "mine.csv", index=False)


def test_the_lines_of_the_page_on_logs(tmp_path, capsys, monkeypatch):
    my_log(tmp_path)
    script = "import sys; from kdelab.__main__ import main; sys.exit(main())"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "kdelab").write_text(f"#!/bin/sh\nexec {sys.executable} -c '{script}' \"$@\"\n")
    (tmp_path / "bin" / "kdelab").chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), env.get("PYTHONPATH")]))
    shell(block("docs/logs.md", "kdelab gun check"), tmp_path, env)
    monkeypatch.chdir(tmp_path)
    exec(compile(block("docs/logs.md", "import kdelab"), "docs/logs.md", "exec"), {})
    assert "class Weights" in capsys.readouterr().out
