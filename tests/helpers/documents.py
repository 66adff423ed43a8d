"""Blocks of code on the project's pages, and a fresh checkout to run them in."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = "https://github.com/kdelab/kdelab"
PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
FENCED = re.compile(r"^```([^\n`]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, what stands behind the fence, and its text."""

    page: str
    language: str
    text: str

    @property
    def first(self) -> str:
        """Its first line, which names it."""
        return self.text.partition("\n")[0]


BLOCKS = [Block(page, *found) for page in PAGES for found in FENCED.findall((ROOT / page).read_text(encoding="utf-8"))]


def block(page: str, first: str) -> str:
    """Return the text of the one block of a page that begins so."""
    (found,) = (one.text for one in BLOCKS if one.page == page and one.text.startswith(first))
    return found


def checkout(folder: Path) -> Path:
    """Commit the working tree to a new repository, which a clone may be taken of."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).exists():  # not one that is about to be deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    author = ["-c", "user.name=kdelab", "-c", "user.email=kdelab@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "--all", "--force"], [*author, "commit", "-qm", "the working tree"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


def outside(repository: Path | None = None) -> dict[str, str]:
    """Return the environment of somebody who has this Python, no environment and no screen.

    What lies at `HOME` is, for git, this repository.
    """
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "DISPLAY", "WAYLAND_DISPLAY", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON")
    env = {name: value for name, value in os.environ.items() if name not in ours}
    env["PATH"] = os.pathsep.join([str(Path(sys.base_prefix) / "bin"), env.get("PATH", "")])
    if repository is not None:
        env |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": HOME,
        }
    return env


def shell(lines: str, folder: Path, env: dict[str, str]) -> str:
    """Run lines in bash, to the first that fails; return what was printed."""
    command = ["bash", "-euo", "pipefail", "-c", lines]
    done = subprocess.run(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, f"{lines}\nended with {done.returncode}:\n{done.stdout[-4000:]}"
    return done.stdout
