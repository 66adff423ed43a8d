"""Compiled code's cache on disk: broken, full or impossible, it costs time and nothing else."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from kdelab.loss.runtime import compiled

ROOT = Path(__file__).parents[2]
SMALL = "def twice(x):\n    return 2.0 * x\n"  # stands for all, since the helper that compiles is one
WINGS = "import kdelab.loss.cross_entropy, kdelab.gun.waves.from_turns, kdelab.gun.model"


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A function in a module of its own, to be compiled anew as often as one likes, and its cache in tmp_path."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "small.py").write_text(SMALL)
    spec = importlib.util.spec_from_file_location("small", tmp_path / "small.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "small", module)
    spec.loader.exec_module(module)
    return module.twice


def found_in_cache(function) -> bool:
    """Compile or load, call, and say which it was."""
    dispatcher = compiled(function)
    assert dispatcher(21.0) == 42.0
    return sum(dispatcher.stats.cache_hits.values()) == 1


def cut_to(size):
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def zeroed(path):
    """As after a crash of the machine: the right length, and nothing in the second half."""
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes(len(content) - half))


def foreign(path):
    path.write_bytes(b"cos\nno_such_name\n.")


def a_folder(path):
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [cut_to(0), cut_to(10), cut_to(-1), flipped, zeroed, foreign, a_folder])
def test_a_damaged_cache_is_compiled_again_and_healed(small, tmp_path, damage, suffix):
    assert not found_in_cache(small)
    assert found_in_cache(small)
    (path,) = (tmp_path / "cache").rglob(f"*.{suffix}")
    damage(path)
    assert not found_in_cache(small) or damage is flipped  # a bit of the index may be one that nothing reads
    assert found_in_cache(small) or damage is a_folder


def test_a_cache_is_stale_when_another_module_of_the_folder_has_changed(small, tmp_path, monkeypatch):
    assert not found_in_cache(small)
    assert found_in_cache(small)
    monkeypatch.setattr("kdelab.loss.runtime._stamp", lambda folder: "another")
    assert not found_in_cache(small)


@pytest.mark.parametrize("full_from", [0, 200], ids=["from the first byte", "from the first file of code"])
def test_a_full_disk(small, tmp_path, full_from):
    """A process that can write no byte, or none but an index, to any file: the limit gives EFBIG as a disk ENOSPC."""
    python(
        f"""
import importlib.util, resource, sys
sys.path.insert(0, {str(tmp_path)!r})
import small
from kdelab.loss.runtime import compiled
resource.setrlimit(resource.RLIMIT_FSIZE, ({full_from}, {full_from}))
assert compiled(small.twice)(21.0) == 42.0
""",
        NUMBA_CACHE_DIR=str(tmp_path / "cache"),
    )
    assert not list((tmp_path / "cache").rglob("*.nbc"))


def test_nowhere_to_write_a_cache(small, tmp_path, monkeypatch):
    """Neither beside the source nor at home: files stand where folders would have to be."""
    nowhere = tmp_path / "a file"
    nowhere.touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(nowhere))
    monkeypatch.setattr("numba.core.caching.InTreeCacheLocator.get_cache_path", lambda self: str(nowhere))
    monkeypatch.setattr("numba.core.caching.UserWideCacheLocator.get_cache_path", lambda self: str(nowhere))
    assert not found_in_cache(small)
    assert not found_in_cache(small)


def test_the_folder_goes_away_between_import_and_first_call(small, tmp_path):
    dispatcher = compiled(small)
    for folder in sorted((tmp_path / "cache").rglob("*"), reverse=True):
        folder.rmdir()
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").touch()
    assert dispatcher(21.0) == 42.0


def test_a_numba_without_the_private_attribute_compiles_in_every_process(small, monkeypatch):
    monkeypatch.setattr("kdelab.loss.runtime.hasattr", lambda thing, name: False, raising=False)
    assert not found_in_cache(small)
    assert not found_in_cache(small)


def test_every_wing_is_imported_where_nothing_can_be_cached():
    """As in an install that is read-only, for a user without a home: numba finds no place at all."""
    python(f"import numba.core.caching as caching; caching.CacheImpl._locator_classes = []; {WINGS}")


def test_nothing_is_compiled_but_through_the_one_helper():
    """numba's own `cache=True` breaks where nothing can be cached, and on a broken cache."""
    sources = {path: path.read_text() for wing in ("loss", "gun") for path in (ROOT / "kdelab" / wing).rglob("*.py")}
    assert [path.name for path, text in sources.items() if "cache=True" in text] == []
    assert [path.name for path, text in sources.items() if "njit" in text and path.parent.name == "gun"] == []


def python(code: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, text=True,
        capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
