"""The files of fits: never damaged, never half a file, never two writers."""

import contextlib
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from interrupted_fits import ROOT, THIS_TREE, WAVES, gun, interrupted

from kdelab.learn import checkpoint


def changed(state: Any) -> Any:
    """Yield a file's text with each of its numbers, lists and texts changed, one at a time."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(value, (dict, list)) and len(places) < 400:
                walk(value)

    walk(state)
    for node, key in places:
        value = node[key]
        others: list[Any] = [None, "1.0", math.nan, math.inf, []]
        others += [value * 2 + 1, True, -1e300] if isinstance(value, (int, float)) else []
        others += [value[:-1], [*value, 0.5], value[::-1]] if isinstance(value, list) and value else []
        for other in others:
            if type(other) is not type(value) or repr(other) != repr(value):
                node[key] = other
                yield json.dumps(state)
        node[key] = value


def test_a_changed_file_is_refused_whatever_was_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "fit.json"
    with pytest.raises(KeyboardInterrupt):
        interrupted(5, monkeypatch, path)
    text = path.read_text()
    state = json.loads(text)
    assert set(state) == {"schema", "fingerprint", "rounds", "theta", "answers", "digest"}
    assert state["answers"]
    fingerprint = state["fingerprint"]
    tried = 0
    for other in changed(state):
        path.write_text(other)
        with pytest.raises(ValueError, match=f"checkpoint='{path}' .*remove it or name another file"):
            checkpoint.Checkpoint(path, fingerprint)
        tried += 1
    assert tried > 500
    for other in (
        "",
        "{",
        text[:100],
        text[:-1],
        "[]",
        "3",
        "null",
        "\x00",
        "[" * 100000,
        text.replace("theta", "beta"),
    ):
        path.write_text(other)
        with pytest.raises(ValueError, match=f"checkpoint='{path}' is not the state of a fit.*remove it or name"):
            gun().fit(WAVES, checkpoint=path)
        assert path.read_text() == other, "it is the user's, who may want to look at it"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match="is not the state of a fit"):
        gun().fit(WAVES, checkpoint=path)
    path.write_text(text)
    np.testing.assert_array_equal(gun().fit(WAVES, checkpoint=path).weights_, gun().fit(WAVES).weights_)


@pytest.mark.parametrize("schema", [None, 1, 2, 4, "3", [3]])
def test_other_schemas_are_refused_in_a_sentence(schema: Any, tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    old = {"fingerprint": "8a1f", "theta": [4.0] * 14, "rounds": []}
    path.write_text(json.dumps(old if schema is None else old | {"schema": schema}))
    with pytest.raises(
        ValueError, match=r"has schema (1|2|4|'3'|\[3\]) .* goes on from schema 3 only; remove it or name another file"
    ):
        gun().fit(WAVES, checkpoint=path)


HOLDS = """
import sys, time
from kdelab.learn.checkpoint import opened
with opened(sys.argv[1], {"waves": "1"}):
    print("holds", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holding(path: Path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=THIS_TREE,
    )
    try:
        assert process.stdout.readline() == "holds\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_two_processes_never_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "fit.json"
    link = tmp_path / "link.json"
    link.symlink_to(path)
    with holding(path) as process:
        for name in (path, link):
            with pytest.raises(ValueError, match=f"checkpoint='{name}' is in use by process {process.pid}; wait"):
                gun().fit(WAVES, checkpoint=name)
        gun().fit(WAVES, checkpoint=tmp_path / "other.json")
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (tmp_path / ".fit.json.lock").exists(), "a killed process can't tidy up"
        gun().fit(WAVES, checkpoint=link)  # and is in nobody's way
    assert link.is_symlink()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["fit.json", "link.json", "other.json"]
    with checkpoint.opened(path, json.loads(path.read_text())["fingerprint"]):  # another thread of this process
        with pytest.raises(ValueError, match=f"in use by process {os.getpid()}"):
            gun().fit(WAVES, checkpoint=path)
        assert (tmp_path / ".fit.json.lock").exists()


def test_half_written_files_of_killed_fits_are_removed_and_others_are_not(tmp_path: Path) -> None:
    for name in (".fit[1].json-a1b2c3_4.new", ".fit[1].json-mine", "fit[1].json-a1b2.new", ".fit1.json-a1b2c3_4.new"):
        (tmp_path / name).write_text("half")
    gun().fit(WAVES, checkpoint=tmp_path / "fit[1].json")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [
        ".fit1.json-a1b2c3_4.new", ".fit[1].json-mine", "fit[1].json", "fit[1].json-a1b2.new",
    ]  # fmt: skip


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted(handle: int) -> None:
        done.append("folder" if os.path.samestat(os.fstat(handle), tmp_path.stat()) else "file")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), replace(*paths)))
    state = checkpoint.Checkpoint(tmp_path / "fit.json", {})
    state.step(np.ones(3))
    assert done == ["file", "name", "folder"]


def test_places_that_cannot_hold_a_file(tmp_path: Path) -> None:
    for path, message in (
        (tmp_path, "is a folder"),
        (tmp_path / "none" / "fit.json", "cannot be written"),
        (ROOT / "README.md" / "fit.json", "cannot be written"),
        ("", "must be the path of a file"),
        (3, "must be the path of a file"),
    ):
        with pytest.raises(ValueError, match=f"checkpoint.*{message}"):
            gun().fit(WAVES, checkpoint=path)
