"""Open the notebooks in JupyterLab, as copies: ``python tools/lab.py [JupyterLab's options]``, or `make lab`.

The copies are in lab/, which git ignores, beside a twin of each in lab/.fresh as it was copied: a copy that still
equals its twin follows notebooks/, any other is somebody's work and stays.
"""

import filecmp
import json
import os
import shutil
import sys
from pathlib import Path

from jupyterlab.labapp import LabApp

ROOT = Path(__file__).resolve().parent.parent
FIRST = "00-start-here.ipynb"
SETTINGS = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}


def copied(notebooks: Path, lab: Path) -> list[str]:
    """Copy what isn't there or hasn't been edited; return the names of edited copies that were kept."""
    fresh = lab / ".fresh"
    fresh.mkdir(parents=True, exist_ok=True)
    kept = []
    for original in sorted(notebooks.glob("*.ipynb")):
        copy, twin = lab / original.name, fresh / original.name
        if copy.exists() and not (twin.exists() and filecmp.cmp(copy, twin, shallow=False)):
            kept.append(original.name)
            continue
        for path in (twin, copy):
            shutil.copyfile(original, path)
    return kept


def has_screen() -> bool:
    """Whether a browser could open here."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def options(lab: Path) -> list[str]:
    """Return what JupyterLab is told: where it is, what it opens, and not to ask whether news are wanted."""
    settings = lab / ".settings"
    settings.mkdir(exist_ok=True)
    (settings / "overrides.json").write_text(json.dumps(SETTINGS), encoding="utf-8")
    given = [
        f"--ServerApp.root_dir={ROOT}",  # not lab/: notebooks lead to ../docs
        f"--LabApp.default_url=/lab/tree/{lab.name}/{FIRST}",
        f"--LabApp.app_settings_dir={settings}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        given.append("--allow-root")
    return given if has_screen() else [*given, "--no-browser"]


def main() -> None:
    """Copy, say so, and serve until Ctrl-C."""
    lab = ROOT / "lab"
    kept = copied(ROOT / "notebooks", lab)
    print("lab/ holds copies of the notebooks; edit them as you like, those in notebooks/ stay as they are", flush=True)
    if kept:
        print(f"edited and kept: {', '.join(kept)}; delete a copy, and `make lab` brings a fresh one", flush=True)
    if not has_screen():
        print("no screen here: open the address below, on another machine with --ip=0.0.0.0", flush=True)
    # For kernels: this checkout's kdelab, installed or not.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    LabApp.launch_instance([*options(lab), *sys.argv[1:]])


if __name__ == "__main__":
    main()
