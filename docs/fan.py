"""Copy notebook 05's fan, as committed, to docs/fan.png, which README shows: ``python docs/fan.py``."""

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def png() -> bytes:
    """Return the picture that notebook 05 decides by."""
    notebook = json.loads((ROOT / "notebooks" / "05-near-and-far.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    (decisive,) = (one for one in outputs if one.get("metadata", {}).get("kdelab", {}).get("decisive"))
    return base64.b64decode(decisive["data"]["image/png"])


if __name__ == "__main__":
    (ROOT / "docs" / "fan.png").write_bytes(png())
