"""Rehearse a release: ``python tools/release.py [FOLDER]``, or `make release`.

An sdist, the wheel that this sdist builds, twine's opinion of both, and the documents' lines in environments with
nothing but that wheel.  The folder gets the two files; all else that was made is removed.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALONE = {"kdelab", "llvmlite", "numba", "numpy", "scipy"}
MOST = 400  # MB that these may take, Python's bytecode aside
ENV = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # of make: this folder


def main() -> None:
    """Rehearse; a step that fails ends it."""
    with tempfile.TemporaryDirectory(prefix="kdelab-release-") as name:
        folder = Path(name)
        wheel = built(folder)
        python = environment(folder / "twine", "twine")
        run(
            "twine",
            [str(python), "-m", "twine", "check", "--strict", *map(str, sorted(wheel.parent.iterdir()))],
            folder,
        )
        python = environment(folder / "env", str(wheel))
        alone(python, folder)
        with_gun(python, wheel, folder)
        if sys.argv[1:]:
            shutil.copytree(wheel.parent, sys.argv[1], dirs_exist_ok=True)
    print("a release would work")


def run(what: str, command: list[str], cwd: Path, code: int = 0) -> str:
    """Say what is done and do it; return what was printed, or end with that if the exit code is another one."""
    print(what, flush=True)
    done = subprocess.run(command, cwd=cwd, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != code:
        sys.exit(f"{what}: {' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    return done.stdout


def built(folder: Path) -> Path:
    """Build the sdist, and from it the wheel; return that."""
    dist = folder / "dist"
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(dist), "-t"]
    run("sdist", [*build, "sdist"], ROOT)
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder / "sdist", filter="data")
    (source,) = (folder / "sdist").iterdir()
    run("wheel", [*build, "wheel"], source)
    (wheel,) = dist.glob("*.whl")
    print(f"{sdist.name} {sdist.stat().st_size / 1e6:.1f} MB, {wheel.name} {wheel.stat().st_size / 1e6:.1f} MB")
    return wheel


def environment(folder: Path, *wanted: str) -> Path:
    """Make an environment with some packages; return its interpreter."""
    print(f"an environment with {', '.join(Path(one).name for one in wanted)}", flush=True)
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run("pip install", [str(python), "-m", "pip", "install", "--quiet", *wanted], folder)
    return python


def lines(page: str) -> str:
    """Return a document's first block of Python."""
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)[0]


def alone(python: Path, folder: Path) -> None:
    """Do what works without extras, and see what doesn't say so."""
    listed = run("pip list", [str(python), "-m", "pip", "list", "--format", "freeze"], folder)
    names = {line.partition("==")[0] for line in listed.splitlines() if "==" in line}
    if more := names - {"pip", "setuptools", "wheel"} - ALONE:
        sys.exit(f"pip install kdelab also brings {sorted(more)}")
    files = [path for path in packages(python).rglob("*") if path.is_file() and not _pip(path)]
    size = sum(path.stat().st_size for path in files) / 1e6
    bytecode = sum(path.stat().st_size for path in files if path.suffix == ".pyc") / 1e6
    print(f"{size:.0f} MB in site-packages, pip aside; {bytecode:.0f} of it bytecode; the rest may be {MOST}")
    if size - bytecode > MOST:
        sys.exit("that is too much")
    print(run("README's lines", [str(python), "-c", lines("README.md")], folder), end="")
    command = str(python.with_name("kdelab"))
    print(run("kdelab --version", [command, "--version"], folder), end="")
    print(run("kdelab gun, which is not there", [command, "gun"], folder, code=2), end="")


def with_gun(python: Path, wheel: Path, folder: Path) -> None:
    """Do what takes the extra for guns."""
    run('"kdelab[gun]"', [str(python), "-m", "pip", "install", "--quiet", f"{wheel}[gun]"], folder)
    print(run("the lines on waves", [str(python), "-c", lines("docs/gun.md")], folder), end="")
    run("kdelab gun --help", [str(python.with_name("kdelab")), "gun", "--help"], folder)


def packages(python: Path) -> Path:
    """Return an environment's site-packages."""
    said = subprocess.check_output(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    return Path(said.strip())


def _pip(path: Path) -> bool:
    return any(re.match(r"(_distutils_hack|pip|setuptools|pkg_resources)\b", part) for part in path.parts)


if __name__ == "__main__":
    main()
