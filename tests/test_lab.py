"""`make lab` opens copies of the notebooks: the committed ones stay as they are, and so does work on a copy."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 600  # seconds; a stuck server ends, a slow one doesn't fail


@pytest.fixture
def lab():
    if importlib.util.find_spec("jupyterlab") is None:
        pytest.skip("jupyterlab isn't installed")
    spec = importlib.util.spec_from_file_location("lab_script", ROOT / "tools" / "lab.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_copies_follow_the_notebooks_until_they_are_edited(lab, tmp_path):
    notebooks, copies = tmp_path / "notebooks", tmp_path / "lab"
    notebooks.mkdir()
    for name in ("00-a.ipynb", "01-b.ipynb"):
        (notebooks / name).write_text("first")
    assert lab.copied(notebooks, copies) == []
    (copies / "01-b.ipynb").write_text("mine")
    for name in ("00-a.ipynb", "01-b.ipynb"):
        (notebooks / name).write_text("second")
    assert lab.copied(notebooks, copies) == ["01-b.ipynb"]
    assert [(copies / name).read_text() for name in ("00-a.ipynb", "01-b.ipynb")] == ["second", "mine"]
    (copies / "01-b.ipynb").unlink()
    assert lab.copied(notebooks, copies) == []
    assert (copies / "01-b.ipynb").read_text() == "second"
    (copies / ".fresh" / "00-a.ipynb").unlink()
    assert lab.copied(notebooks, copies) == ["00-a.ipynb"], "a file of one's own that was never a copy"


@pytest.mark.parametrize(("user", "screen"), [(0, ""), (1000, ":0")])
def test_root_and_a_machine_without_a_screen_are_served_too(lab, tmp_path, monkeypatch, user, screen):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", screen)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    given = lab.options(tmp_path)
    assert ("--allow-root" in given, "--no-browser" in given) == (user == 0, not screen)


def test_a_server_has_00_and_the_committed_notebooks_stay_clean(lab, tmp_path):
    (tmp_path / "tools").mkdir()
    for part in ("notebooks", "docs", "kdelab"):
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / "tools" / "lab.py").write_bytes((ROOT / "tools" / "lab.py").read_bytes())
    private = {name: str(tmp_path / "own") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    command = [sys.executable, "tools/lab.py", "--port=0", "--no-browser"]
    with (tmp_path / "lab.log").open("w+") as log:
        server = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, **private}, stderr=log, stdout=log)
        try:
            address, token = _address(server, tmp_path / "lab.log")
            shown = _json(f"{address}/api/contents/lab/00-start-here.ipynb?token={token}")
            committed = json.loads((ROOT / "notebooks" / "00-start-here.ipynb").read_text())
            assert [cell["id"] for cell in shown["content"]["cells"]] == [cell["id"] for cell in committed["cells"]]
            assert _json(f"{address}/api/contents/docs/design.md?content=0&token={token}")["type"] == "file"
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(PATIENCE)


def _address(server, log):
    for _ in range(2 * PATIENCE):
        found = re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/lab/00-start-here\.ipynb\?token=(\w+)", log.read_text())
        if found:
            return found.groups()
        assert server.poll() is None, log.read_text()
        try:
            server.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(log.read_text())


def _json(address):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(address, timeout=PATIENCE) as answer:
        return json.load(answer)
