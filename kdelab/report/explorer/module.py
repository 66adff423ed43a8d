"""What draws the explorer, in a browser: explorer.js and explorer.css, as they stand on pages and in the widget."""

from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPT = (HERE / "explorer.js").read_text(encoding="utf-8")
STYLE = (HERE / "explorer.css").read_text(encoding="utf-8")

#: What an explorer shows, in a notebook's output: points, logits, target, kernel, bandwidth, shape.
MIME = "application/vnd.kdelab.explorer+json"

#: What is shown when nothing is asked for: some points near, some far, on both sides of a target.
EXAMPLE: dict[str, Any] = {
    "points": [-0.35, -0.05, 0.1, 0.6],
    "logits": [0.0, 0.3, -0.2, 0.4],
    "target": [-0.15, 0.15],
    "kernel": "Laplace",
    "bandwidth": 0.1,
    "shape": 1.0,
}
