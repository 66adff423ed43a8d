"""What a page tells its reader to run is run as it stands there, or listed here with the reason why not."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from documents import BLOCKS, PAGES, ROOT, block, checkout, outside, shell
from engine import MISSING_FOR_ROBOTS
from made_up_battles import duel

import kdelab
from kdelab.gun.battles.turns import HIT_WALL, write_logs

PATIENCE = 1200  # seconds

#: Page and first words of what no test runs as it stands, and why.
NOT_RUN = {
    ("CONTRIBUTING.md", "make env "): "calls the tests themselves, and takes hours",
    ("docs/gun.md", "sudo apt-get"): "installs a system's packages",
    ("docs/gun.md", "kdelab gun robot untrained"): "a quarter of an hour of battles; run with fewer of them below",
    ("docs/networks.md", "pip install"): "gigabytes; `make test-torch` builds such an environment",
    (
        "docs/scale.md",
        "pip install",
    ): "servers that don't end, on many machines; tests/frameworks/distributed starts some",
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
    ("docs/reports.md", "kdelab report --parameters"),
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


@pytest.mark.parametrize(
    ("page", "said"), [("README.md", "["), ("docs/loss.md", "Clusters"), ("docs/gun.md", "LearnedWeights")]
)
def test_the_python_of_a_page_runs(page, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for one in BLOCKS:
        if one.page == page and one.language == "python":
            exec(compile(one.text, page, "exec"), {})
    assert said in capsys.readouterr().out


def my_log(folder: Path) -> None:
    """A robot's log, as docs/logs.md describes it: some of what is shipped."""
    waves = kdelab.load_waves()
    few = waves[waves["battle"].isin(waves["battle"].unique()[:2]) & (waves["round"] < 16)]
    few.to_csv(folder / "mine.csv", index=False)


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def away(tmp_path_factory):
    """The environment of somebody who has nothing yet, and finds this working tree where the pages say it is."""
    return outside(checkout(tmp_path_factory.mktemp("origin")))


@pytest.mark.slow
@pytest.mark.xdist_group("documents")
def test_a_reader_s_commands(tmp_path, away):
    jupyter = {name: str(tmp_path / "own") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    log = tmp_path / "said"
    lines = ["bash", "-euo", "pipefail", "-c", block("README.md", "git clone")]
    with log.open("w") as told:
        reader = subprocess.Popen(
            lines, cwd=tmp_path, env={**away, **jupyter}, stdout=told, stderr=told, start_new_session=True
        )
    try:
        address, token = first_notebook(reader, log)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{address}/api/contents/lab/00-start-here.ipynb?token={token}", timeout=PATIENCE) as answer:
            assert json.load(answer)["type"] == "notebook"
    finally:
        os.killpg(reader.pid, signal.SIGTERM)
        reader.wait(PATIENCE)
    clone = tmp_path / "kdelab"
    assert "17-in-a-network" in (clone / "reports" / "index.html").read_text()
    shell(block("README.md", ".venv/bin/kdelab"), clone, away)
    assert len(list((clone / "reports").glob("observations/06*.html"))) == 1
    shell("git -c user.name=reader -c user.email=reader@localhost commit --quiet --allow-empty -m second", clone, away)
    activated = {**away, "PATH": os.pathsep.join([str(clone / ".venv" / "bin"), away["PATH"]])}
    told = shell(block("docs/reports.md", "kdelab report --parameters"), clone, activated)
    assert "none of 18 notebooks differ" in told
    assert len(list((clone / "reports" / "sweeps").glob("06-*.html"))) == 2
    shell(block("CONTRIBUTING.md", ".venv/bin/python -m pip"), clone, away)
    assert "pre-commit" in (clone / ".git" / "hooks" / "pre-commit").read_text()
    assert shell("git status --porcelain", clone, away) == ""


def first_notebook(reader: subprocess.Popen, log: Path) -> tuple[str, str]:
    """Wait until Lab says where it is; return its address and token."""
    for _ in range(PATIENCE):
        if found := re.search(
            r"(http://127\.0\.0\.1:\d+)/lab/tree/lab/00-start-here\.ipynb\?token=(\w+)", log.read_text()
        ):
            return found[1], found[2]
        assert reader.poll() is None, log.read_text()[-4000:]
        time.sleep(1)
    raise AssertionError(log.read_text()[-4000:])


@pytest.mark.slow
@pytest.mark.xdist_group("documents")
def test_a_gun_author_s_commands(tmp_path, away):
    my_log(tmp_path)
    shell(block("README.md", "python3 -m venv"), tmp_path, away)
    assert list((tmp_path / "robots").rglob("Weights.java"))
    assert kdelab.NeighbourModel.from_json((tmp_path / "gun.json").read_text()).weights_.size


@pytest.mark.slow
@pytest.mark.xdist_group("documents")
def test_the_commands_of_the_page_on_guns(tmp_path, away):
    my_log(tmp_path)
    write_logs(tmp_path / "logs.npz", [duel(bullets=[(0, 20, 0.8, HIT_WALL, 60)])])
    lines = [block("docs/gun.md", start) for start in ("python3 -m venv", "kdelab gun check")]
    if not MISSING_FOR_ROBOTS:
        enemies = r"(?: \\\n )? --enemy sample\.(?!Crazy|SpinBot)\w+"
        fewer = re.sub(enemies, "", block("docs/gun.md", "kdelab gun robot untrained"))
        for usual, small in (("--seeds 1 2", "--seeds 1 --rounds 8"), ("--battles 40", "--battles 2 --rounds 3")):
            assert usual in fewer
            fewer = fewer.replace(usual, small)
        lines.append(fewer)
    shell("".join(lines), tmp_path, away)
    assert (tmp_path / "mine.parquet").exists()
    assert (tmp_path / "duel.csv").exists() == (len(lines) > 2)


@pytest.mark.slow
@pytest.mark.xdist_group("documents")
def test_the_commands_of_who_trains_models(tmp_path, away):
    install = block("README.md", "pip install")
    assert install == block("docs/loss.md", "pip install")
    (tmp_path / "lines.py").write_text(block("README.md", "import numpy"))
    shell(f"python3 -m venv own && . own/bin/activate\n{install}python lines.py\n", tmp_path, away)
