"""`make env`: built once, by one process at a time, and again where it was cut short."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
UV = "uv==0.9 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n"
PIP = "[global]\nindex-url = https://one/simple\nextra-index-url = https://two/simple\n    https://three/simple\n"
GROUPS = '[dependency-groups]\nfast = ["fast==1.0", "faster==2.0"]\n'


@pytest.fixture
def env(tmp_path, monkeypatch):
    """The script at work on a project of two files, whose steps are taken down and not taken."""
    spec = importlib.util.spec_from_file_location("env_script", ROOT / "tools" / "env.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / ".venv").mkdir()
    lock = f"numpy==2.0 \\\n    --hash=sha256:1\n{UV}zmq==1 \\\n    --hash=sha256:4\n"
    for name, file, text in (("LOCK", "requirements.lock", lock), ("PROJECT", "pyproject.toml", GROUPS)):
        (tmp_path / file).write_text(text)
        monkeypatch.setattr(script, name, tmp_path / file)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setattr(script.Environment, "indexes", lambda self: [])
    monkeypatch.setattr(script, "steps", [], raising=False)
    monkeypatch.setattr(script, "fails", "", raising=False)

    def step(self, what, *command):
        self.folder.mkdir(exist_ok=True)
        script.steps.append((what, command))
        return not script.fails or script.fails not in what

    monkeypatch.setattr(script.Environment, "does", step)
    return script


def whats(env):
    done = [what.split(",")[0] for what, _ in env.steps]
    env.steps.clear()
    return done


def test_it_is_built_once_and_again_when_the_lock_changes(env):
    env.main()
    built = ["an empty environment in .venv", "uv", "what requirements.lock pins", "bytecode", "kdelab itself"]
    assert whats(env) == built
    env.main()
    assert whats(env) == []
    os.utime(env.PROJECT, (2**31, 2**31))
    env.main()
    assert whats(env) == ["kdelab itself"]
    env.LOCK.write_text(env.LOCK.read_text() + "zzz==1\n")
    env.main()
    assert whats(env) == built


def test_what_was_cut_short_is_built_again_from_nothing(env):
    env.fails = "kdelab itself"
    with pytest.raises(SystemExit, match="could not be installed"):
        env.main()
    half = env.ROOT / ".venv" / "half"
    half.write_text("of a package")
    env.fails = ""
    env.steps.clear()
    env.main()
    assert len(whats(env)) == 5
    assert not half.exists()


def test_pip_takes_uv_s_place_where_that_fails_and_both_ask_for_hashes(env):
    env.fails = "by uv"
    env.main()
    commands = [command for _, command in env.steps]
    assert [what.split(", ")[-1] for what, _ in env.steps[1:4]] == ["by its hash", "by uv", "by pip"]
    assert all("--require-hashes" in command and "--no-deps" in command for command in commands[1:4])
    assert (env.ROOT / ".venv" / "uv.txt").read_text() == UV


def test_a_framework_comes_on_top_of_the_lock_in_an_environment_of_its_own(env):
    env.main("fast")
    what, command = env.steps[3]
    assert what == "fast==1.0 and faster==2.0, by pip"
    assert command[0].startswith(str(env.ROOT / ".venv-fast"))
    assert command[-2:] == ("fast==1.0", "faster==2.0")
    assert len(whats(env)) == 6
    env.main("fast")
    assert whats(env) == []
    env.PROJECT.write_text(GROUPS.replace("1.0", "1.1"))
    env.main("fast")
    assert "fast==1.1 and faster==2.0" in whats(env)
    with pytest.raises(SystemExit, match="dependency groups fast, not slow"):
        env.main("slow")
    env.fails = "faster"
    env.PROJECT.write_text(GROUPS)
    with pytest.raises(SystemExit, match="could not be installed on top of"):
        env.main("fast")


def test_the_lock_pins_uv_itself():
    assert "\nuv==" in (ROOT / "requirements.lock").read_text()


def test_a_second_process_waits_until_the_first_has_ended(env, tmp_path):
    with open(tmp_path / "locked", "w+b") as first, open(tmp_path / "locked", "r+b") as second:
        assert env.locked(first.fileno())
        assert not env.locked(second.fileno())
        first.close()
        assert env.locked(second.fileno())


def test_uv_looks_where_pip_is_told_to_look(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("env_script", ROOT / "tools" / "env.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    (tmp_path / "pip.conf").write_text(PIP)
    here = script.Environment(tmp_path, [])
    here.pip = [sys.executable, "-m", "pip"]
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://zero/simple")
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode:
        pytest.skip("there is no pip here")
    found = here.indexes()
    pairs = list(zip(found[::2], found[1::2], strict=True))
    assert ("--index-url", "https://zero/simple") in pairs
    assert {("--extra-index-url", "https://two/simple"), ("--extra-index-url", "https://three/simple")} <= set(pairs)
